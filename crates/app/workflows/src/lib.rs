//! What needs more than one context, or happens later: the worker that does due jobs, and the import of bookings.
//!
//! The ports here are those of this crate's own loops; the server joins them to the database and the mail.
//! Must never know: an adapter.

pub mod import;
pub mod worker;

pub use worker::{JobQueue, LeasedJob, Post, PostError, Upkeep, Worker};
