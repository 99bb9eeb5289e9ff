//! Changing one's own password (J4c, messages as J7 prints them).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, Refusal, Scope, StoreError, faults};
use serde::Deserialize;

use super::OwnAccount;
use crate::{
    crypto::{HashingError, Password},
    mail::MailTemplate,
    model::{RevokeReason, password},
    refusals::Missing,
    usecases::{audit, own::SessionsEndedView, revoke_sessions, sign_in::notice},
};

/// The old password and the new.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangePassword {
    /// The password as it is; required.
    pub current_password: Option<Password>,
    /// By the printed rule, and another one; required.
    pub new_password: Option<Password>,
}

/// Why the password is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// Nobody is signed in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong, the current password among them.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The account is gone.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ChangePasswordError: through Refused, Invalid, Missing, Hashing, Store);

impl ChangePassword {
    fn check(self) -> Result<(Password, Password), FieldErrors> {
        let mut checks = Checks::new();
        let current = self.current_password.filter(|typed| !typed.expose().is_empty());
        checks.ensure(current.is_some(), "current_password", "required", "Current password is required");
        if let Some(current) = &current {
            password::check_size(&mut checks, "current_password", current);
        }
        let new = password::check_new(&mut checks, "new_password", self.new_password);
        if checks.is_clean() {
            let message = "New password must be different from current password";
            checks.ensure(current != new, "new_password", "different", message);
        }
        checks.conclude(current.zip(new))
    }
}

fn wrong_password() -> FieldErrors {
    FieldErrors::one("current_password", "password", "Current password is wrong")
}

impl OwnAccount {
    /// Changes the caller's password, ends all their other sessions in the same transaction, and tells them by mail.
    pub async fn change_password(
        &self,
        call: &Call,
        command: ChangePassword,
    ) -> Result<SessionsEndedView, ChangePasswordError> {
        let (id, session) = Self::caller(call)?;
        let (current, new) = command.check()?;

        let seen = self.parts.queries.account(&call.within(Scope::Account(id)), id).await?;
        let seen = seen.ok_or(Missing("Account"))?;
        if !self.parts.hasher.verify(&current, seen.password_hash.as_ref()).await?.matches {
            return Err(wrong_password().into());
        }
        let hash = self.parts.hasher.hash(&new).await?;

        let ambient = &self.parts.ambient;
        let mut uow = self.begin(call, id).await?;
        let account = uow.accounts().find_for_update(id).await?.ok_or(Missing("Account"))?;
        if account.password_hash != seen.password_hash {
            // Changed elsewhere while the hash was computed: what was verified is no longer the current password.
            return Err(wrong_password().into());
        }
        uow.accounts().set_password(id, Some(&hash)).await?;
        uow.audit(audit(ambient, "password.change", "account", id.uuid(), None, None));
        let ended = revoke_sessions(uow.as_mut(), ambient, id, Some(session), RevokeReason::PasswordChanged).await?;
        notice(&self.parts, uow.as_mut(), &account, MailTemplate::PasswordChanged);
        let view = SessionsEndedView { ended };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
