//! No secret leaves by a side door: more than forty are planted, the main flows are walked with logs at `trace` and spans
//! sent to a collector, and everything that an operator or a stranger could read afterwards is searched for each of them. A
//! test binary of its own only because telemetry is of a whole process: beside the suite, where one process runs all tests,
//! it would tell and keep what the others do.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a helper of a test fails it by panicking; figures are printed for whoever reads a failure"
)]

mod flows;
mod post_office;
mod search;
mod stage;
mod traces;

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod support;
