//! What the worker needs from outside: the queue of jobs, the mail, what the sandbox gateway tells, and the database's upkeep.

use async_trait::async_trait;
use domicile_access::Mail;
use domicile_kernel::{Call, HostelId, Instant, JobId, JobTicket, NewJob, StoreError};
use serde_json::Value;
use tracing::Span;

use crate::lane::Kinds;

/// A job in the worker's hands.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// Proof of the lease.
    pub ticket: JobTicket,
    /// What is to be done.
    pub kind: String,
    /// The hostel it was wanted in.
    pub hostel: Option<HostelId>,
    /// How often it was taken, this time included.
    pub attempts: i64,
    /// What the job needs.
    pub payload: Value,
    /// The request that wanted it.
    pub request_id: String,
    /// The W3C `traceparent` of that request.
    pub trace: Option<String>,
}

/// The queue of jobs.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Takes due jobs of these kinds until `lease_until`.
    async fn take(
        &self,
        kinds: &Kinds,
        now: Instant,
        lease_until: Instant,
        most: u32,
    ) -> Result<Vec<LeasedJob>, StoreError>;
    /// Gives one back, to be done at `due`.
    async fn put_back(&self, ticket: &JobTicket, due: Instant, why: &str) -> Result<(), StoreError>;
    /// Completes one whose effect lies outside the database, or which is given up.
    async fn complete(&self, ticket: &JobTicket) -> Result<(), StoreError>;
    /// Wants jobs, each unless it is wanted already.
    async fn ensure(&self, call: &Call, jobs: Vec<NewJob>) -> Result<(), StoreError>;
    /// The span in which a job is done: part of the trace of the request that wanted it.
    fn span(&self, _job: &LeasedJob) -> Span {
        Span::none()
    }
    /// Hears what became of a job: `done`, `again` or `given_up`.
    fn settled(&self, _job: &LeasedJob, _result: &'static str) {}
}

/// Why a mail did not go out.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It may go out later.
    #[error("{0}")]
    Temporary(String),
    /// It never will.
    #[error("{0}")]
    Permanent(String),
}

/// Sends mail.
#[async_trait]
pub trait Post: Send + Sync {
    /// Sends one; the same id is the same mail.
    async fn send(&self, id: JobId, mail: &Mail) -> Result<(), PostError>;
}

/// Removes what is past its time and belongs to no context.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Removes idempotency keys made before an instant.
    async fn purge_idempotency_keys(&self, before: Instant) -> Result<u64, StoreError>;
    /// Removes events that happened before an instant.
    async fn purge_events(&self, before: Instant) -> Result<u64, StoreError>;
    /// Removes what gateways told: what had its effect before one instant, and what was put aside before another.
    async fn purge_webhooks(&self, processed: Instant, put_aside: Instant) -> Result<u64, StoreError>;
}

/// Tells what the sandbox gateway has to tell, as a real one tells from outside.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Tells at most so many outcomes, each until it is acknowledged.
    async fn tell(&self, most: u32) -> Result<Told, StoreError>;
}

/// What came of telling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether there may be more.
    pub more: bool,
    /// Why some of it was not acknowledged.
    pub failed: Option<String>,
}
