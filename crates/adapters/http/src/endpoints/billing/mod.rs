//! The terms a house bills by, and what happened between it and a person (J32).

pub(crate) mod statement;
pub(crate) mod terms;
pub(crate) mod update_terms;
