//! Persistence: one set of repositories over one schema, on PostgreSQL and SQLite.
//!
//! What stands where:
//!
//! | question | file |
//! | --- | --- |
//! | how a database is opened, and what it is opened with | [`database`] |
//! | the only place that begins a transaction | `uow` (writes), `read` (views) |
//! | a transaction as the ORM's connection | `tx` |
//! | everything in which the two databases differ | `dialect` |
//! | the idempotency promise | `idempotency` |
//! | from outbox to event log, and the audit chain | [`relay`] |
//! | one hostel's log, and who is online there | `log` |
//! | leasing what is due | [`jobs`] |
//! | whether this node has the installation's keys | [`keys`] |
//! | encrypted columns | [`sealed`] |
//! | migrations at start, and whether this binary may | [`schema`] |
//! | a context's repositories | `booking/`, `billing/`, `access/`, `tenancy/` |
//! | the rows of the sandbox gateway | [`sandbox`] |
//!
//! Must never know: a rule of a domain, HTTP, the wall clock.

mod access;
mod billing;
mod booking;
pub mod database;
mod dialect;
mod entities;
mod idempotency;
pub mod jobs;
pub mod keys;
mod log;
mod read;
pub mod relay;
mod rounds;
pub mod sandbox;
pub mod schema;
pub mod sealed;
mod tenancy;
mod tx;
mod uow;

pub use database::{Backend, Change, CommitListener, Committed, Database, Options, Parts};
pub use sealed::{FieldCipher, SealBroken};
