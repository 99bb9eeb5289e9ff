//! Sessions: one row a sign-in, locked while its token is rotated.

use async_trait::async_trait;
use domicile_access::{
    model::{RevokeReason, Session},
    ports::SessionRepository,
};
use domicile_kernel::{AccountId, Instant, SessionId, StoreError};
use sea_orm::{FromQueryResult, JsonValue, Value};
use uuid::Uuid;

use super::out_of_reach;
use crate::{
    dialect::{IntoStore, corrupt, for_update},
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "id, account_id, generation, rotated_at, token_hash, created_at, last_used_at, idle_expires_at, \
    absolute_expires_at, revoked_at, revoke_reason, device_info, ip, user_agent";

#[derive(FromQueryResult)]
pub(super) struct SessionRow {
    id: Uuid,
    account_id: Uuid,
    generation: i64,
    rotated_at: i64,
    token_hash: String,
    created_at: i64,
    last_used_at: i64,
    idle_expires_at: i64,
    absolute_expires_at: i64,
    revoked_at: Option<i64>,
    revoke_reason: Option<String>,
    device_info: Option<JsonValue>,
    ip: Option<String>,
    user_agent: Option<String>,
}

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

impl SessionRow {
    pub(super) fn session(self) -> Result<Session, StoreError> {
        let reason = self.revoke_reason.as_deref();
        Ok(Session {
            id: SessionId::new(self.id),
            account_id: AccountId::new(self.account_id),
            generation: self.generation,
            rotated_at: Instant::from_micros(self.rotated_at),
            token_hash: self.token_hash,
            created_at: Instant::from_micros(self.created_at),
            last_used_at: Instant::from_micros(self.last_used_at),
            idle_expires_at: Instant::from_micros(self.idle_expires_at),
            absolute_expires_at: Instant::from_micros(self.absolute_expires_at),
            revoked_at: self.revoked_at.map(Instant::from_micros),
            revoke_reason: match reason {
                Some(word) => Some(RevokeReason::parse(word).ok_or_else(|| corrupt("sessions.revoke_reason"))?),
                None => None,
            },
            device_info: self.device_info,
            ip: match self.ip {
                Some(ip) => Some(ip.parse().map_err(|_no_address| corrupt("sessions.ip"))?),
                None => None,
            },
            user_agent: self.user_agent,
        })
    }
}

fn values(session: &Session) -> Vec<Value> {
    vec![
        session.generation.into(),
        session.rotated_at.micros().into(),
        session.token_hash.as_str().into(),
        session.last_used_at.micros().into(),
        session.idle_expires_at.micros().into(),
        session.absolute_expires_at.micros().into(),
        session.revoked_at.map(Instant::micros).into(),
        session.revoke_reason.map(|reason| reason.as_str().to_owned()).into(),
        session.device_info.clone().into(),
        session.ip.map(|ip| ip.to_string()).into(),
        session.user_agent.clone().into(),
        session.id.uuid().into(),
    ]
}

#[async_trait]
impl SessionRepository for SqlUow {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        if !self.reach().account(session.account_id) {
            return Err(out_of_reach("a session"));
        }
        let sql = "INSERT INTO sessions (generation, rotated_at, token_hash, last_used_at, idle_expires_at, absolute_expires_at, \
                   revoked_at, revoke_reason, device_info, ip, user_agent, id, account_id, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        let mut row = values(session);
        row.extend([session.account_id.uuid().into(), session.created_at.micros().into()]);
        self.tx()?.run(sql, row).await.store()?;
        Ok(())
    }

    async fn find_for_update(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let tx = self.tx()?;
        let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = $1{}", for_update(tx.is_postgres()));
        let row = tx.one::<SessionRow>(&sql, [id.uuid().into()]).await.store()?;
        let session = row.map(SessionRow::session).transpose()?;
        Ok(session.filter(|session| self.reach().account(session.account_id)))
    }

    async fn update(&mut self, session: &Session) -> Result<(), StoreError> {
        if !self.reach().account(session.account_id) {
            return Err(out_of_reach("a session"));
        }
        let sql = "UPDATE sessions SET generation = $1, rotated_at = $2, token_hash = $3, last_used_at = $4, idle_expires_at = $5, \
                   absolute_expires_at = $6, revoked_at = $7, revoke_reason = $8, device_info = $9, ip = $10, user_agent = $11 \
                   WHERE id = $12";
        self.tx()?.run(sql, values(session)).await.store()?;
        Ok(())
    }

    async fn revoke_all(
        &mut self,
        account: AccountId,
        except: Option<SessionId>,
        at: Instant,
        reason: RevokeReason,
    ) -> Result<Vec<SessionId>, StoreError> {
        if !self.reach().account(account) {
            return Ok(Vec::new());
        }
        let sql = "UPDATE sessions SET revoked_at = $1, revoke_reason = $2 WHERE account_id = $3 AND revoked_at IS NULL AND id <> $4 \
                   RETURNING id";
        let except = except.map_or_else(Uuid::nil, SessionId::uuid);
        let values = [at.micros().into(), reason.as_str().into(), account.uuid().into(), except.into()];
        let mut ended: Vec<SessionId> =
            self.tx()?.all::<Id>(sql, values).await.store()?.into_iter().map(|row| SessionId::new(row.id)).collect();
        ended.sort_unstable();
        Ok(ended)
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let sql = "DELETE FROM sessions WHERE (revoked_at < $1 OR idle_expires_at < $1 OR absolute_expires_at < $1) \
                   AND account_id = coalesce($2, account_id)";
        self.tx()?.run(sql, [before.micros().into(), self.reach().only().into()]).await.store()
    }
}
