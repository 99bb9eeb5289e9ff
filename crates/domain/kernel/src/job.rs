//! What is to be done later. A job is a row written in the transaction that wants it; doing it and completing it are one
//! transaction too, so it happens once even when the process dies in between.

use serde_json::Value;

use crate::{id::JobId, time::Instant};

/// A job to be written. `(kind, key)` is unique among waiting jobs: writing it again changes its due time, not its number.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// What is to be done: `mail.send`, `booking.end_hold`, `sweep.codes`.
    pub kind: &'static str,
    /// What makes it one and the same job.
    pub key: String,
    /// Not before.
    pub due: Instant,
    /// What the worker needs. Stored encrypted, for it may hold a code or an address.
    pub payload: Value,
}

/// A leased job: carried by a [`Call`](crate::Call), so that the commit of its effect also completes it. A commit whose
/// lease was lost to another worker fails and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTicket {
    /// Which job.
    pub id: JobId,
    /// Until when it is ours; also the fence: another lease has another instant.
    pub lease_until: Instant,
}
