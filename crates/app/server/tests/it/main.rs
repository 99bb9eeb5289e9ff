//! The whole of it: the `domicile` binary and the house it is built of, on real databases.

mod first_day;
mod import;
mod support;
