//! What happens later: the jobs of this context, and finding what was left unfinished. Each can be done any number of times;
//! what is done already is left alone, so whoever does a job completes it afterwards.

use std::time::Duration;

use domicile_kernel::{
    Call, HostelId, Instant, JobId, NewJob, Permission, Purpose, Refusal, Scope, StoreError, faults,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::look::Looked;
use crate::{
    Bursar,
    model::{InboxEntryId, PaymentId, RefundId},
    queries::{Unfinished, Work},
};

/// A job of this context, as it is written and read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingJob {
    /// In whose scope it is to be done.
    pub hostel_id: HostelId,
    /// What is to be done.
    pub work: Work,
}

/// What the payload of a job looks like.
#[derive(Serialize, Deserialize)]
struct Payload {
    hostel_id: HostelId,
    id: uuid::Uuid,
}

impl BillingJob {
    /// To ask what became of a payment.
    pub const VERIFY: &'static str = "payment.verify";
    /// To process something that a gateway told.
    pub const INBOX: &'static str = "payment.inbox";
    /// To give money back.
    pub const REFUND: &'static str = "payment.refund";
    /// To give money in suspense back.
    pub const SUSPENSE: &'static str = "payment.suspense";

    /// The kind of the job.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self.work {
            Work::Verify(_) => Self::VERIFY,
            Work::Inbox(_) => Self::INBOX,
            Work::Refund(_) => Self::REFUND,
            Work::Suspense(_) => Self::SUSPENSE,
        }
    }

    const fn subject(self) -> uuid::Uuid {
        match self.work {
            Work::Verify(id) | Work::Suspense(id) => id.uuid(),
            Work::Inbox(id) => id.uuid(),
            Work::Refund(id) => id.uuid(),
        }
    }

    /// The job to be written, due at an instant. Its key is what it is about.
    #[must_use]
    pub fn at(self, id: JobId, due: Instant) -> NewJob {
        let subject = self.subject();
        let payload = json!({ "hostel_id": self.hostel_id, "id": subject });
        NewJob { id, kind: self.kind(), key: subject.to_string(), due, payload }
    }

    /// Reads a job back; none when it is not one of these.
    #[must_use]
    pub fn read(kind: &str, payload: &serde_json::Value) -> Option<Self> {
        let Payload { hostel_id, id } = Payload::deserialize(payload).ok()?;
        let work = match kind {
            Self::VERIFY => Work::Verify(PaymentId::new(id)),
            Self::INBOX => Work::Inbox(InboxEntryId::new(id)),
            Self::REFUND => Work::Refund(RefundId::new(id)),
            Self::SUSPENSE => Work::Suspense(PaymentId::new(id)),
            _ => return None,
        };
        Some(Self { hostel_id, work })
    }
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum JobDone {
    /// There is nothing left of it to do.
    Done,
    /// It has to be done again, at an instant, for a reason.
    Again(Instant, &'static str),
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(JobError: through Refused, Store);

/// How long until an open payment is asked about again.
const ASK_AGAIN: Duration = Duration::from_mins(2);
/// The same, once the session is over, at first. Later a quarter of the time since then, up to a day.
const ASK_AGAIN_LATE: Duration = Duration::from_mins(10);
const ASK_AGAIN_LAST: Duration = Duration::from_hours(24);

impl Bursar {
    /// Does a job. Needs the installation's rights: jobs are not for people.
    pub async fn perform(&self, call: &Call, job: BillingJob) -> Result<JobDone, JobError> {
        call.require(Permission::PaymentsRefund)?;
        let call = Self::bare(&call.within(Scope::Hostel(job.hostel_id)));
        match job.work {
            Work::Verify(id) => self.ask_about(&call, id).await,
            Work::Inbox(id) => self.process_entry(&call, id).await,
            Work::Refund(id) => self.carry_out_refund(&call, id).await,
            Work::Suspense(id) => self.refund_suspense(&call, id).await,
        }
    }

    /// Asks what became of a payment.
    async fn ask_about(&self, call: &Call, id: PaymentId) -> Result<JobDone, JobError> {
        let payment = match self.look(call, call, id).await? {
            Looked::Unknown => return Ok(JobDone::Done),
            Looked::Known(payment) | Looked::BeingAsked(payment) | Looked::Unanswered(payment) => payment,
        };
        let is = payment.record();
        if !payment.is_undecided() {
            return Ok(JobDone::Done);
        }
        let now = self.ambient.now();
        let late = now.since(is.expires_at) / 4;
        let pause = if now < is.expires_at { ASK_AGAIN } else { late.clamp(ASK_AGAIN_LATE, ASK_AGAIN_LAST) };
        Ok(JobDone::Again(now.plus(pause), "the payment is still undecided"))
    }

    /// What was left unfinished in every hostel and has not changed for a while: jobs for it that are due now. Whoever runs
    /// the installation wants them from time to time, in case a job was given up. All of it is found, so many at a time: what
    /// stays unfinished for long does not stand before the rest.
    pub async fn unfinished(
        &self,
        call: &Call,
        quiet_for: Duration,
        at_a_time: u32,
    ) -> Result<Vec<(HostelId, NewJob)>, JobError> {
        call.require(Permission::PaymentsRefund)?;
        let call = Self::bare(&call.within(Scope::System(Purpose::Payments)));
        let now = self.ambient.now();
        let before = now.minus(quiet_for);
        let mut jobs = Vec::new();
        let mut last: Option<Unfinished> = None;
        loop {
            let found = self.queries.unfinished(&call, before, last.as_ref(), at_a_time).await?;
            let job = |Unfinished { hostel_id, work, .. }: &Unfinished| {
                let (hostel_id, work) = (*hostel_id, *work);
                (hostel_id, BillingJob { hostel_id, work }.at(self.ambient.id(), now))
            };
            jobs.extend(found.iter().map(job));
            match found.last() {
                Some(one) if found.len() >= at_a_time as usize => last = Some(*one),
                _ => return Ok(jobs),
            }
        }
    }

    /// The call without what belongs to one unit of work only: its key and its job.
    pub(crate) fn bare(call: &Call) -> Call {
        Call { idempotency: None, completing: false, job: None, ..call.clone() }
    }
}
