//! The unit of work: the only way anything changes. A use case opens one, loads, decides, writes, records events and
//! audit rows, and commits; the change, its events, its audit rows, its jobs and the answer to its idempotency key become
//! permanent together or not at all.
//!
//! Each context declares its own narrow view over this trait and a factory port:
//!
//! ```text
//! trait BookingUow: UnitOfWork { fn rooms(&mut self) -> &mut dyn RoomRepository; … }
//! trait BookingUows { async fn begin(&self, call: &Call) -> Result<Box<dyn BookingUow>, StoreError>; … }
//! ```
//!
//! A task never holds two. Dropping one rolls back.

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    audit::AuditEntry,
    event::NewEvent,
    fault::{Code, Detail, Fault},
    job::NewJob,
};

/// The serialisable answer of a use case, stored with its idempotency key so that a repeat gets the same one.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome(Value);

impl Outcome {
    /// The answer is this view.
    #[must_use]
    pub fn of<T: Serialize>(view: &T) -> Self {
        Self(serde_json::to_value(view).unwrap_or(Value::Null))
    }

    /// There is nothing to tell beside that it is done.
    #[must_use]
    pub const fn done() -> Self {
        Self(Value::Null)
    }

    /// An outcome as it was stored.
    #[must_use]
    pub const fn stored(value: Value) -> Self {
        Self(value)
    }

    /// The JSON to store.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The view it was made of.
    pub fn view<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_value(self.0.clone()).map_err(|error| StoreError::Corrupt(error.into()))
    }
}

/// The driver's own error, kept as the source only.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in a store, in kinds a caller can act on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A constraint that the code should have foreseen. Carries the constraint's name.
    #[error("The change conflicts with an existing record")]
    Conflict(String),
    /// The row was changed or removed since it was read.
    #[error("This record has been modified by another user")]
    Stale,
    /// The database is busy, restarting or out of connections; the same request may succeed in a moment.
    #[error("The service is busy. Please try again in a moment.")]
    Transient(#[source] Cause),
    /// What is stored cannot be read back.
    #[error("Something went wrong on our side")]
    Corrupt(#[source] Cause),
    /// Anything else.
    #[error("Something went wrong on our side")]
    Other(#[source] Cause),
    /// No failure: the idempotency key was used before with the same request, and this is the stored answer.
    #[error("This request was answered before")]
    Replayed(Outcome),
    /// The idempotency key was used before with another request.
    #[error("This idempotency key was used with a different request. Use a new key.")]
    KeyReused,
    /// The first request with this idempotency key is still running.
    #[error("The first request with this idempotency key is still running. Try again in a moment.")]
    KeyInFlight,
    /// The job this call does was taken over by another worker.
    #[error("The job's lease was lost")]
    LeaseLost,
}

impl Fault for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Conflict(_) | Self::KeyInFlight | Self::LeaseLost | Self::Replayed(_) => Code::ResourceConflict,
            Self::Stale => Code::VersionConflict,
            Self::Transient(_) => Code::ServiceUnavailable,
            Self::Corrupt(_) | Self::Other(_) => Code::DatabaseError,
            Self::KeyReused => Code::IdempotencyKeyReused,
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::KeyInFlight | Self::Transient(_) => Detail::RetryAfter(1),
            Self::Conflict(_) | Self::Stale | Self::Corrupt(_) | Self::Other(_) => Detail::None,
            Self::Replayed(_) | Self::KeyReused | Self::LeaseLost => Detail::None,
        }
    }

    fn replayed(&self) -> Option<&Outcome> {
        match self {
            Self::Replayed(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// What every unit of work can do beside its context's repositories.
#[async_trait]
pub trait UnitOfWork: Send {
    /// Tells the outside what happened; becomes visible with the commit.
    fn record(&mut self, event: NewEvent);

    /// Notes it in the audit trail; becomes permanent with the commit.
    fn audit(&mut self, entry: AuditEntry);

    /// Wants something done later; becomes a job with the commit.
    fn enqueue(&mut self, job: NewJob);

    /// Makes everything permanent, with the answer for the idempotency key if the call has one. Nothing after it can fail
    /// the command.
    async fn commit(self: Box<Self>, outcome: Outcome) -> Result<(), StoreError>;

    /// Gives everything up.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}
