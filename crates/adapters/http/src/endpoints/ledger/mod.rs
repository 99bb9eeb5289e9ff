//! The books of a house, for who may read them (J32).

pub(crate) mod balances;
pub(crate) mod journals;
pub(crate) mod put_aside;
pub(crate) mod quarantine;
