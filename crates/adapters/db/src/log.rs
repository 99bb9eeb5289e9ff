//! The event log of one hostel, as whoever follows it there reads it, and who is online in a hostel. The installation's own
//! reads: what a person may see of it is judged by who asks.

use domicile_kernel::{AccountId, Event, HostelId, Instant, Purpose, Scope, StoreError};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Value};
use uuid::Uuid;

use crate::{database::Database, dialect::IntoStore, entities::event, relay::from_row};

/// How many people are written down in one statement: four parameters each, far below what either database takes.
const TOGETHER: usize = 500;

/// The numbers of a hostel's log.
#[derive(FromQueryResult)]
struct Numbers {
    oldest: Option<i64>,
    head: Option<i64>,
}

#[derive(FromQueryResult)]
struct Here {
    account_id: Uuid,
    since: i64,
}

impl Database {
    /// The events of a hostel behind a `seq`, in order, at most `most`.
    pub async fn events_of(&self, hostel: HostelId, after: i64, most: u64) -> Result<Vec<Event>, StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let rows = event::Entity::find()
            .filter(event::Column::HostelId.eq(hostel.uuid()))
            .filter(event::Column::Seq.gt(after))
            .order_by_asc(event::Column::Seq)
            .limit(most)
            .all(&tx)
            .await
            .store()?;
        rows.into_iter().map(from_row).collect()
    }

    /// How far a hostel's log reaches, as of one moment: the first `seq` that is kept (0 when none is) and the last given out
    /// (0 before the first).
    pub async fn reach_of(&self, hostel: HostelId) -> Result<(i64, i64), StoreError> {
        let tx = self.read_tx(&Scope::System(Purpose::Relay)).await?;
        let sql = "SELECT (SELECT min(seq) FROM events WHERE hostel_id = $1) AS oldest, \
                   (SELECT last FROM stream_heads WHERE stream = $1) AS head";
        let numbers = tx.one::<Numbers>(sql, [hostel.uuid().into()]).await.store()?;
        Ok(numbers.map_or((0, 0), |numbers| (numbers.oldest.unwrap_or(0), numbers.head.unwrap_or(0))))
    }

    /// Writes down who came to a node, each with since when, and who left it.
    pub async fn note_presence(
        &self,
        node: Uuid,
        changes: &[(HostelId, AccountId, Option<Instant>)],
        now: Instant,
    ) -> Result<(), StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Presence)).await?;
        let here: Vec<_> =
            changes.iter().filter_map(|(hostel, account, since)| Some((hostel, account, (*since)?))).collect();
        for some in here.chunks(TOGETHER) {
            let mut values: Vec<Value> = vec![node.into(), now.micros().into()];
            let rows: Vec<String> = some
                .iter()
                .map(|(hostel, account, since)| {
                    let from = values.len();
                    values.extend([hostel.uuid().into(), account.uuid().into(), since.micros().into()]);
                    format!("(${}, ${}, $1, ${}, $2)", from + 1, from + 2, from + 3)
                })
                .collect();
            let sql = format!(
                "INSERT INTO presences (hostel_id, account_id, node, since, seen_at) VALUES {} \
                 ON CONFLICT (hostel_id, account_id, node) DO UPDATE SET since = excluded.since, seen_at = excluded.seen_at",
                rows.join(", ")
            );
            tx.run(&sql, values).await.store()?;
        }
        let gone: Vec<_> = changes.iter().filter(|(_, _, since)| since.is_none()).collect();
        for some in gone.chunks(TOGETHER) {
            let mut values: Vec<Value> = vec![node.into()];
            let rows: Vec<String> = some
                .iter()
                .map(|(hostel, account, _)| {
                    let from = values.len();
                    values.extend([hostel.uuid().into(), account.uuid().into()]);
                    format!("(${}, ${})", from + 1, from + 2)
                })
                .collect();
            let sql = format!(
                "DELETE FROM presences WHERE node = $1 AND (hostel_id, account_id) IN (VALUES {})",
                rows.join(", ")
            );
            tx.run(&sql, values).await.store()?;
        }
        tx.commit().await.store()
    }

    /// Confirms everybody who is written down for a node; how many those are.
    pub async fn confirm_presence(&self, node: Uuid, now: Instant) -> Result<u64, StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Presence)).await?;
        let confirmed = tx
            .run("UPDATE presences SET seen_at = $2 WHERE node = $1", [node.into(), now.micros().into()])
            .await
            .store()?;
        tx.commit().await.store()?;
        Ok(confirmed)
    }

    /// Who is online in a hostel by what was confirmed at or after an instant: each once, with since when, by account.
    pub async fn present_in(&self, hostel: HostelId, since: Instant) -> Result<Vec<(AccountId, Instant)>, StoreError> {
        let tx = self.read_tx(&Scope::Hostel(hostel)).await?;
        let sql = "SELECT account_id, min(since) AS since FROM presences WHERE hostel_id = $1 AND seen_at >= $2 \
                   GROUP BY account_id ORDER BY account_id";
        let rows = tx.all::<Here>(sql, [hostel.uuid().into(), since.micros().into()]).await.store()?;
        Ok(rows.into_iter().map(|row| (AccountId::new(row.account_id), Instant::from_micros(row.since))).collect())
    }

    /// Removes what is written down for a node, and what nobody confirmed since an instant: the rows of nodes that died.
    pub async fn remove_presence(&self, node: Option<Uuid>, before: Instant) -> Result<(), StoreError> {
        let tx = self.write_tx(&Scope::System(Purpose::Presence)).await?;
        if let Some(node) = node {
            tx.run("DELETE FROM presences WHERE node = $1", [node.into()]).await.store()?;
        }
        tx.run("DELETE FROM presences WHERE seen_at < $1", [before.micros().into()]).await.store()?;
        tx.commit().await.store()
    }
}
