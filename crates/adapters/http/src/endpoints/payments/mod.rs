//! Paying by a gateway and giving back (J30, J31).

pub(crate) mod apply;
pub(crate) mod get;
pub(crate) mod initialize;
pub(crate) mod list;
pub(crate) mod receipt;
pub(crate) mod refund;
pub(crate) mod refunds;
pub(crate) mod verify;
pub(crate) mod webhook;
