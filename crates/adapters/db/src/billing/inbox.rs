//! What gateways tell, and what of it did not fit. A webhook comes without a hostel: the installation finds out whose payment
//! it names and keeps it; the hostel does the rest. Headers and body are ciphertext.

use async_trait::async_trait;
use domicile_billing::{
    model::{InboxEntry, InboxEntryId, InboxState, NewInboxEntry, PaymentId, Quarantined},
    ports::{InboxRepository, QuarantineRepository, Received},
};
use domicile_kernel::{HostelId, Instant, Purpose, Scope, StoreError, Text};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::{is_installation, out_of_scope};
use crate::{
    database::Database,
    dialect::{IntoStore, corrupt, for_change},
    sealed::{FieldCipher, Place},
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct EntryRow {
    id: Uuid,
    hostel_id: Option<Uuid>,
    provider: String,
    dedupe_key: String,
    reference: Option<String>,
    headers: Vec<u8>,
    body: Vec<u8>,
    state: String,
    state_at: Option<i64>,
    why: Option<String>,
    deliveries: i64,
    received_at: i64,
}

fn place(hostel: Option<Uuid>, id: Uuid, column: &'static str) -> Place {
    Place { hostel, table: "payment_inbox", column, row: id }
}

fn state(name: &str, at: Option<i64>, why: Option<&str>) -> Result<InboxState, StoreError> {
    match (name, at.map(Instant::from_micros), why) {
        ("waiting", None, None) => Ok(InboxState::Waiting),
        ("processed", Some(at), None) => Ok(InboxState::Processed { at }),
        ("put_aside", Some(at), Some(why)) => Ok(InboxState::PutAside { at, why: Text::clean(why) }),
        _ => Err(corrupt("payment_inbox.state")),
    }
}

/// The state as its columns.
fn columns(state: &InboxState) -> (&'static str, Option<i64>, Option<&str>) {
    match state {
        InboxState::Waiting => ("waiting", None, None),
        InboxState::Processed { at } => ("processed", Some(at.micros()), None),
        InboxState::PutAside { at, why } => ("put_aside", Some(at.micros()), Some(why.as_str())),
    }
}

impl EntryRow {
    fn entry(self, cipher: &dyn FieldCipher) -> Result<InboxEntry, StoreError> {
        let headers = place(self.hostel_id, self.id, "headers").open_bytes(cipher, &self.headers)?;
        Ok(InboxEntry {
            entry: NewInboxEntry {
                id: InboxEntryId::new(self.id),
                hostel_id: self.hostel_id.map(HostelId::new),
                headers: String::from_utf8(headers).map_err(|_not_text| corrupt("payment_inbox.headers"))?,
                body: place(self.hostel_id, self.id, "body").open_bytes(cipher, &self.body)?,
                state: state(&self.state, self.state_at, self.why.as_deref())?,
                provider: self.provider,
                dedupe_key: self.dedupe_key,
                reference: self.reference,
                received_at: Instant::from_micros(self.received_at),
            },
            deliveries: self.deliveries,
        })
    }
}

#[derive(FromQueryResult)]
struct WhoseRow {
    hostel_id: Uuid,
    id: Uuid,
}

#[derive(FromQueryResult)]
struct ReceivedRow {
    id: Uuid,
    hostel_id: Option<Uuid>,
    state: String,
    deliveries: i64,
}

impl SqlUow {
    /// Refuses what only the installation may ask. PostgreSQL's policies say the same; SQLite has none.
    fn installation(&self) -> Result<(), StoreError> {
        if is_installation(self.scope()) { Ok(()) } else { Err(out_of_scope(self.scope())) }
    }

    async fn load_entry(&self, id: InboxEntryId, lock: bool) -> Result<Option<InboxEntry>, StoreError> {
        let tx = self.tx()?;
        let held = if lock { for_change(tx.is_postgres()) } else { "" };
        let sql = format!(
            "SELECT id, hostel_id, provider, dedupe_key, reference, headers, body, state, state_at, why, deliveries, \
             received_at FROM payment_inbox WHERE id = $1 AND hostel_id = $2{held}"
        );
        let row = tx.one::<EntryRow>(&sql, [id.uuid().into(), self.hostel()?.uuid().into()]).await.store()?;
        row.map(|row| row.entry(self.cipher())).transpose()
    }
}

#[async_trait]
impl InboxRepository for SqlUow {
    async fn whose(&mut self, provider: &str, reference: &str) -> Result<Option<(HostelId, PaymentId)>, StoreError> {
        self.installation()?;
        let sql = "SELECT hostel_id, id FROM payments WHERE provider = $1 AND reference = $2";
        let row = self.tx()?.one::<WhoseRow>(sql, [provider.into(), reference.into()]).await.store()?;
        Ok(row.map(|row| (HostelId::new(row.hostel_id), PaymentId::new(row.id))))
    }

    async fn receive(&mut self, entry: &NewInboxEntry) -> Result<Received, StoreError> {
        self.installation()?;
        let sql = "INSERT INTO payment_inbox (id, hostel_id, provider, dedupe_key, reference, headers, body, state, state_at, \
                   why, deliveries, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11) \
                   ON CONFLICT (provider, dedupe_key) DO UPDATE SET deliveries = payment_inbox.deliveries + 1 \
                   RETURNING id, hostel_id, state, deliveries";
        let (id, hostel) = (entry.id.uuid(), entry.hostel_id.map(HostelId::uuid));
        let seal = |column, plain: &[u8]| place(hostel, id, column).seal_bytes(self.cipher(), plain);
        let (state, at, why) = columns(&entry.state);
        let values = [
            id.into(),
            hostel.into(),
            entry.provider.as_str().into(),
            entry.dedupe_key.as_str().into(),
            entry.reference.clone().into(),
            seal("headers", entry.headers.as_bytes()).into(),
            seal("body", &entry.body).into(),
            state.into(),
            at.into(),
            why.into(),
            entry.received_at.micros().into(),
        ];
        let row = self.tx()?.one::<ReceivedRow>(sql, values).await.store()?.ok_or_else(|| corrupt("payment_inbox"))?;
        if row.deliveries == 1 {
            return Ok(Received::New);
        }
        Ok(Received::Again {
            id: InboxEntryId::new(row.id),
            hostel_id: row.hostel_id.map(HostelId::new),
            waiting: row.state == "waiting",
            aside: row.state == "put_aside",
        })
    }

    async fn find(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError> {
        self.load_entry(id, false).await
    }

    async fn lock(&mut self, id: InboxEntryId) -> Result<Option<InboxEntry>, StoreError> {
        self.load_entry(id, true).await
    }

    async fn mark(&mut self, id: InboxEntryId, state: &InboxState) -> Result<(), StoreError> {
        let sql = "UPDATE payment_inbox SET state = $3, state_at = $4, why = $5 WHERE id = $1 AND hostel_id = $2";
        let (state, at, why) = columns(state);
        let values = [id.uuid().into(), self.hostel()?.uuid().into(), state.into(), at.into(), why.into()];
        match self.tx()?.run(sql, values).await.store()? {
            1 => Ok(()),
            _ => Err(StoreError::Stale),
        }
    }
}

#[async_trait]
impl QuarantineRepository for SqlUow {
    async fn add(&mut self, found: &Quarantined) -> Result<bool, StoreError> {
        let sql = "INSERT INTO payment_quarantine (hostel_id, id, payment_id, provider, suspicion, expected, \
                   expected_currency, reported, reported_currency, note, at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                   ON CONFLICT (hostel_id, payment_id, suspicion, reported, reported_currency) DO NOTHING";
        let values = [
            self.hostel()?.uuid().into(),
            found.id.uuid().into(),
            found.payment_id.uuid().into(),
            found.provider.as_str().into(),
            found.suspicion.as_str().into(),
            found.expected.amount_minor().into(),
            found.expected.currency().code().into(),
            found.reported.amount_minor().into(),
            found.reported.currency().code().into(),
            found.note.as_str().into(),
            found.at.micros().into(),
        ];
        Ok(self.tx()?.run(sql, values).await.store()? == 1)
    }
}

/// So many entries are removed in one transaction.
const PURGED_AT_ONCE: u64 = 1_000;

impl Database {
    /// Removes what gateways told: what had its effect before one instant, and what was put aside before another. What waits
    /// stays.
    pub async fn purge_webhooks(&self, processed: Instant, put_aside: Instant) -> Result<u64, StoreError> {
        Ok(self.purge_webhooks_in("processed", processed).await?
            + self.purge_webhooks_in("put_aside", put_aside).await?)
    }

    async fn purge_webhooks_in(&self, state: &str, before: Instant) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM payment_inbox WHERE id IN (SELECT id FROM payment_inbox \
             WHERE state = '{state}' AND state <> 'waiting' AND state_at < $1 LIMIT {PURGED_AT_ONCE})"
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
