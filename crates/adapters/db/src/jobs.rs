//! Leasing what is due. Taking a job is a transaction of its own; doing it and completing it are one, through the ticket that
//! the call carries.

use std::time::Duration;

use domicile_kernel::{HostelId, Instant, JobId, JobTicket, Purpose, Scope, StoreError};
use sea_orm::FromQueryResult;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    database::Database,
    dialect::{IntoStore, corrupt, skip_locked},
};

/// What binds a payload: kind and key, which stay when a waiting job is wanted again.
pub(crate) fn place(kind: &str, key: &str) -> Vec<u8> {
    format!("jobs|{kind}|{key}").into_bytes()
}

/// How long a job that cannot be read is put off: an operator may yet give the node the key it lacks.
const UNREADABLE: Duration = Duration::from_hours(1);

/// About this many rows are removed in one transaction, so that years of them do not run into the statement's time limit.
const PURGED_AT_ONCE: u64 = 5_000;

/// A job in somebody's hands.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// Proof of the lease; goes into the call that does the job.
    pub ticket: JobTicket,
    /// What is to be done.
    pub kind: String,
    /// What makes it one and the same job.
    pub key: String,
    /// The hostel it was wanted in.
    pub hostel: Option<HostelId>,
    /// How often it was taken, this time included.
    pub attempts: i64,
    /// What the worker needs.
    pub payload: Value,
    /// The request that wanted it.
    pub request_id: String,
    /// The `traceparent` of that request.
    pub trace: Option<String>,
}

/// Which jobs are wanted, by their kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinds {
    /// These.
    Only(Vec<&'static str>),
    /// Any but these.
    AllBut(Vec<&'static str>),
}

impl Kinds {
    /// Every kind.
    #[must_use]
    pub const fn all() -> Self {
        Self::AllBut(Vec::new())
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    hostel_id: Option<Uuid>,
    kind: String,
    key: String,
    attempts: i64,
    payload: Vec<u8>,
    request_id: String,
    trace: Option<String>,
}

impl Database {
    /// Takes up to `most` due jobs until `lease_until`. A job whose lease ran out is taken again; one whose payload does not
    /// open is put off, so that it never holds up those behind it.
    pub async fn take_jobs(&self, now: Instant, lease_until: Instant, most: u32) -> Result<Vec<LeasedJob>, StoreError> {
        self.take_jobs_of(&Kinds::all(), now, lease_until, most).await
    }

    /// The same for jobs of some kinds.
    pub async fn take_jobs_of(
        &self,
        kinds: &Kinds,
        now: Instant,
        lease_until: Instant,
        most: u32,
    ) -> Result<Vec<LeasedJob>, StoreError> {
        let (named, negated) = match kinds {
            Kinds::Only(named) => (named, ""),
            Kinds::AllBut(named) => (named, "NOT "),
        };
        let mut values: Vec<sea_orm::Value> = vec![lease_until.micros().into(), now.micros().into()];
        let mut of_kind = String::new();
        if named.is_empty() {
            if negated.is_empty() {
                return Ok(Vec::new());
            }
        } else {
            let places: Vec<String> = (3..named.len() + 3).map(|place| format!("${place}")).collect();
            of_kind = format!("AND kind {negated}IN ({}) ", places.join(", "));
            values.extend(named.iter().map(|kind| (*kind).into()));
        }
        let tx = self.write_tx(&Scope::System(Purpose::Jobs)).await?;
        // Materialised, for a plan that ran the inner SELECT more than once would take more than `most`.
        let sql = format!(
            "WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE due <= $2 AND (lease_until IS NULL OR lease_until < $2) \
             {of_kind}ORDER BY due, id LIMIT {most}{}) UPDATE jobs SET lease_until = $1, attempts = attempts + 1 \
             WHERE id IN (SELECT id FROM due) RETURNING id, hostel_id, kind, key, attempts, payload, request_id, trace",
            skip_locked(tx.is_postgres())
        );
        let rows = tx.all::<Row>(&sql, values).await.store()?;
        tx.commit().await.store()?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let ticket = JobTicket { id: JobId::new(row.id), lease_until };
            match self.leased(row, &ticket) {
                Ok(job) => taken.push(job),
                Err(error) => {
                    tracing::error!(job = %ticket.id, error = &error as &dyn std::error::Error, "a job cannot be read; it is put off");
                    self.retry_job(&ticket, now.plus(UNREADABLE), &error.to_string()).await?;
                }
            }
        }
        Ok(taken)
    }

    fn leased(&self, row: Row, ticket: &JobTicket) -> Result<LeasedJob, StoreError> {
        let plain = self
            .cipher()
            .open(&place(&row.kind, &row.key), &row.payload)
            .map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(LeasedJob {
            ticket: ticket.clone(),
            kind: row.kind,
            key: row.key,
            hostel: row.hostel_id.map(HostelId::new),
            attempts: row.attempts,
            payload: serde_json::from_slice(&plain).map_err(|_not_json| corrupt("a job's payload"))?,
            request_id: row.request_id,
            trace: row.trace,
        })
    }

    /// Gives a job back after a failure, to be tried again at `due`.
    pub async fn retry_job(&self, ticket: &JobTicket, due: Instant, error: &str) -> Result<(), StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Jobs)).await?;
        let sql = "UPDATE jobs SET due = $1, lease_until = NULL, last_error = $2 WHERE id = $3 AND lease_until = $4";
        let error: String = error.chars().take(500).collect();
        let values = [due.micros().into(), error.into(), ticket.id.uuid().into(), ticket.lease_until.micros().into()];
        tx.run(sql, values).await.store()?;
        tx.commit().await.store()
    }

    /// Completes a job whose effect lies outside the database.
    pub async fn complete_job(&self, ticket: &JobTicket) -> Result<(), StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Jobs)).await?;
        let values = [ticket.id.uuid().into(), ticket.lease_until.micros().into()];
        let done = tx.run("DELETE FROM jobs WHERE id = $1 AND lease_until = $2", values).await.store()?;
        tx.commit().await.store()?;
        if done == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
    }

    /// Removes idempotency keys made before an instant.
    pub async fn purge_idempotency_keys(&self, before: Instant) -> Result<u64, StoreError> {
        self.purge("idempotency_keys", "created_at", before).await
    }

    /// Removes events of the log that happened before an instant.
    pub async fn purge_events(&self, before: Instant) -> Result<u64, StoreError> {
        self.purge("events", "at", before).await
    }

    /// Removes the rows of a table that are older than an instant by an indexed column, a part of them at a time.
    async fn purge(&self, table: &str, column: &str, before: Instant) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM {table} WHERE {column} <= (SELECT max({column}) FROM (SELECT {column} FROM {table} \
             WHERE {column} < $1 ORDER BY {column} LIMIT {PURGED_AT_ONCE}) AS oldest)"
        );
        let mut gone = 0;
        loop {
            let tx = self.write_tx(&Scope::System(Purpose::Sweep)).await?;
            let removed = tx.run(&sql, [before.micros().into()]).await.store()?;
            tx.commit().await.store()?;
            gone += removed;
            if removed < PURGED_AT_ONCE {
                return Ok(gone);
            }
        }
    }
}
