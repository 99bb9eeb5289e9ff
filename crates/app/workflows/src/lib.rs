//! What needs more than one context, or happens later: the worker that does due jobs, and the import of bookings.
//!
//! The ports here are those of this crate's own loops; the server joins them to the database and the mail.
//! Must never know: an adapter.

pub mod import;
pub mod lane;
pub mod ports;
pub mod worker;

pub use lane::{Kinds, Lane, SANDBOX_NOTICE};
pub use ports::{JobQueue, LeasedJob, Notices, Post, PostError, Told, Upkeep};
pub use worker::Worker;
