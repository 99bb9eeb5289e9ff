//! What tests need around them: throw-away PostgreSQL and Redis, races that really race, the real binary as a process,
//! and clients of its sockets, polite and otherwise.
//!
//! For development only: no crate that ships may depend on this one. A test that wants a database says
//! `Database::create(&Cluster::shared(), …)`; where the cluster comes from (the run's own, or one started here under a
//! file lock) is not the test's business. Nothing is ever skipped: a missing program fails the test with the command
//! that installs it.
#![warn(missing_docs)]
#![expect(
    clippy::expect_used,
    reason = "a test's environment that is broken should fail the test at once, and say why"
)]

pub mod barrier;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod socket;
pub mod store;

mod service;
