//! The worker: takes due jobs and does each once. A job whose effect is in the database is completed by the commit of its
//! effect; mail is sent first and completed after, under a message id that is the job's, so a mail sent twice is the same mail.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domicile_access::{Mail, Sweeper, mail::SEND_MAIL};
use domicile_booking::{EndHoldError, FrontDesk, HoldPayload};
use domicile_kernel::{
    Actor, Ambient, Call, HostelId, Instant, JobId, JobTicket, NewJob, Purpose, RequestId, Scope, StoreError, Who,
};
use serde_json::{Value, json};
use tracing::{Instrument as _, Span};

/// How long a job is held before another worker may take it.
const LEASE: Duration = Duration::from_mins(1);
/// At most this many jobs at a time.
const BATCH: u32 = 20;
/// A job that failed this often is given up, with an error in the log.
const MOST_ATTEMPTS: i64 = 12;

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
    /// Takes due jobs until `lease_until`.
    async fn take(&self, now: Instant, lease_until: Instant, most: u32) -> Result<Vec<LeasedJob>, StoreError>;
    /// Gives one back, to be done at `due`.
    async fn put_back(&self, ticket: &JobTicket, due: Instant, why: &str) -> Result<(), StoreError>;
    /// Completes one whose effect lies outside the database, or which is given up.
    async fn complete(&self, ticket: &JobTicket) -> Result<(), StoreError>;
    /// Wants a job, unless it is wanted already.
    async fn ensure(&self, call: &Call, job: NewJob) -> Result<(), StoreError>;
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
}

/// The sweeps: what each is called and how often it is done.
const SWEEPS: &[(&str, Duration)] = &[
    ("sweep.access", Duration::from_mins(10)),
    ("sweep.idempotency_keys", Duration::from_hours(1)),
    ("sweep.events", Duration::from_hours(1)),
];

/// How long a sweep that failed waits.
const SWEEP_AGAIN: Duration = Duration::from_mins(1);

/// How long an idempotency key is kept (W9).
const KEYS_KEPT: Duration = Duration::from_hours(24);

/// Does jobs.
pub struct Worker {
    /// Where they come from.
    pub queue: Arc<dyn JobQueue>,
    /// Where mail goes.
    pub post: Arc<dyn Post>,
    /// Stays, for holds that end.
    pub front_desk: FrontDesk,
    /// Codes and sessions that are past their time.
    pub sweeper: Sweeper,
    /// Keys and events that are past their time.
    pub upkeep: Arc<dyn Upkeep>,
    /// Time and ids.
    pub ambient: Ambient,
    /// How long events are kept.
    pub events_kept: Duration,
}

/// What became of one job.
enum Done {
    /// Its commit completed it.
    Completed,
    /// Its effect is outside; it is to be completed now.
    Complete,
    /// It is to be done again.
    Again(Instant, String),
    /// It never will be.
    GivenUp(String),
}

impl Done {
    fn result(&self, attempts: i64, kind: &str) -> &'static str {
        match self {
            Self::Completed | Self::Complete => "done",
            Self::Again(..) if !hopeless(attempts, kind) => "again",
            Self::Again(..) | Self::GivenUp(_) => "given_up",
        }
    }
}

/// Whether a job has failed often enough. A sweep that fails is always tried again.
fn hopeless(attempts: i64, kind: &str) -> bool {
    attempts >= MOST_ATTEMPTS && !kind.starts_with("sweep.")
}

impl Worker {
    /// Wants every sweep, unless it is wanted already.
    pub async fn plan_sweeps(&self) -> Result<(), StoreError> {
        for (kind, _every) in SWEEPS {
            let call = Self::call(None, &RequestId::from_uuid(self.ambient.ids.uuid()), None);
            let job = NewJob {
                id: self.ambient.id(),
                kind,
                key: (*kind).to_owned(),
                due: self.ambient.now(),
                payload: json!({}),
            };
            self.queue.ensure(&call, job).await?;
        }
        Ok(())
    }

    /// Does what is due now; answers how many jobs were taken.
    pub async fn run_due(&self) -> Result<usize, StoreError> {
        let now = self.ambient.now();
        let jobs = self.queue.take(now, now.plus(LEASE), BATCH).await?;
        let taken = jobs.len();
        for job in jobs {
            // What came before took too long: another worker may have this one now, and a mail of it would go out twice.
            if self.ambient.now() >= job.ticket.lease_until {
                tracing::warn!(job = %job.ticket.id, kind = %job.kind, "a lease ran out before its job was begun");
                break;
            }
            let span = self.queue.span(&job);
            let done = self.perform(&job).instrument(span.clone()).await;
            self.queue.settled(&job, done.result(job.attempts, &job.kind));
            let settled = async {
                match done {
                    Done::Completed => Ok(()),
                    Done::Complete => self.queue.complete(&job.ticket).await,
                    Done::Again(_, why) if hopeless(job.attempts, &job.kind) => {
                        tracing::error!(job = %job.ticket.id, kind = %job.kind, attempts = job.attempts, why, "a job is given up");
                        self.queue.complete(&job.ticket).await
                    }
                    Done::Again(due, why) => self.queue.put_back(&job.ticket, due, &why).await,
                    Done::GivenUp(why) => {
                        tracing::error!(job = %job.ticket.id, kind = %job.kind, why, "a job cannot be done");
                        self.queue.complete(&job.ticket).await
                    }
                }
            };
            match settled.instrument(span).await {
                Ok(()) | Err(StoreError::LeaseLost) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    async fn perform(&self, job: &LeasedJob) -> Done {
        match job.kind.as_str() {
            SEND_MAIL => self.send_mail(job).await,
            HoldPayload::KIND => self.end_hold(job).await,
            kind => match SWEEPS.iter().find(|(name, _)| *name == kind) {
                Some((name, every)) => self.sweep(name, *every).await,
                None => Done::GivenUp(format!("no worker knows {kind}")),
            },
        }
    }

    async fn send_mail(&self, job: &LeasedJob) -> Done {
        let mail: Mail = match serde_json::from_value(job.payload.clone()) {
            Ok(mail) => mail,
            Err(_other_shape) => return Done::GivenUp("the payload is no mail".to_owned()),
        };
        match self.post.send(job.ticket.id, &mail).await {
            Ok(()) => Done::Complete,
            Err(PostError::Temporary(why)) => self.later(job, why),
            Err(PostError::Permanent(why)) => Done::GivenUp(why),
        }
    }

    async fn end_hold(&self, job: &LeasedJob) -> Done {
        let hold: HoldPayload = match serde_json::from_value(job.payload.clone()) {
            Ok(hold) => hold,
            Err(_other_shape) => return Done::GivenUp("the payload names no booking".to_owned()),
        };
        let request_id =
            RequestId::accept(&job.request_id).unwrap_or_else(|| RequestId::from_uuid(self.ambient.ids.uuid()));
        let call = Self::call(Some(hold.hostel_id), &request_id, Some(job.ticket.clone()));
        match self.front_desk.end_hold(&call, hold.booking_id).await {
            Ok(_ended) => Done::Completed,
            Err(EndHoldError::NotYet(until)) => Done::Again(until, "the hold still runs".to_owned()),
            Err(error) => self.later(job, error.to_string()),
        }
    }

    async fn sweep(&self, kind: &str, every: Duration) -> Done {
        let now = self.ambient.now();
        let call = Self::call(None, &RequestId::from_uuid(self.ambient.ids.uuid()), None);
        let swept = match kind {
            "sweep.access" => self.sweeper.sweep(&call).await.map(|_purged| ()).map_err(|error| error.to_string()),
            "sweep.idempotency_keys" => self
                .upkeep
                .purge_idempotency_keys(now.minus(KEYS_KEPT))
                .await
                .map(|_count| ())
                .map_err(|error| error.to_string()),
            _ => self
                .upkeep
                .purge_events(now.minus(self.events_kept))
                .await
                .map(|_count| ())
                .map_err(|error| error.to_string()),
        };
        match swept {
            Ok(()) => Done::Again(now.plus(every), String::new()),
            // A sweep counts every time it is done as an attempt, so its pause does not grow with them.
            Err(why) => Done::Again(now.plus(SWEEP_AGAIN), why),
        }
    }

    /// Again after a pause that doubles: 2 s, 4 s, … up to an hour.
    fn later(&self, job: &LeasedJob, why: String) -> Done {
        let pause = 1u64 << job.attempts.clamp(1, 11);
        Done::Again(self.ambient.now().plus(Duration::from_secs(pause.min(3_600))), why)
    }

    fn call(hostel: Option<HostelId>, request_id: &RequestId, job: Option<JobTicket>) -> Call {
        #[expect(
            clippy::disallowed_methods,
            reason = "the worker acts for the installation, on jobs the installation wrote"
        )]
        let actor = Actor::vouched_for(Who::System(Purpose::Jobs));
        let scope = hostel.map_or(Scope::System(Purpose::Jobs), Scope::Hostel);
        let mut call = Call::new(actor, scope, request_id.clone());
        call.job = job;
        call
    }
}
