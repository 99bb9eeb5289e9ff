//! What the database layer promises, proved on real databases: through its ports where a port shows it, past them where
//! only the rows do.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that asks for what is not there fails, which is its purpose"
)]

mod access;
mod audit;
mod away;
mod billing;
mod booking;
mod catalogue;
mod contracts;
mod currency;
mod idempotency;
mod isolation;
mod jobs;
mod limits;
mod log;
mod pool;
mod relay;
mod schema;
mod sealed;
mod trips;
