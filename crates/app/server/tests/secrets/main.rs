//! No secret leaves by a side door: more than forty are planted, the main flows are walked with logs at `trace` and spans
//! sent to a collector, and everything that an operator or a stranger could read afterwards is searched for each of them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails it by panicking")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "not every test binary that shares this module needs all of it")]
mod support;

mod flows;
mod post_office;
mod search;
mod stage;
mod traces;
