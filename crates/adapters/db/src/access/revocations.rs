//! Which sessions were ended lately, wherever that happened: what each node asks again and again, so that an ended session is
//! refused and its sockets close within a second or two even when no wake-up arrives (design, section 7).

use std::time::Duration;

use domicile_kernel::{AccountId, Instant, Purpose, Scope, SessionId, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use crate::{database::Database, dialect::IntoStore, read::SqlRead};

/// How far behind the asked instant is looked. A revocation is dated before it is committed, by the clock of the node that
/// does it: this is longer than a transaction may last (a statement 5 s, idle 10 s), and than clocks may differ.
const OVERLAP: Duration = Duration::from_secs(20);

#[derive(FromQueryResult)]
struct Ended {
    id: Uuid,
    account_id: Uuid,
    revoked_at: i64,
}

impl Database {
    /// The sessions that were ended at or after an instant, and in the 20 seconds before it: by when, then by id. Whoever asks
    /// with the instant of their last question hears of each session several times, and of none never.
    pub async fn revoked_since(&self, after: Instant) -> Result<Vec<(SessionId, AccountId, Instant)>, StoreError> {
        let read = SqlRead::begin_in(self, Scope::System(Purpose::Lobby)).await?;
        let sql = "SELECT id, account_id, revoked_at FROM sessions WHERE revoked_at >= $1 ORDER BY revoked_at, id";
        let ended = read.tx.all::<Ended>(sql, [after.minus(OVERLAP).micros().into()]).await.store()?;
        Ok(ended
            .into_iter()
            .map(|row| (SessionId::new(row.id), AccountId::new(row.account_id), Instant::from_micros(row.revoked_at)))
            .collect())
    }
}
