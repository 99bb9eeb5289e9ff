//! What is owed (J32).

pub(crate) mod get;
pub(crate) mod list;
