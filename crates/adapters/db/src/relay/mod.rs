//! The relay: takes committed events out of the outbox and numbers them into the log, and seals new audit rows into their
//! hostel's chain. Any number of nodes may run it; a transaction lock lets one at a time do a batch, and because the lock
//! belongs to the transaction no leader needs fencing. What commits late is numbered late, so nothing can be skipped.

mod audit;
mod wakeups;

use std::collections::BTreeMap;

pub use audit::{AuditSeal, ChainCheck};
use domicile_kernel::{Event, EventId, HostelId, Instant, Purpose, Scope, StoreError};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;
pub use wakeups::Wakeups;

use crate::{
    database::{Database, NO_HOSTEL},
    dialect::{IntoStore, corrupt},
    entities::{event, outbox},
    rounds,
    tx::Tx,
};

/// At most this many events a batch.
pub const BATCH: u64 = 500;

/// The number of the transaction lock that lets one relay work at a time: "domicile" in ASCII.
const RELAY_LOCK: i64 = 0x646f_6d69_6369_6c65;

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

impl Database {
    /// Moves one batch of events and seals one batch of audit rows, in one transaction.
    pub async fn relay_once(&self, seal: &dyn AuditSeal) -> Result<Batch, StoreError> {
        self.relay_batch(Some(seal)).await
    }

    /// Moves events to the log until none is waiting, and leaves the sealing of audit rows for later: nobody waits for
    /// that, and for events everybody does. Answers how many.
    pub async fn move_all(&self) -> Result<Batch, StoreError> {
        let mut total = Batch::default();
        loop {
            let batch = self.relay_batch(None).await?;
            total.events += batch.events;
            if batch.busy || batch.events < BATCH {
                return Ok(Batch { busy: batch.busy, ..total });
            }
        }
    }

    async fn relay_batch(&self, seal: Option<&dyn AuditSeal>) -> Result<Batch, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Relay)).await?;
        if tx.is_postgres() {
            let lock =
                tx.one::<Got>("SELECT pg_try_advisory_xact_lock($1) AS got", [RELAY_LOCK.into()]).await.store()?;
            if !lock.is_some_and(|lock| lock.got) {
                return Ok(Batch { busy: true, ..Batch::default() });
            }
        }
        let events = move_events(&tx).await?;
        let sealed = match seal {
            Some(seal) => audit::seal_batch(&tx, seal).await?,
            None => 0,
        };
        if events + sealed > 0 {
            tx.commit().await.store()?;
            if let Some(meters) = self.rounds.meters() {
                meters.relayed(events, sealed);
            }
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
        rows.into_iter().map(from_row).collect()
    }

    /// The last position given out, 0 before the first.
    pub async fn last_position(&self) -> Result<i64, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let heads = heads(&tx, &[NO_HOSTEL]).await?;
        Ok(heads.get(&NO_HOSTEL).copied().unwrap_or(0))
    }
}

async fn move_events(tx: &Tx) -> Result<u64, StoreError> {
    // By a bound and not by a list of ids: the statistics of a queue are those of an empty table, and with them the planner
    // joins the list row by row, which a backlog turns into minutes.
    let sql = format!(
        "DELETE FROM outbox WHERE id <= (SELECT max(id) FROM (SELECT id FROM outbox ORDER BY id LIMIT {BATCH}) AS oldest) \
         RETURNING *"
    );
    let mut taken = tx.all::<outbox::Model>(&sql, []).await.store()?;
    if taken.is_empty() {
        return Ok(0);
    }
    taken.sort_by_key(|row| row.id);
    rounds::relayed(taken.iter().map(|row| (row.kind.as_str(), row.trace.as_deref())));
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

pub(crate) fn from_row(row: event::Model) -> Result<Event, StoreError> {
    Ok(Event {
        id: EventId::new(row.event_id),
        position: row.position,
        seq: row.seq,
        kind: row.kind,
        version: u16::try_from(row.version).map_err(|_huge| corrupt("events.version"))?,
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
    })
}
