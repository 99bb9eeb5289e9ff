//! The workflows over the ports in memory: no database, no runtime.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod import;
mod worker;
