//! The sessions of the signed-in person (J4c).

pub(crate) mod list;
pub(crate) mod revoke;
pub(crate) mod revoke_others;
