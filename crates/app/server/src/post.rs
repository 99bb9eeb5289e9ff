//! The worker's ports, joined to the database and the mail.

use std::sync::Arc;

use async_trait::async_trait;
use domicile_access::Mail;
use domicile_db::{Database, jobs};
use domicile_delivery::{DeliveryError, Mailer, Message, OutboxMailer, SmtpMailer};
use domicile_kernel::{Ambient, Call, Instant, JobId, JobTicket, NewJob, StoreError};
use domicile_workflows::{JobQueue, Kinds, LeasedJob, Post, PostError, Upkeep};

use crate::settings::Settings;

/// The database's queue.
pub struct Queue(pub Database);

#[async_trait]
impl JobQueue for Queue {
    async fn take(
        &self,
        kinds: &Kinds,
        now: Instant,
        lease_until: Instant,
        most: u32,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let kinds = match kinds {
            Kinds::Only(named) => jobs::Kinds::Only(named.clone()),
            Kinds::AllBut(named) => jobs::Kinds::AllBut(named.clone()),
        };
        let jobs = self.0.take_jobs_of(&kinds, now, lease_until, most).await?;
        Ok(jobs
            .into_iter()
            .map(|job| LeasedJob {
                ticket: job.ticket,
                kind: job.kind,
                hostel: job.hostel,
                attempts: job.attempts,
                payload: job.payload,
                request_id: job.request_id,
                trace: job.trace,
            })
            .collect())
    }

    async fn put_back(&self, ticket: &JobTicket, due: Instant, why: &str) -> Result<(), StoreError> {
        self.0.retry_job(ticket, due, why).await
    }

    async fn complete(&self, ticket: &JobTicket) -> Result<(), StoreError> {
        self.0.complete_job(ticket).await
    }

    async fn ensure(&self, call: &Call, jobs: Vec<NewJob>) -> Result<(), StoreError> {
        self.0.ensure_jobs(call, jobs).await
    }

    fn span(&self, job: &LeasedJob) -> tracing::Span {
        let span = tracing::info_span!("job", job = %job.ticket.id, kind = %job.kind, request_id = %job.request_id);
        domicile_telemetry::follow(&span, job.trace.as_deref());
        span
    }

    fn settled(&self, job: &LeasedJob, result: &'static str) {
        if let Some(meters) = self.0.meters() {
            meters.job(&job.kind, result);
        }
    }
}

/// The database's own housekeeping.
pub struct Upkeeper(pub Database);

#[async_trait]
impl Upkeep for Upkeeper {
    async fn purge_idempotency_keys(&self, before: Instant) -> Result<u64, StoreError> {
        self.0.purge_idempotency_keys(before).await
    }

    async fn purge_events(&self, before: Instant) -> Result<u64, StoreError> {
        self.0.purge_events(before).await
    }

    async fn purge_webhooks(&self, processed: Instant, put_aside: Instant) -> Result<u64, StoreError> {
        self.0.purge_webhooks(processed, put_aside).await
    }
}

/// A mailer as the worker's post.
struct Mailed(Arc<dyn Mailer>);

#[async_trait]
impl Post for Mailed {
    async fn send(&self, id: JobId, mail: &Mail) -> Result<(), PostError> {
        let message =
            Message { id: id.to_string(), to: mail.to.clone(), subject: mail.subject().to_owned(), text: mail.text() };
        self.0.send(&message).await.map_err(|error| match error {
            DeliveryError::Temporary(why) => PostError::Temporary(why.to_string()),
            DeliveryError::Permanent(why) => PostError::Permanent(why.to_string()),
        })
    }
}

/// Where mail goes: to an SMTP server, or without one to readable files in the data folder.
pub fn post(settings: &Settings, ambient: &Ambient) -> anyhow::Result<Arc<dyn Post>> {
    let mailer: Arc<dyn Mailer> = match &settings.smtp_url {
        Some(url) => Arc::new(SmtpMailer::new(url, &settings.mail_from, Arc::clone(&ambient.clock))?),
        None => Arc::new(OutboxMailer::open(
            &settings.data_dir.join("outbox"),
            &settings.mail_from,
            Arc::clone(&ambient.clock),
        )?),
    };
    Ok(Arc::new(Mailed(mailer)))
}
