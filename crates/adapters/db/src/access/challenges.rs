//! One-time codes. A guess is counted in the statement that decides whether it may be made.

use async_trait::async_trait;
use domicile_access::{
    model::{AskedFrom, Challenge, ChallengeId, ChallengePurpose, Tries},
    ports::ChallengeRepository,
};
use domicile_kernel::{AccountId, Instant, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::out_of_reach;
use crate::{
    dialect::{IntoStore, corrupt},
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct ChallengeRow {
    id: Uuid,
    account_id: Uuid,
    code_hash: Vec<u8>,
    asked_from: String,
    attempts: i64,
    foreign_attempts: i64,
    created_at: i64,
    expires_at: i64,
    used_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Attempts {
    attempts: i64,
}

#[async_trait]
impl ChallengeRepository for SqlUow {
    async fn replace(&mut self, challenge: &Challenge) -> Result<(), StoreError> {
        if !self.reach().account(challenge.account_id) {
            return Err(out_of_reach("a challenge"));
        }
        let sql = "INSERT INTO challenges (id, account_id, purpose, code_hash, asked_from, attempts, foreign_attempts, \
                   created_at, expires_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                   ON CONFLICT (account_id, purpose, asked_from) DO UPDATE SET id = excluded.id, \
                   code_hash = excluded.code_hash, attempts = excluded.attempts, \
                   foreign_attempts = excluded.foreign_attempts, created_at = excluded.created_at, \
                   expires_at = excluded.expires_at, used_at = excluded.used_at";
        let values = [
            challenge.id.uuid().into(),
            challenge.account_id.uuid().into(),
            challenge.purpose.as_str().into(),
            challenge.code_hash.to_vec().into(),
            challenge.asked_from.as_str().into(),
            challenge.attempts.into(),
            challenge.foreign_attempts.into(),
            challenge.created_at.micros().into(),
            challenge.expires_at.micros().into(),
            challenge.used_at.map(Instant::micros).into(),
        ];
        self.tx()?.run(sql, values).await.store()?;
        Ok(())
    }

    async fn list(&mut self, account: AccountId, purpose: ChallengePurpose) -> Result<Vec<Challenge>, StoreError> {
        if !self.reach().account(account) {
            return Ok(Vec::new());
        }
        let sql = "SELECT id, account_id, code_hash, asked_from, attempts, foreign_attempts, created_at, expires_at, used_at \
                   FROM challenges WHERE account_id = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC";
        let values = [account.uuid().into(), purpose.as_str().into()];
        let rows = self.tx()?.all::<ChallengeRow>(sql, values).await.store()?;
        rows.into_iter()
            .map(|row| {
                Ok(Challenge {
                    id: ChallengeId::new(row.id),
                    account_id: AccountId::new(row.account_id),
                    purpose,
                    code_hash: row.code_hash.try_into().map_err(|_other_length| corrupt("challenges.code_hash"))?,
                    asked_from: AskedFrom::stored(row.asked_from),
                    attempts: row.attempts,
                    foreign_attempts: row.foreign_attempts,
                    created_at: Instant::from_micros(row.created_at),
                    expires_at: Instant::from_micros(row.expires_at),
                    used_at: row.used_at.map(Instant::from_micros),
                })
            })
            .collect()
    }

    async fn attempt(
        &mut self,
        id: ChallengeId,
        tries: Tries,
        most: i64,
        now: Instant,
    ) -> Result<Option<i64>, StoreError> {
        let column = match tries {
            Tries::Own => "attempts",
            Tries::Foreign => "foreign_attempts",
        };
        let sql = format!(
            "UPDATE challenges SET {column} = {column} + 1 WHERE id = $1 AND {column} < $2 AND attempts < $2 \
             AND used_at IS NULL AND expires_at > $3 AND account_id = coalesce($4, account_id) \
             RETURNING {column} AS attempts"
        );
        let values = [id.uuid().into(), most.into(), now.micros().into(), self.reach().only().into()];
        Ok(self.tx()?.one::<Attempts>(&sql, values).await.store()?.map(|row| row.attempts))
    }

    async fn spend(&mut self, id: ChallengeId, now: Instant) -> Result<bool, StoreError> {
        let sql = "UPDATE challenges SET used_at = $1 WHERE id = $2 AND used_at IS NULL AND account_id = coalesce($3, account_id)";
        let values = [now.micros().into(), id.uuid().into(), self.reach().only().into()];
        Ok(self.tx()?.run(sql, values).await.store()? == 1)
    }

    async fn remove_of(
        &mut self,
        account: AccountId,
        purpose: Option<ChallengePurpose>,
        except: Option<ChallengeId>,
    ) -> Result<u64, StoreError> {
        if !self.reach().account(account) {
            return Ok(0);
        }
        let sql = "DELETE FROM challenges WHERE account_id = $1 AND purpose = coalesce($2, purpose) AND id <> $3";
        let purpose = purpose.map(|purpose| purpose.as_str().to_owned());
        let except = except.map_or_else(Uuid::nil, ChallengeId::uuid);
        self.tx()?.run(sql, [account.uuid().into(), purpose.into(), except.into()]).await.store()
    }

    async fn purge_before(&mut self, before: Instant) -> Result<u64, StoreError> {
        let sql = "DELETE FROM challenges WHERE expires_at < $1 AND account_id = coalesce($2, account_id)";
        self.tx()?.run(sql, [before.micros().into(), self.reach().only().into()]).await.store()
    }
}
