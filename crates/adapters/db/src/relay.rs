//! The relay: takes committed events out of the outbox and numbers them into the log, and seals new audit rows into their
//! hostel's chain. Any number of nodes may run it; a transaction lock lets one at a time do a batch, and because the lock
//! belongs to the transaction no leader needs fencing. What commits late is numbered late, so nothing can be skipped.

use std::collections::BTreeMap;

use domicile_kernel::{Event, EventId, HostelId, Instant, Purpose, Scope, StoreError};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, sqlx::postgres::PgListener};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    database::{Database, NO_HOSTEL},
    dialect::IntoStore,
    entities::{audit_log, event, outbox},
    tx::Tx,
};

/// At most this many events a batch.
pub const BATCH: u64 = 500;

/// The number of the transaction lock that lets one relay work at a time: "domicile" in ASCII.
const RELAY_LOCK: i64 = 0x646f_6d69_6369_6c65;

/// Chains audit rows. The real one holds the key.
pub trait AuditSeal: Send + Sync {
    /// The keyed hash of a row's canonical bytes after the row before it.
    fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String;
}

/// What one batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Events moved to the log.
    pub events: u64,
    /// Audit rows sealed.
    pub sealed: u64,
    /// Another relay was at it.
    pub busy: bool,
}

#[derive(FromQueryResult)]
struct Got {
    got: bool,
}

#[derive(FromQueryResult)]
struct Head {
    stream: Uuid,
    last: i64,
}

#[derive(FromQueryResult)]
struct ChainHead {
    stream: Uuid,
    last: i64,
    hash: String,
}

impl Database {
    /// Moves one batch of events and seals one batch of audit rows, in one transaction.
    pub async fn relay_once(&self, seal: &dyn AuditSeal) -> Result<Batch, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Relay)).await?;
        if tx.is_postgres() {
            let lock =
                tx.one::<Got>("SELECT pg_try_advisory_xact_lock($1) AS got", [RELAY_LOCK.into()]).await.store()?;
            if !lock.is_some_and(|lock| lock.got) {
                return Ok(Batch { busy: true, ..Batch::default() });
            }
        }
        let events = move_events(&tx).await?;
        let sealed = seal_audit(&tx, seal).await?;
        if events + sealed > 0 {
            tx.commit().await.store()?;
        } else {
            // Not merely dropped: the lock would outlive this batch until the connection is used again.
            tx.rollback().await.store()?;
        }
        Ok(Batch { events, sealed, busy: false })
    }

    /// Works until nothing is left to move; stops early when another relay is at it.
    pub async fn relay_all(&self, seal: &dyn AuditSeal) -> Result<Batch, StoreError> {
        let mut total = Batch::default();
        loop {
            let batch = self.relay_once(seal).await?;
            total.events += batch.events;
            total.sealed += batch.sealed;
            if batch.busy || batch.events + batch.sealed == 0 {
                return Ok(Batch { busy: batch.busy, ..total });
            }
        }
    }

    /// The events behind a position, in order, at most `most`: how a consumer of everything follows the log.
    pub async fn events_after(&self, position: i64, most: u64) -> Result<Vec<Event>, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let rows = event::Entity::find()
            .filter(event::Column::Position.gt(position))
            .order_by_asc(event::Column::Position)
            .limit(most)
            .all(&tx)
            .await
            .store()?;
        Ok(rows.into_iter().map(from_row).collect())
    }

    /// The last position given out, 0 before the first.
    pub async fn last_position(&self) -> Result<i64, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let heads = heads(&tx, &[NO_HOSTEL]).await?;
        Ok(heads.get(&NO_HOSTEL).copied().unwrap_or(0))
    }

    /// Wakes the relays and followers of other nodes: one notification a batch, after its commit and never inside a business
    /// transaction, where it would halve the commits. Nothing on SQLite, which has no other nodes.
    pub async fn notify_followers(&self) -> Result<(), StoreError> {
        if let crate::database::Pools::Postgres { system, .. } = &self.pools {
            sea_orm::sqlx::query("NOTIFY domicile_events").execute(system).await.map_err(|error| {
                crate::dialect::store_error(sea_orm::DbErr::Query(sea_orm::RuntimeErr::SqlxError(error.into())))
            })?;
        }
        Ok(())
    }
}

/// The wake-ups that other nodes' relays send. One may be lost, with the connection it should have come by; whoever waits for
/// them polls besides.
pub struct Wakeups(Option<PgListener>);

impl std::fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Wakeups").field(&self.0.is_some()).finish()
    }
}

impl Wakeups {
    /// Waits for the next one; forever where there are no other nodes or nobody can be heard.
    pub async fn next(&mut self) {
        if let Some(listener) = &mut self.0 {
            match listener.recv().await {
                Ok(_notification) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "wake-ups of other nodes are not heard any more");
                    self.0 = None;
                }
            }
        }
        std::future::pending::<()>().await;
    }
}

impl Database {
    /// Begins to hear other nodes' wake-ups, over a connection of its own.
    pub async fn wakeups(&self) -> Wakeups {
        let crate::database::Pools::Postgres { system, .. } = &self.pools else { return Wakeups(None) };
        let listening = async {
            let mut listener = PgListener::connect_with(system).await?;
            listener.listen("domicile_events").await?;
            Ok::<_, sea_orm::sqlx::Error>(listener)
        };
        match listening.await {
            Ok(listener) => Wakeups(Some(listener)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "wake-ups of other nodes cannot be heard");
                Wakeups(None)
            }
        }
    }
}

async fn move_events(tx: &Tx) -> Result<u64, StoreError> {
    let sql = format!("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT {BATCH}) RETURNING *");
    let mut taken = tx.all::<outbox::Model>(&sql, []).await.store()?;
    if taken.is_empty() {
        return Ok(0);
    }
    taken.sort_by_key(|row| row.id);
    let mut streams: Vec<Uuid> = taken.iter().map(stream_of).chain([NO_HOSTEL]).collect();
    streams.sort_unstable();
    streams.dedup();
    let mut heads = heads(tx, &streams).await?;
    let count = taken.len() as u64;
    let rows = taken.into_iter().map(|row| numbered(row, &mut heads)).collect::<Vec<_>>();
    event::Entity::insert_many(rows).exec_without_returning(tx).await.store()?;
    keep_heads(tx, &heads).await?;
    Ok(count)
}

fn stream_of(row: &outbox::Model) -> Uuid {
    row.hostel_id.unwrap_or(NO_HOSTEL)
}

fn next(heads: &mut BTreeMap<Uuid, i64>, stream: Uuid) -> i64 {
    let last = heads.entry(stream).or_insert(0);
    *last += 1;
    *last
}

/// The nil stream counts positions; an event of no hostel has no `seq` of its own and carries 0.
fn numbered(row: outbox::Model, heads: &mut BTreeMap<Uuid, i64>) -> event::ActiveModel {
    let position = next(heads, NO_HOSTEL);
    let seq = row.hostel_id.map_or(0, |hostel| next(heads, hostel));
    event::ActiveModel {
        position: Set(position),
        seq: Set(seq),
        event_id: Set(row.event_id),
        hostel_id: Set(row.hostel_id),
        account_id: Set(row.account_id),
        kind: Set(row.kind),
        version: Set(row.version),
        audience: Set(row.audience),
        aggregate: Set(row.aggregate),
        aggregate_id: Set(row.aggregate_id),
        aggregate_version: Set(row.aggregate_version),
        actor: Set(row.actor),
        at: Set(row.at),
        request_id: Set(row.request_id),
        trace: Set(row.trace),
        data: Set(row.data),
    }
}

fn places(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

async fn heads(tx: &Tx, streams: &[Uuid]) -> Result<BTreeMap<Uuid, i64>, StoreError> {
    let sql = format!("SELECT stream, last FROM stream_heads WHERE stream IN ({})", places(1, streams.len()));
    let rows = tx.all::<Head>(&sql, streams.iter().map(|stream| (*stream).into())).await.store()?;
    Ok(rows.into_iter().map(|head| (head.stream, head.last)).collect())
}

async fn keep_heads(tx: &Tx, heads: &BTreeMap<Uuid, i64>) -> Result<(), StoreError> {
    let rows: Vec<String> = (0..heads.len()).map(|row| format!("({})", places(row * 2 + 1, 2))).collect();
    let sql = format!(
        "INSERT INTO stream_heads (stream, last) VALUES {} ON CONFLICT (stream) DO UPDATE SET last = excluded.last",
        rows.join(", ")
    );
    tx.run(&sql, heads.iter().flat_map(|(stream, last)| [(*stream).into(), (*last).into()])).await.store()?;
    Ok(())
}

fn from_row(row: event::Model) -> Event {
    Event {
        id: EventId::new(row.event_id),
        position: row.position,
        seq: row.seq,
        kind: row.kind,
        version: u16::try_from(row.version).unwrap_or(0),
        hostel_id: row.hostel_id.map(HostelId::new),
        audience: row.audience,
        aggregate: row.aggregate,
        aggregate_id: row.aggregate_id,
        aggregate_version: row.aggregate_version,
        actor: row.actor,
        at: Instant::from_micros(row.at),
        request_id: row.request_id,
        trace: row.trace,
        data: row.data,
    }
}

async fn seal_audit(tx: &Tx, seal: &dyn AuditSeal) -> Result<u64, StoreError> {
    let rows = audit_log::Entity::find()
        .filter(audit_log::Column::Hash.is_null())
        .order_by_asc(audit_log::Column::Ordinal)
        .limit(BATCH)
        .all(tx)
        .await
        .store()?;
    if rows.is_empty() {
        return Ok(0);
    }
    let mut streams: Vec<Uuid> = rows.iter().map(|row| row.hostel_id.unwrap_or(NO_HOSTEL)).collect();
    streams.sort_unstable();
    streams.dedup();
    let sql = format!("SELECT stream, last, hash FROM audit_heads WHERE stream IN ({})", places(1, streams.len()));
    let heads = tx.all::<ChainHead>(&sql, streams.iter().map(|stream| (*stream).into())).await.store()?;
    let mut chains: BTreeMap<Uuid, (i64, Option<String>)> =
        heads.into_iter().map(|head| (head.stream, (head.last, Some(head.hash)))).collect();
    let mut values = Vec::with_capacity(rows.len() * 3);
    let mut lines = Vec::with_capacity(rows.len());
    for row in &rows {
        let chain = chains.entry(row.hostel_id.unwrap_or(NO_HOSTEL)).or_insert((0, None));
        let seq = chain.0 + 1;
        let hash = seal.hash(chain.1.as_deref(), &canonical(row, seq));
        let at = values.len();
        lines.push(format!("(CAST(${} AS BIGINT), CAST(${} AS BIGINT), ${})", at + 1, at + 2, at + 3));
        values.extend([row.ordinal.into(), seq.into(), hash.clone().into()]);
        *chain = (seq, Some(hash));
    }
    let sql = format!(
        "WITH sealed (ordinal, seq, hash) AS (VALUES {}) UPDATE audit_log SET seq = sealed.seq, hash = sealed.hash \
         FROM sealed WHERE audit_log.ordinal = sealed.ordinal",
        lines.join(", ")
    );
    tx.run(&sql, values).await.store()?;
    keep_chains(tx, &chains).await?;
    Ok(rows.len() as u64)
}

async fn keep_chains(tx: &Tx, chains: &BTreeMap<Uuid, (i64, Option<String>)>) -> Result<(), StoreError> {
    let rows: Vec<String> = (0..chains.len()).map(|row| format!("({})", places(row * 3 + 1, 3))).collect();
    let sql = format!(
        "INSERT INTO audit_heads (stream, last, hash) VALUES {} \
         ON CONFLICT (stream) DO UPDATE SET last = excluded.last, hash = excluded.hash",
        rows.join(", ")
    );
    let values =
        chains.iter().flat_map(|(stream, (last, hash))| [(*stream).into(), (*last).into(), hash.clone().into()]);
    tx.run(&sql, values).await.store()?;
    Ok(())
}

/// The bytes of a row that its hash covers: everything but the hash, in one fixed order, objects by sorted key.
pub(crate) fn canonical(row: &audit_log::Model, seq: i64) -> Vec<u8> {
    let whole = json!([
        seq,
        row.id,
        row.hostel_id,
        row.account_id,
        row.at,
        row.actor,
        row.actor_role,
        row.action,
        row.target,
        row.target_id,
        row.before,
        row.after,
        row.ip,
        row.request_id,
    ]);
    let mut text = String::new();
    write_sorted(&whole, &mut text);
    text.into_bytes()
}

/// JSON with the keys of every object sorted: the same text whatever order a database or a library keeps.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (n, (key, value)) in keys.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// What checking a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainCheck {
    /// Every sealed row is as it was written; so many were checked.
    Whole(u64),
    /// The first row, by its number in the chain, that is not as it was sealed, or missing.
    BrokenAt(i64),
}

impl Database {
    /// Recomputes one hostel's audit chain (none: of what belongs to no hostel) and compares its end with the kept head.
    pub async fn check_audit_chain(
        &self,
        hostel: Option<HostelId>,
        seal: &dyn AuditSeal,
    ) -> Result<ChainCheck, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let of = match hostel {
            Some(hostel) => audit_log::Column::HostelId.eq(hostel.uuid()),
            None => audit_log::Column::HostelId.is_null(),
        };
        let (mut expected, mut previous) = (1, None::<String>);
        loop {
            let rows = audit_log::Entity::find()
                .filter(of.clone())
                .filter(audit_log::Column::Seq.gte(expected))
                .order_by_asc(audit_log::Column::Seq)
                .limit(BATCH)
                .all(&tx)
                .await
                .store()?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let hash = seal.hash(previous.as_deref(), &canonical(&row, expected));
                if row.seq != Some(expected) || row.hash.as_deref() != Some(hash.as_str()) {
                    return Ok(ChainCheck::BrokenAt(expected));
                }
                previous = Some(hash);
                expected += 1;
            }
        }
        let stream = hostel.map_or(NO_HOSTEL, HostelId::uuid);
        let sql = "SELECT stream, last, hash FROM audit_heads WHERE stream = $1";
        let head = tx.one::<ChainHead>(sql, [stream.into()]).await.store()?;
        let end = head.map_or((0, None), |head| (head.last, Some(head.hash)));
        Ok(if end == (expected - 1, previous) {
            ChainCheck::Whole(expected.unsigned_abs() - 1)
        } else {
            ChainCheck::BrokenAt(expected)
        })
    }
}
