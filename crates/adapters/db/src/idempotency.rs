//! One key, one effect (W9). The promise is the first statement of the change, and the answer is stored by its commit, so a
//! crash leaves either both or neither.

use domicile_kernel::{Outcome, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt},
    tx::Tx,
};

/// Whose key it is.
pub(crate) struct Slot {
    pub(crate) account: Uuid,
    /// The hostel it was used in, or nil.
    pub(crate) scope: Uuid,
    pub(crate) hostel: Option<Uuid>,
    pub(crate) key: String,
}

#[derive(FromQueryResult)]
struct Promise {
    got: bool,
    inserted: i64,
}

#[derive(FromQueryResult)]
struct Kept {
    fingerprint: Vec<u8>,
    outcome: Option<sea_orm::JsonValue>,
}

/// On PostgreSQL the insert runs only under a transaction lock of the key that is tried, not waited for: whoever does not get
/// it meets a first request that is still running. SQLite's only writer cannot meet one.
const ON_POSTGRES: &str = "WITH l AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1) AS got), \
    i AS (INSERT INTO idempotency_keys (account_id, hostel_scope, key, hostel_id, fingerprint, created_at) \
    SELECT $2, $3, $4, $5, $6, $7 FROM l WHERE got ON CONFLICT DO NOTHING RETURNING 1) \
    SELECT (SELECT got FROM l) AS got, (SELECT count(*) FROM i) AS inserted";

const ON_SQLITE: &str = "INSERT INTO idempotency_keys (account_id, hostel_scope, key, hostel_id, fingerprint, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

/// Makes the promise; answers `Replayed`, `KeyReused` or `KeyInFlight` when it was made before.
pub(crate) async fn promise(tx: &Tx, slot: &Slot, fingerprint: &[u8; 32], at: i64) -> Result<(), StoreError> {
    let row = [
        slot.account.into(),
        slot.scope.into(),
        slot.key.clone().into(),
        slot.hostel.into(),
        fingerprint.to_vec().into(),
        at.into(),
    ];
    let (got, inserted) = if tx.is_postgres() {
        let values = std::iter::once(lock_number(slot).into()).chain(row);
        let promise =
            tx.one::<Promise>(ON_POSTGRES, values).await.store()?.ok_or_else(|| corrupt("an idempotency key"))?;
        (promise.got, promise.inserted == 1)
    } else {
        (true, tx.run(ON_SQLITE, row).await.store()? == 1)
    };
    match (got, inserted) {
        (_, true) => Ok(()),
        (false, false) => Err(StoreError::KeyInFlight),
        (true, false) => Err(kept(tx, slot, fingerprint).await?),
    }
}

async fn kept(tx: &Tx, slot: &Slot, fingerprint: &[u8; 32]) -> Result<StoreError, StoreError> {
    let sql =
        "SELECT fingerprint, outcome FROM idempotency_keys WHERE account_id = $1 AND hostel_scope = $2 AND key = $3";
    let values = [slot.account.into(), slot.scope.into(), slot.key.clone().into()];
    Ok(match tx.one::<Kept>(sql, values).await.store()? {
        Some(kept) if kept.fingerprint != fingerprint => StoreError::KeyReused,
        Some(Kept { outcome: Some(outcome), .. }) => StoreError::Replayed(Outcome::stored(outcome)),
        Some(_) | None => StoreError::KeyInFlight,
    })
}

/// Stores the answer with the promise.
pub(crate) async fn keep(tx: &Tx, slot: &Slot, outcome: &Outcome) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency_keys SET outcome = $1 WHERE account_id = $2 AND hostel_scope = $3 AND key = $4";
    let values = [outcome.value().clone().into(), slot.account.into(), slot.scope.into(), slot.key.clone().into()];
    match tx.run(sql, values).await.store()? {
        1 => Ok(()),
        _ => Err(corrupt("an idempotency key")),
    }
}

/// A number for the advisory lock: FNV-1a over the slot. Two keys that share one only make each other wait a moment.
fn lock_number(slot: &Slot) -> i64 {
    let parts = [slot.account.as_bytes().as_slice(), slot.scope.as_bytes().as_slice(), slot.key.as_bytes()];
    let hash = parts
        .into_iter()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash as i64
}
