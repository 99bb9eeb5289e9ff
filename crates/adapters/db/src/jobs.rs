//! Leasing what is due. Taking a job is a transaction of its own; doing it and completing it are one, through the ticket that
//! the call carries.

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
}

#[derive(FromQueryResult)]
struct Due {
    due: i64,
}

impl Database {
    /// Takes up to `most` due jobs until `lease_until`. A job whose lease ran out is taken again.
    pub async fn take_jobs(&self, now: Instant, lease_until: Instant, most: u32) -> Result<Vec<LeasedJob>, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Jobs)).await?;
        let sql = format!(
            "UPDATE jobs SET lease_until = $1, attempts = attempts + 1 WHERE id IN (SELECT id FROM jobs WHERE due <= $2 \
             AND (lease_until IS NULL OR lease_until < $2) ORDER BY due, id LIMIT {most}{}) \
             RETURNING id, hostel_id, kind, key, attempts, payload, request_id",
            skip_locked(tx.is_postgres())
        );
        let rows = tx.all::<Row>(&sql, [lease_until.micros().into(), now.micros().into()]).await.store()?;
        tx.commit().await.store()?;
        rows.into_iter().map(|row| self.leased(row, lease_until)).collect()
    }

    fn leased(&self, row: Row, lease_until: Instant) -> Result<LeasedJob, StoreError> {
        let plain = self
            .cipher()
            .open(&place(&row.kind, &row.key), &row.payload)
            .map_err(|error| StoreError::Corrupt(error.into()))?;
        Ok(LeasedJob {
            ticket: JobTicket { id: JobId::new(row.id), lease_until },
            kind: row.kind,
            key: row.key,
            hostel: row.hostel_id.map(HostelId::new),
            attempts: row.attempts,
            payload: serde_json::from_slice(&plain).map_err(|_not_json| corrupt("a job's payload"))?,
            request_id: row.request_id,
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

    /// When the next job is due, if any waits.
    pub async fn next_job_due(&self) -> Result<Option<Instant>, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Jobs)).await?;
        let row = tx.one::<Due>("SELECT due FROM jobs ORDER BY due, id LIMIT 1", []).await.store()?;
        Ok(row.map(|row| Instant::from_micros(row.due)))
    }

    /// Removes idempotency keys made before an instant.
    pub async fn purge_idempotency_keys(&self, before: Instant) -> Result<u64, StoreError> {
        self.purge("DELETE FROM idempotency_keys WHERE created_at < $1", before).await
    }

    /// Removes events of the log that happened before an instant.
    pub async fn purge_events(&self, before: Instant) -> Result<u64, StoreError> {
        self.purge("DELETE FROM events WHERE at < $1", before).await
    }

    async fn purge(&self, sql: &str, before: Instant) -> Result<u64, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Sweep)).await?;
        let gone = tx.run(sql, [before.micros().into()]).await.store()?;
        tx.commit().await.store()?;
        Ok(gone)
    }
}
