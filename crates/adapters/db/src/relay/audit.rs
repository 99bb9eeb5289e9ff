//! The audit chain: each hostel's rows numbered without a gap and hashed each over the one before, so that a row changed,
//! moved or taken away afterwards is found.

use std::collections::BTreeMap;

use domicile_kernel::{HostelId, Purpose, Scope, StoreError};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BATCH, places};
use crate::{
    database::{Database, NO_HOSTEL},
    dialect::IntoStore,
    entities::audit_log,
    tx::Tx,
};

/// Chains audit rows. The real one holds the key.
pub trait AuditSeal: Send + Sync {
    /// The keyed hash of a row's canonical bytes after the row before it.
    fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String;
}

#[derive(FromQueryResult)]
struct ChainHead {
    stream: Uuid,
    last: i64,
    hash: String,
}

/// Numbers and seals the oldest unsealed rows, at most a batch; answers how many.
pub(super) async fn seal_batch(tx: &Tx, seal: &dyn AuditSeal) -> Result<u64, StoreError> {
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
fn canonical(row: &audit_log::Model, seq: i64) -> Vec<u8> {
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
