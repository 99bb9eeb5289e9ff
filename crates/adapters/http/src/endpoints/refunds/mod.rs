//! Money on its way back (J31).

pub(crate) mod get;
pub(crate) mod retry;
