//! Answers that are kept (J10, J20), over HTTP and real databases: that they cost no round trip, are never older than an
//! acknowledged write, and reach nobody they are not for.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails it by panicking")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "not every test binary that shares this module needs all of it")]
mod support;

mod hammer;
mod node;
mod nodes;
mod open_loads;
mod readers;
mod writes;
