//! What an operator sees over HTTP: performance, metrics, health (J11, F42).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails it by panicking")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "not every test binary that shares this module needs all of it")]
mod support;

mod health;
mod metrics;
mod performance;
