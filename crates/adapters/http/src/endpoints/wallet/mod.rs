//! One's own wallet in a hostel (J32).

pub(crate) mod get;
pub(crate) mod pay;
pub(crate) mod topup;
