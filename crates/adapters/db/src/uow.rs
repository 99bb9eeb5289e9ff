//! The unit of work over SQL: one struct behind every context's view, and the only place that begins a writing transaction
//! for a use case. What it is told to record, audit and enqueue is kept until the commit and written then, one statement a
//! table.

use domicile_kernel::{
    AuditEntry, Call, HostelId, IdempotencyKey, JobTicket, NewEvent, NewJob, Outcome, Scope, StoreError, UnitOfWork,
    event::MAX_DATA_BYTES,
};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    database::{Change, Committed, Database},
    dialect::IntoStore,
    entities::{audit_log, job, outbox},
    idempotency::{self, Slot},
    sealed::FieldCipher,
    tx::Tx,
};

/// An open change. Each context's repositories are implemented on it.
pub(crate) struct SqlUow {
    pub(crate) tx: Option<Tx>,
    pub(crate) database: Database,
    scope: Scope,
    stamp: Stamp,
    answer: Option<Answer>,
    job: Option<JobTicket>,
    events: Vec<NewEvent>,
    audits: Vec<AuditEntry>,
    jobs: Vec<NewJob>,
    #[cfg(debug_assertions)]
    _alone: alone::Guard,
}

/// What becomes of the outcome at the commit, when the call carries an idempotency key.
enum Answer {
    /// It keeps the promise that was made at the beginning.
    Keeps(Slot),
    /// It replaces that of an earlier step.
    Replaces(Slot, [u8; 32]),
}

/// Who, where and which request: what every event and audit row of the change carries.
struct Stamp {
    hostel: Option<HostelId>,
    account: Option<Uuid>,
    actor: String,
    role: Option<&'static str>,
    ip: Option<String>,
    request_id: String,
    trace: Option<String>,
    at: i64,
}

impl SqlUow {
    /// Opens a change in the call's scope; keeps the idempotency promise first, if the call makes one.
    pub(crate) async fn begin(database: &Database, call: &Call) -> Result<Self, StoreError> {
        #[cfg(debug_assertions)]
        let alone = alone::Guard::enter(&format!("{:?} of {}", call.scope, call.request_id));
        let tx = database.write_tx(&call.scope).await?;
        let stamp = Stamp {
            hostel: call.scope.hostel().or(call.hostel),
            account: match call.scope {
                Scope::Account(account) => Some(account.uuid()),
                Scope::Hostel(_) | Scope::System(_) => None,
            },
            actor: call.actor.label(),
            role: call.actor.role().map(domicile_kernel::Role::as_str),
            ip: call.ip.map(|ip| ip.to_string()),
            request_id: call.request_id.as_str().to_owned(),
            trace: call.trace.clone(),
            at: database.parts.clock.now().micros(),
        };
        let answer = match (&call.idempotency, call.actor.account()) {
            (Some(key), Some(account)) if call.completing => {
                Some(Answer::Replaces(slot_of(call, key, account.uuid()), key.fingerprint))
            }
            (Some(key), Some(account)) => {
                let slot = slot_of(call, key, account.uuid());
                match idempotency::promise(&tx, database.cipher(), &slot, &key.fingerprint, stamp.at).await {
                    Ok(()) => Some(Answer::Keeps(slot)),
                    Err(answered) => {
                        // Not merely dropped: the key's lock would outlive this request until the connection is used again.
                        tx.rollback().await.store()?;
                        return Err(answered);
                    }
                }
            }
            _ => None,
        };
        Ok(Self {
            tx: Some(tx),
            database: database.clone(),
            scope: call.scope,
            stamp,
            answer,
            job: call.job.clone(),
            events: Vec::new(),
            audits: Vec::new(),
            jobs: Vec::new(),
            #[cfg(debug_assertions)]
            _alone: alone,
        })
    }

    /// The open transaction.
    pub(crate) fn tx(&self) -> Result<&Tx, StoreError> {
        self.tx.as_ref().ok_or_else(|| StoreError::Other("the unit of work has ended".into()))
    }

    /// The tenant whose rows this change may touch; a change in another scope has none.
    pub(crate) fn hostel(&self) -> Result<HostelId, StoreError> {
        self.scope
            .hostel()
            .ok_or_else(|| StoreError::Other(format!("{:?} is not the scope of a hostel", self.scope).into()))
    }

    /// When the change began, in microseconds.
    pub(crate) fn began_at(&self) -> i64 {
        self.stamp.at
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a hostel's rows lie outside the scope. PostgreSQL's policies say the same; SQLite has none.
    pub(crate) fn scope_excludes(&self, hostel: HostelId) -> bool {
        match self.scope {
            Scope::Hostel(own) => own != hostel,
            Scope::Account(_) => true,
            Scope::System(_) => false,
        }
    }

    pub(crate) fn cipher(&self) -> &dyn FieldCipher {
        self.database.cipher()
    }

    async fn flush(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.events);
        let audits = std::mem::take(&mut self.audits);
        let jobs = std::mem::take(&mut self.jobs);
        let tx = self.tx()?;
        if let Some(ticket) = &self.job {
            let done = tx
                .run(
                    "DELETE FROM jobs WHERE id = $1 AND lease_until = $2",
                    [ticket.id.uuid().into(), ticket.lease_until.micros().into()],
                )
                .await
                .store()?;
            if done == 0 {
                return Err(StoreError::LeaseLost);
            }
        }
        match &self.answer {
            Some(Answer::Keeps(slot)) => idempotency::keep(tx, self.cipher(), slot, outcome).await?,
            Some(Answer::Replaces(slot, fingerprint)) => {
                idempotency::replace(tx, self.cipher(), slot, fingerprint, outcome).await?;
            }
            None => {}
        }
        if !events.is_empty() {
            let rows = events.into_iter().map(|event| self.outbox_row(event)).collect::<Result<Vec<_>, _>>()?;
            outbox::Entity::insert_many(rows).exec_without_returning(tx).await.store()?;
        }
        if !audits.is_empty() {
            let rows = audits.into_iter().map(|entry| self.audit_row(entry));
            audit_log::Entity::insert_many(rows).exec_without_returning(tx).await.store()?;
        }
        if !jobs.is_empty() {
            let rows = jobs.into_iter().map(|wanted| self.job_row(wanted));
            // Wanted again while somebody is at it: their lease is void, so that they cannot complete what they did not see.
            let again = OnConflict::columns([job::Column::Kind, job::Column::Key])
                .update_columns([
                    job::Column::Due,
                    job::Column::Payload,
                    job::Column::LeaseUntil,
                    job::Column::Attempts,
                ])
                .to_owned();
            job::Entity::insert_many(rows).on_conflict(again).exec_without_returning(tx).await.store()?;
        }
        Ok(())
    }

    fn outbox_row(&self, event: NewEvent) -> Result<outbox::ActiveModel, StoreError> {
        let size = event.data.to_string().len();
        if size > MAX_DATA_BYTES {
            return Err(StoreError::Other(
                format!("the data of {} is {size} bytes, more than {MAX_DATA_BYTES}", event.kind).into(),
            ));
        }
        Ok(outbox::ActiveModel {
            id: NotSet,
            event_id: Set(event.id.uuid()),
            hostel_id: Set(self.stamp.hostel.map(HostelId::uuid)),
            account_id: Set(self.stamp.account),
            kind: Set(event.kind.to_owned()),
            version: Set(i64::from(event.version)),
            audience: Set(event.audience.encode()),
            aggregate: Set(event.aggregate.to_owned()),
            aggregate_id: Set(event.aggregate_id),
            aggregate_version: Set(event.aggregate_version),
            actor: Set(self.stamp.actor.clone()),
            at: Set(event.at.micros()),
            request_id: Set(self.stamp.request_id.clone()),
            trace: Set(self.stamp.trace.clone()),
            data: Set(event.data),
        })
    }

    fn audit_row(&self, entry: AuditEntry) -> audit_log::ActiveModel {
        audit_log::ActiveModel {
            ordinal: NotSet,
            id: Set(entry.id.uuid()),
            hostel_id: Set(self.stamp.hostel.map(HostelId::uuid)),
            account_id: Set(self.stamp.account),
            at: Set(self.stamp.at),
            actor: Set(self.stamp.actor.clone()),
            actor_role: Set(self.stamp.role.map(str::to_owned)),
            action: Set(entry.action.to_owned()),
            target: Set(entry.target.to_owned()),
            target_id: Set(entry.target_id),
            before: Set(entry.before),
            after: Set(entry.after),
            ip: Set(self.stamp.ip.clone()),
            request_id: Set(self.stamp.request_id.clone()),
            seq: NotSet,
            hash: NotSet,
        }
    }

    fn job_row(&self, wanted: NewJob) -> job::ActiveModel {
        let place = crate::jobs::place(wanted.kind, &wanted.key);
        job::ActiveModel {
            id: Set(wanted.id.uuid()),
            hostel_id: Set(self.stamp.hostel.map(HostelId::uuid)),
            account_id: Set(self.stamp.account),
            kind: Set(wanted.kind.to_owned()),
            key: Set(wanted.key),
            due: Set(wanted.due.micros()),
            lease_until: Set(None),
            attempts: Set(0),
            payload: Set(self.cipher().seal(&place, wanted.payload.to_string().as_bytes())),
            last_error: Set(None),
            request_id: Set(self.stamp.request_id.clone()),
            trace: Set(self.stamp.trace.clone()),
            created_at: Set(self.stamp.at),
        }
    }
}

/// Where the promise of an idempotency key is kept.
fn slot_of(call: &Call, key: &IdempotencyKey, account: Uuid) -> Slot {
    Slot {
        account,
        scope: call.hostel.map_or_else(Uuid::nil, HostelId::uuid),
        hostel: call.hostel.map(HostelId::uuid),
        key: key.key.clone(),
    }
}

#[async_trait::async_trait]
impl UnitOfWork for SqlUow {
    fn record(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    fn audit(&mut self, entry: AuditEntry) {
        self.audits.push(entry);
    }

    fn enqueue(&mut self, job: NewJob) {
        self.jobs.push(job);
    }

    async fn commit(mut self: Box<Self>, outcome: Outcome) -> Result<(), StoreError> {
        let changes: Vec<Change> =
            self.events.iter().map(|event| Change { kind: event.kind, aggregate_id: event.aggregate_id }).collect();
        let noted: Vec<&'static str> = self.audits.iter().map(|entry| entry.action).collect();
        let now = self.database.parts.clock.now();
        let job_due = self.jobs.iter().any(|job| job.due <= now);
        self.flush(&outcome).await?;
        let tx = self.tx.take().ok_or_else(|| StoreError::Other("the unit of work has ended".into()))?;
        tx.commit().await.store()?;
        let commit = Committed { hostel: self.stamp.hostel, changes: &changes, noted: &noted, job_due };
        self.database.parts.listener.committed(&commit);
        Ok(())
    }

    async fn rollback(mut self: Box<Self>) -> Result<(), StoreError> {
        match self.tx.take() {
            Some(tx) => tx.rollback().await.store(),
            None => Ok(()),
        }
    }
}

impl Drop for SqlUow {
    fn drop(&mut self) {
        // A refusal drops the change, which rolls it back; that is normal before the first write and after a conflict.
        if cfg!(debug_assertions) && self.tx.as_ref().is_some_and(Tx::wrote) {
            tracing::debug!(scope = ?self.scope, request_id = %self.stamp.request_id, "a unit of work was dropped after it had written");
        }
    }
}

impl Database {
    /// Writes audit rows that belong to no change: refusals, and a super_admin's entries.
    pub async fn note(&self, call: &Call, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let mut call = call.clone();
        (call.idempotency, call.job) = (None, None);
        let mut uow = SqlUow::begin(self, &call).await?;
        uow.audits = entries;
        Box::new(uow).commit(Outcome::done()).await
    }
}

/// So many jobs are wanted in one statement: a row has 13 values, and SQLite takes 32,766.
const ENSURED_AT_ONCE: usize = 500;

impl Database {
    /// Wants jobs unless they are wanted already; the due time of one that is stays as it is.
    pub async fn ensure_jobs(&self, call: &Call, mut wanted: Vec<NewJob>) -> Result<(), StoreError> {
        while !wanted.is_empty() {
            let rest = wanted.split_off(wanted.len().min(ENSURED_AT_ONCE));
            let uow = SqlUow::begin(self, call).await?;
            let already = OnConflict::columns([job::Column::Kind, job::Column::Key]).do_nothing().to_owned();
            let rows = wanted.into_iter().map(|wanted| uow.job_row(wanted));
            job::Entity::insert_many(rows).on_conflict(already).exec_without_returning(uow.tx()?).await.store()?;
            Box::new(uow).commit(Outcome::done()).await?;
            wanted = rest;
        }
        Ok(())
    }
}

/// Debug builds watch that a task never holds two units of work: on SQLite the second would wait for the first forever.
#[cfg(debug_assertions)]
mod alone {
    use std::{
        collections::HashMap,
        sync::{Mutex, PoisonError},
    };

    static HELD: Mutex<Option<HashMap<tokio::task::Id, String>>> = Mutex::new(None);

    pub(super) struct Guard(Option<tokio::task::Id>);

    impl Guard {
        pub(super) fn enter(place: &str) -> Self {
            let Some(task) = tokio::task::try_id() else { return Self(None) };
            let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            let first = held.get_or_insert_default().insert(task, place.to_owned());
            drop(held);
            assert!(
                first.is_none(),
                "a task opened a unit of work ({place}) while it held another ({})",
                first.unwrap_or_default()
            );
            Self(Some(task))
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            if let Some(task) = self.0 {
                let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
                held.get_or_insert_default().remove(&task);
            }
        }
    }
}
