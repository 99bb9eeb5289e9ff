//! The worker: takes due jobs and does each once. A job whose effect is in the database is completed by the commit of its
//! effect; mail is sent first and completed after, under a message id that is the job's, so a mail sent twice is the same mail.
//! A job about money takes several units of work, with a gateway between them, and each of them can be done again; it is
//! completed when nothing of it is left to do, and never given up. Whoever runs a worker takes the jobs of the lanes that
//! are free, and carries them out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use domicile_access::{Mail, Sweeper, mail::SEND_MAIL};
use domicile_billing::{BillingJob, Bursar, JobDone, JobError};
use domicile_booking::{EndHoldError, FrontDesk, HoldPayload};
use domicile_kernel::{
    Actor, Ambient, Call, HostelId, Instant, JobTicket, NewJob, Purpose, RequestId, Scope, StoreError, Who,
};
use serde_json::json;
use tracing::Instrument as _;

use crate::{
    lane::{Kinds, Lane, SANDBOX_NOTICE, SWEEP_PAYMENTS},
    ports::{JobQueue, LeasedJob, Notices, Post, PostError, Told, Upkeep},
};

/// How long a job is held before another worker may take it.
const LEASE: Duration = Duration::from_mins(1);
/// At most this many jobs at a time.
const BATCH: u32 = 20;
/// A job that failed this often is given up, with an error in the log.
const MOST_ATTEMPTS: i64 = 12;

/// The sweep that removes what gateways told long ago.
const SWEEP_WEBHOOKS: &str = "sweep.webhooks";

/// The sweeps: what each is called and how often it is done.
const SWEEPS: &[(&str, Duration)] = &[
    ("sweep.access", Duration::from_mins(10)),
    ("sweep.idempotency_keys", Duration::from_hours(1)),
    ("sweep.events", Duration::from_hours(1)),
    (SWEEP_WEBHOOKS, Duration::from_hours(6)),
    (SWEEP_PAYMENTS, Duration::from_mins(2)),
];

/// What was left unfinished, and how long nothing may have happened to it, before its job is wanted again.
const LEFT_FOR: Duration = Duration::from_mins(5);
/// So much of it is read at a time.
const MOST_LEFT: u32 = 1_000;

/// How many outcomes the sandbox tells at a time.
const TOLD_AT_ONCE: u32 = 50;
/// How often the sandbox looks whether there is something to tell. Whoever gives it something says so besides.
const LOOK_FOR_NOTICES: Duration = Duration::from_secs(15);
/// The longest pause of a job that is never given up.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long a sweep that failed waits.
const SWEEP_AGAIN: Duration = Duration::from_mins(1);

/// How long an idempotency key is kept (W9).
const KEYS_KEPT: Duration = Duration::from_hours(24);

/// How long what a gateway told is kept once it had its effect, for it names people. A gateway delivers again for days, not
/// months; and what comes after that has its effect once all the same, for the payment knows it.
const PROCESSED_KEPT: Duration = Duration::from_hours(90 * 24);
/// The same for what had none: somebody has to look at it first.
const PUT_ASIDE_KEPT: Duration = Duration::from_hours(366 * 24);

/// Does jobs.
pub struct Worker {
    /// Where they come from.
    pub queue: Arc<dyn JobQueue>,
    /// Where mail goes.
    pub post: Arc<dyn Post>,
    /// Stays, for holds that end.
    pub front_desk: FrontDesk,
    /// Payments that are to be looked after.
    pub bursar: Bursar,
    /// What the sandbox gateway tells, where there is one.
    pub notices: Option<Arc<dyn Notices>>,
    /// How often in a row telling it failed.
    pub untold: AtomicU32,
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
    /// It failed, and is to be done again.
    Again(Instant, String),
    /// It is to be done again, as it should be.
    Wait(Instant, String),
    /// It never will be.
    GivenUp(String),
}

impl Done {
    fn result(&self, attempts: i64, kind: &str) -> &'static str {
        match self {
            Self::Completed | Self::Complete => "done",
            Self::Wait(..) => "again",
            Self::Again(..) if !hopeless(attempts, kind) => "again",
            Self::Again(..) | Self::GivenUp(_) => "given_up",
        }
    }
}

/// Whether a job has failed often enough. A sweep that fails is always tried again, and so is what is about money.
fn hopeless(attempts: i64, kind: &str) -> bool {
    attempts >= MOST_ATTEMPTS && !kind.starts_with("sweep.") && Lane::of(kind) == Lane::House
}

impl Worker {
    /// Wants every sweep, unless it is wanted already.
    pub async fn plan_sweeps(&self) -> Result<(), StoreError> {
        let notices = self.notices.is_some().then_some(SANDBOX_NOTICE);
        for kind in SWEEPS.iter().map(|(kind, _every)| *kind).chain(notices) {
            let call = Self::call(None, &RequestId::from_uuid(self.ambient.ids.uuid()), None);
            let job = NewJob {
                id: self.ambient.id(),
                kind,
                key: kind.to_owned(),
                due: self.ambient.now(),
                payload: json!({}),
            };
            self.queue.ensure(&call, vec![job]).await?;
        }
        Ok(())
    }

    /// Takes some of what is due now in these lanes.
    pub async fn take(&self, lanes: &[Lane]) -> Result<Vec<LeasedJob>, StoreError> {
        let now = self.ambient.now();
        self.queue.take(&Kinds::of(lanes), now, now.plus(LEASE), BATCH).await
    }

    /// Does a job that was taken.
    pub async fn carry_out(&self, job: LeasedJob) -> Result<(), StoreError> {
        // What came before took too long: another worker may have this one now, and a mail of it would go out twice.
        if self.ambient.now() >= job.ticket.lease_until {
            tracing::warn!(job = %job.ticket.id, kind = %job.kind, "a lease ran out before its job was begun");
            return Ok(());
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
                Done::Again(due, why) | Done::Wait(due, why) => self.queue.put_back(&job.ticket, due, &why).await,
                Done::GivenUp(why) => {
                    tracing::error!(job = %job.ticket.id, kind = %job.kind, why, "a job cannot be done");
                    self.queue.complete(&job.ticket).await
                }
            }
        };
        match settled.instrument(span).await {
            Ok(()) | Err(StoreError::LeaseLost) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives a job back that was taken and not begun.
    pub async fn give_back(&self, job: &LeasedJob) -> Result<(), StoreError> {
        self.queue.put_back(&job.ticket, self.ambient.now(), "").await
    }

    async fn perform(&self, job: &LeasedJob) -> Done {
        match job.kind.as_str() {
            SEND_MAIL => self.send_mail(job).await,
            HoldPayload::KIND => self.end_hold(job).await,
            SANDBOX_NOTICE => self.tell_notices().await,
            SWEEP_PAYMENTS => self.find_unfinished().await,
            kind if Lane::of(kind) == Lane::Payments => self.bill(job).await,
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
        let call = Self::call(Some(hold.hostel_id), &self.request_of(job), Some(job.ticket.clone()));
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
            SWEEP_WEBHOOKS => self
                .upkeep
                .purge_webhooks(now.minus(PROCESSED_KEPT), now.minus(PUT_ASIDE_KEPT))
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

    /// A job about money. Its units of work do not carry the job's ticket: what each of them does it does once, whoever comes
    /// again, and the job is completed when nothing is left of it.
    async fn bill(&self, job: &LeasedJob) -> Done {
        let Some(work) = BillingJob::read(&job.kind, &job.payload) else {
            return Done::GivenUp("the payload names nothing to do".to_owned());
        };
        let mut call = Self::call(Some(work.hostel_id), &self.request_of(job), None);
        call.trace.clone_from(&job.trace);
        match self.bursar.perform(&call, work).await {
            Ok(JobDone::Done) => Done::Complete,
            Ok(JobDone::Again(due, why)) => Done::Wait(due, why.to_owned()),
            Err(error) => {
                tracing::warn!(job = %job.ticket.id, kind = %job.kind, attempts = job.attempts,
                    error = &error as &dyn std::error::Error, "a job about money failed; it is tried again");
                let pause = Duration::from_secs(1 << job.attempts.clamp(1, 6)).min(LONGEST_PAUSE);
                Done::Again(self.ambient.now().plus(pause), error.to_string())
            }
        }
    }

    /// Wants the jobs again of what was left unfinished: a job may have been lost with a database that was restored.
    async fn find_unfinished(&self) -> Done {
        let every = SWEEPS.iter().find(|(kind, _)| *kind == SWEEP_PAYMENTS).map_or(SWEEP_AGAIN, |(_, every)| *every);
        let call = Self::call(None, &RequestId::from_uuid(self.ambient.ids.uuid()), None);
        let found = async {
            let mut wanted: BTreeMap<HostelId, Vec<NewJob>> = BTreeMap::new();
            for (hostel, job) in self.bursar.unfinished(&call, LEFT_FOR, MOST_LEFT).await? {
                wanted.entry(hostel).or_default().push(job);
            }
            for (hostel, jobs) in wanted {
                self.queue.ensure(&call.within(Scope::Hostel(hostel)), jobs).await?;
            }
            Ok::<_, JobError>(())
        };
        match found.await {
            Ok(()) => Done::Wait(self.ambient.now().plus(every), String::new()),
            Err(error) => Done::Again(self.ambient.now().plus(SWEEP_AGAIN), error.to_string()),
        }
    }

    /// Tells what the sandbox has to tell. What nobody acknowledges is told again, after a pause that doubles.
    async fn tell_notices(&self) -> Done {
        // The sandbox was taken away; its job goes, too.
        let Some(notices) = &self.notices else { return Done::Complete };
        let told = notices.tell(TOLD_AT_ONCE).await;
        let now = self.ambient.now();
        let why = match told {
            Ok(Told { failed: Some(why), .. }) => why,
            Ok(Told { more, failed: None }) => {
                self.untold.store(0, Ordering::Relaxed);
                return Done::Wait(if more { now } else { now.plus(LOOK_FOR_NOTICES) }, String::new());
            }
            Err(error) => error.to_string(),
        };
        let failures = self.untold.fetch_add(1, Ordering::Relaxed).min(6);
        tracing::warn!(why, "the sandbox's notices are not acknowledged; they are told again");
        Done::Again(now.plus(Duration::from_secs(1 << failures).min(LONGEST_PAUSE)), why)
    }

    /// Again after a pause that doubles: 2 s, 4 s, … up to an hour.
    fn later(&self, job: &LeasedJob, why: String) -> Done {
        let pause = 1u64 << job.attempts.clamp(1, 11);
        Done::Again(self.ambient.now().plus(Duration::from_secs(pause.min(3_600))), why)
    }

    /// The request that wanted a job.
    fn request_of(&self, job: &LeasedJob) -> RequestId {
        RequestId::accept(&job.request_id).unwrap_or_else(|| RequestId::from_uuid(self.ambient.ids.uuid()))
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
