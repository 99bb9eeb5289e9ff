//! One's own sessions: sign out, list, end one, end all others (J4c).

use domicile_kernel::{AccountId, Call, Outcome, Refusal, Scope, SessionId, StoreError, faults};
use serde::{Deserialize, Serialize};

use super::OwnAccount;
use crate::{
    model::RevokeReason,
    queries::SessionView,
    refusals::Missing,
    usecases::{revoke_sessions, tell_revoked},
};

/// How many sessions were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionsEndedView {
    /// The number.
    pub ended: u64,
}

/// Why sessions could not be listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// Nobody is signed in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(SessionsError: through Refused, Store);

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum RevokeSessionError {
    /// Nobody is signed in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// None of the caller's live sessions: unknown, ended and somebody else's are one answer.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(RevokeSessionError: through Refused, Missing, Store);

impl OwnAccount {
    /// Signs out: ends the session of the call. Doing it again is no error.
    pub async fn logout(&self, call: &Call) -> Result<(), SessionsError> {
        let (account, session) = Self::caller(call)?;
        self.end(call, account, session, RevokeReason::SignedOut).await?;
        Ok(())
    }

    /// The caller's live sessions, last used first; the one of the call is marked.
    pub async fn sessions(&self, call: &Call) -> Result<Vec<SessionView>, SessionsError> {
        let (account, own) = Self::caller(call)?;
        let scoped = call.within(Scope::Account(account));
        let mut sessions = self.parts.queries.sessions(&scoped, account, self.now()).await?;
        for session in &mut sessions {
            session.current = session.id == own;
        }
        Ok(sessions)
    }

    /// Ends one of the caller's sessions.
    pub async fn revoke_session(&self, call: &Call, id: SessionId) -> Result<(), RevokeSessionError> {
        let (account, _) = Self::caller(call)?;
        if self.end(call, account, id, RevokeReason::EndedByOwner).await? {
            return Ok(());
        }
        Err(Missing("Session").into())
    }

    /// Ends all of the caller's sessions but the one of the call.
    pub async fn revoke_other_sessions(&self, call: &Call) -> Result<SessionsEndedView, SessionsError> {
        let (account, own) = Self::caller(call)?;
        let mut uow = self.begin(call, account).await?;
        let reason = RevokeReason::EndedByOwner;
        let ended = revoke_sessions(uow.as_mut(), &self.parts.ambient, account, Some(own), reason).await?;
        let view = SessionsEndedView { ended };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// Ends a live session of an account; answers whether there was one.
    async fn end(
        &self,
        call: &Call,
        account: AccountId,
        id: SessionId,
        reason: RevokeReason,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let mut uow = self.begin(call, account).await?;
        let found = uow.sessions().find_for_update(id).await?;
        let Some(session) = found.filter(|session| session.account_id == account && session.is_live(now)) else {
            uow.rollback().await?;
            return Ok(false);
        };
        uow.sessions().update(&session.revoked(now, reason)).await?;
        tell_revoked(uow.as_mut(), &self.parts.ambient, account, id, reason);
        uow.commit(Outcome::done()).await?;
        Ok(true)
    }
}
