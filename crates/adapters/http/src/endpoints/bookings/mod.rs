//! Stays: asking for a bed and every move after it (J22, J23).

pub(crate) mod approve;
pub(crate) mod cancel;
pub(crate) mod check_in;
pub(crate) mod check_out;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod reject;
pub(crate) mod update;
