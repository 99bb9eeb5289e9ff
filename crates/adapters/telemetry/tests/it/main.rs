//! Logs, figures and spans from the outside: what is written, counted and sent.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "set-up of tests: a failure is a panic")]

mod lines;
#[cfg(feature = "otlp")]
mod traces;
mod watching;
mod writing;
