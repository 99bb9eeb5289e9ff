//! What a stay costs and how it is billed, before it is (J32).

pub(crate) mod booking;
pub(crate) mod room;
