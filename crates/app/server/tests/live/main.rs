//! Live connections from end to end: what is promised about sockets, proved against the real thing, most of it against the
//! binary as a process. The longest ones run at their whole size in `just chaos`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a helper of a test fails it by panicking; seeds and figures are printed for whoever reads a failure"
)]

mod audience;
mod closing;
mod crowd;
mod drain;
mod fan_out;
mod garbage;
mod nodes;
mod resume;
mod revocation;
mod scale;
mod tenants;
mod tickets;

#[path = "../it/process"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod process {
    pub(crate) mod ground;
    pub(crate) mod load;
}
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod support;

/// Whether the proofs are run at their whole size, whatever time that takes.
const WHOLE: bool = false;
