//! Money held for a stay: what is to be kept of it, what the resident says, and its end (J32).

pub(crate) mod answer;
pub(crate) mod assess;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod settle;
