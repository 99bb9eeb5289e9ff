//! Who is online.

pub(crate) mod list;
