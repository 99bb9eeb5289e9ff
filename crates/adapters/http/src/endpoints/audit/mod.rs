//! The audit trail (J17).

pub(crate) mod list;
