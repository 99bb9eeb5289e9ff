//! The workspace's own rules (edges, sources), the test kit on real servers, and what the database
//! layer promises, proved on both databases.
#![expect(clippy::expect_used, reason = "a helper of a test fails it by panicking")]

mod database;
mod edges;
mod postgres;
mod process;
mod redis;
mod sources;
mod workspace;
