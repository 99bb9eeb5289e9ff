//! One key, one effect (W9). The promise is the first statement of the change, and the answer is stored by its commit, so a
//! crash leaves either both or neither.

use std::time::Duration;

use domicile_kernel::{Outcome, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt},
    sealed::FieldCipher,
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

impl Slot {
    /// What binds the sealed answer.
    fn place(&self) -> Vec<u8> {
        format!("idempotency_keys|{}|{}|{}", self.account, self.scope, self.key).into_bytes()
    }
}

#[derive(FromQueryResult)]
struct Promise {
    got: bool,
    inserted: i64,
}

#[derive(FromQueryResult)]
struct Kept {
    fingerprint: Vec<u8>,
    outcome: Option<Vec<u8>>,
}

/// On PostgreSQL the insert runs only under a transaction lock of the key that is tried, not waited for: whoever does not get
/// it meets a first request that is still running. SQLite's only writer cannot meet one.
const ON_POSTGRES: &str = "WITH l AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($1) AS got), \
    i AS (INSERT INTO idempotency_keys (account_id, hostel_scope, key, hostel_id, fingerprint, created_at) \
    SELECT $2, $3, $4, $5, $6, $7 FROM l WHERE got ON CONFLICT DO NOTHING RETURNING 1) \
    SELECT (SELECT got FROM l) AS got, (SELECT count(*) FROM i) AS inserted";

const ON_SQLITE: &str = "INSERT INTO idempotency_keys (account_id, hostel_scope, key, hostel_id, fingerprint, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

/// How long the lock is tried for. A request that was refused drops its transaction, whose lock goes a moment after the
/// answer: somebody who comes back at once should not be told that it still runs.
const PATIENCE: [Duration; 3] = [Duration::from_millis(2), Duration::from_millis(8), Duration::from_millis(30)];

/// Makes the promise; answers `Replayed`, `KeyReused` or `KeyInFlight` when it was made before.
pub(crate) async fn promise(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    slot: &Slot,
    fingerprint: &[u8; 32],
    at: i64,
) -> Result<(), StoreError> {
    let row = [
        slot.account.into(),
        slot.scope.into(),
        slot.key.clone().into(),
        slot.hostel.into(),
        fingerprint.to_vec().into(),
        at.into(),
    ];
    if !tx.is_postgres() {
        return match tx.run(ON_SQLITE, row).await.store()? {
            1 => Ok(()),
            _ => Err(kept(tx, cipher, slot, fingerprint).await?),
        };
    }
    for patience in PATIENCE {
        let values = std::iter::once(lock_number(slot).into()).chain(row.clone());
        let promise =
            tx.one::<Promise>(ON_POSTGRES, values).await.store()?.ok_or_else(|| corrupt("an idempotency key"))?;
        match (promise.got, promise.inserted) {
            (_, 1) => return Ok(()),
            (true, _) => return Err(kept(tx, cipher, slot, fingerprint).await?),
            (false, _) => tokio::time::sleep(patience).await,
        }
    }
    Err(StoreError::KeyInFlight)
}

async fn kept(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    slot: &Slot,
    fingerprint: &[u8; 32],
) -> Result<StoreError, StoreError> {
    let sql =
        "SELECT fingerprint, outcome FROM idempotency_keys WHERE account_id = $1 AND hostel_scope = $2 AND key = $3";
    let values = [slot.account.into(), slot.scope.into(), slot.key.clone().into()];
    Ok(match tx.one::<Kept>(sql, values).await.store()? {
        Some(kept) if kept.fingerprint != fingerprint => StoreError::KeyReused,
        Some(Kept { outcome: Some(sealed), .. }) => {
            let plain = cipher.open(&slot.place(), &sealed).map_err(|error| StoreError::Corrupt(error.into()))?;
            let outcome = serde_json::from_slice(&plain).map_err(|_not_json| corrupt("an idempotency key"))?;
            StoreError::Replayed(Outcome::stored(outcome))
        }
        Some(_) | None => StoreError::KeyInFlight,
    })
}

/// Stores the answer with the promise: sealed, for it is what the caller saw, personal fields included.
pub(crate) async fn keep(tx: &Tx, cipher: &dyn FieldCipher, slot: &Slot, outcome: &Outcome) -> Result<(), StoreError> {
    let sealed = cipher.seal(&slot.place(), outcome.value().to_string().as_bytes());
    let sql = "UPDATE idempotency_keys SET outcome = $1 WHERE account_id = $2 AND hostel_scope = $3 AND key = $4";
    let values = [sealed.into(), slot.account.into(), slot.scope.into(), slot.key.clone().into()];
    match tx.run(sql, values).await.store()? {
        1 => Ok(()),
        _ => Err(corrupt("an idempotency key")),
    }
}

/// Puts the answer of a later step in the place of the one kept before. A key that is not kept any more, or was used for another
/// request since, is left alone.
pub(crate) async fn replace(
    tx: &Tx,
    cipher: &dyn FieldCipher,
    slot: &Slot,
    fingerprint: &[u8; 32],
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let sealed = cipher.seal(&slot.place(), outcome.value().to_string().as_bytes());
    let sql = "UPDATE idempotency_keys SET outcome = $1 WHERE account_id = $2 AND hostel_scope = $3 AND key = $4 \
               AND fingerprint = $5";
    let values =
        [sealed.into(), slot.account.into(), slot.scope.into(), slot.key.clone().into(), fingerprint.to_vec().into()];
    tx.run(sql, values).await.store()?;
    Ok(())
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
