//! Proofs that take longer than the suite has time for: `cargo test -p domicile-server --test chaos`. Each has a smaller run
//! of the same code in the suite.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a helper of a test fails it by panicking; seeds and figures are printed for whoever reads a failure"
)]

mod import;

#[path = "../it/live"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod live {
    mod crowd;
    mod fan_out;
    mod garbage;
    mod nodes;
    mod resume;
    pub(crate) mod scale;
    mod tenants;
}
#[path = "../it/money"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod money {
    mod stage;
    mod webhooks;
}
#[path = "../it/import/place.rs"]
mod place;
#[path = "../it/process"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod process {
    pub(crate) mod ground;
}
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod support;

/// The proofs are run at their whole size, whatever time that takes.
const WHOLE: bool = true;
