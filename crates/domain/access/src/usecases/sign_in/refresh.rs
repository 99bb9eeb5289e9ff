//! Staying signed in: one refresh token for the next (J4b).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, StoreError, faults};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::SignIn;
use crate::{
    crypto::SecretText,
    model::{RevokeReason, Session, Verdict},
    usecases::{audit, tell_revoked},
};

/// Asks for the next pair of tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refresh {
    /// The newest refresh token; required.
    pub refresh_token: Option<SecretText>,
}

/// The next pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefreshedView {
    /// To be sent as a bearer token.
    pub access_token: SecretText,
    /// To get the pair after this one with.
    pub refresh_token: SecretText,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
}

/// Why there is no next pair.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is missing.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// Not ours, or too old.
    #[error("Refresh token is invalid or expired")]
    InvalidToken,
    /// The session was ended: by its owner, or just now, because this token was used before.
    #[error("Token has been revoked")]
    Revoked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(RefreshError: through Invalid, Store; Self::InvalidToken => InvalidRefreshToken, Self::Revoked => TokenRevoked);

impl SignIn {
    /// Gives the next pair of tokens. The session is locked first, so that parallel refreshes of one token make one step and
    /// all get its result. A token that was used before ends the session, and that is committed before it is refused.
    pub async fn refresh(&self, call: &Call, command: Refresh) -> Result<RefreshedView, RefreshError> {
        let mut checks = Checks::new();
        let token = checks.require("refresh_token", command.refresh_token);
        let token = checks.conclude(token)?;
        let (id, presented) = self.parts.refresh_tokens.read(token.expose()).ok_or(RefreshError::InvalidToken)?;

        let (ambient, config) = (&self.parts.ambient, &self.parts.config);
        let mut uow = self.begin(call).await?;
        let session = uow.sessions().find_for_update(id).await?.ok_or(RefreshError::InvalidToken)?;
        // Read behind the lock: whoever waited for it must not judge by the time before.
        let now = self.now();
        match session.judge(presented, now, config.refresh_grace) {
            Verdict::Ended => Err(RefreshError::Revoked),
            Verdict::Expired | Verdict::NeverIssued => Err(RefreshError::InvalidToken),
            Verdict::Reuse => {
                let account = session.account_id;
                let ended = session.revoked(now, RevokeReason::TokenReused);
                uow.sessions().update(&ended).await?;
                tell_revoked(uow.as_mut(), ambient, account, id, RevokeReason::TokenReused);
                uow.commit(Outcome::done()).await?;
                Err(RefreshError::Revoked)
            }
            Verdict::Rotate | Verdict::SameAgain if !self.is_usable(uow.as_mut(), &session).await? => {
                Err(RefreshError::Revoked)
            }
            Verdict::SameAgain => {
                uow.rollback().await?;
                Ok(self.refreshed(&session))
            }
            Verdict::Rotate => {
                let next = self.parts.refresh_tokens.derive(id, session.generation + 1);
                let fingerprint = self.parts.refresh_tokens.fingerprint(&next);
                let rotated = session.rotated(now, config.refresh_idle, fingerprint);
                uow.sessions().update(&rotated).await?;
                let after = json!({ "account_id": rotated.account_id, "generation": rotated.generation });
                uow.audit(audit(ambient, "session.refresh", "session", id.uuid(), None, Some(after)));
                let view = self.refreshed(&rotated);
                uow.commit(Outcome::done()).await?;
                Ok(view)
            }
        }
    }

    async fn is_usable(&self, uow: &mut dyn crate::ports::AccessUow, session: &Session) -> Result<bool, StoreError> {
        Ok(uow.accounts().find(session.account_id).await?.is_some_and(|account| account.is_active()))
    }

    fn refreshed(&self, session: &Session) -> RefreshedView {
        let tokens = self.tokens(session);
        RefreshedView {
            access_token: tokens.access,
            refresh_token: tokens.refresh,
            token_type: "Bearer".to_owned(),
            expires_in: tokens.expires_in,
        }
    }
}
