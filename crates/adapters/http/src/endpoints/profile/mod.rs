//! One's own profile (J16).

pub(crate) mod get;
pub(crate) mod update;
