//! The whole of it: the `domicile` binary and the house it is built of, on real databases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a helper of a test fails it by panicking; seeds and waits are printed for whoever reads a failure"
)]

mod first_day;
mod import;
mod kept;
mod limits;
mod live;
mod money;
mod panics;
mod process;
mod races;
mod sockets;
mod support;
mod watched;
mod wire;

/// Whether the proofs are run at their whole size, whatever time that takes; `just chaos` does.
const WHOLE: bool = false;
