//! Choosing a new password with a mailed code (J4a).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, StoreError, faults};
use serde::{Deserialize, Serialize};

use super::{
    Guess, SignIn, notice,
    verify_otp::{check_code, wrong_code},
};
use crate::{
    crypto::{HashingError, Password, SecretText},
    events::profile_updated,
    mail::MailTemplate,
    model::{ChallengePurpose, Email, RevokeReason, password},
    ports::AccountUpdate,
    usecases::{audit, check_email, revoke_sessions},
};

/// A new password, with the code from the mail.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ResetPassword {
    /// The address; required.
    pub email: Option<String>,
    /// Six digits; required.
    pub otp: Option<SecretText>,
    /// By the printed rule; required.
    pub new_password: Option<Password>,
}

/// The password is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PasswordResetView {
    /// The address.
    pub email: Email,
    /// What to do next.
    pub message: String,
}

/// Why the password is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ResetPasswordError {
    /// Fields are wrong, the code among them.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The code is dead; even the right one no longer counts.
    #[error("Too many wrong codes. Ask for a new code.")]
    TooManyAttempts,
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ResetPasswordError: through Invalid, Hashing, Store; Self::TooManyAttempts => TooManyAttempts);

impl SignIn {
    /// Sets a new password, takes the address as proved, ends every session and tells the owner by mail. The hash is computed
    /// before anybody looks whether the code is right.
    pub async fn reset_password(
        &self,
        call: &Call,
        command: ResetPassword,
    ) -> Result<PasswordResetView, ResetPasswordError> {
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", command.email.as_deref());
        let code = check_code(&mut checks, command.otp);
        let password = password::check_new(&mut checks, "new_password", command.new_password);
        let ((email, code), password) = checks.conclude(email.zip(code).zip(password))?;

        let hash = self.parts.hasher.hash(&password).await?;
        let mut uow = self.begin(call).await?;
        let account = match self.guess(call, uow.as_mut(), &email, ChallengePurpose::ResetPassword, &code).await? {
            Guess::Right(account) => *account,
            Guess::Wrong => {
                uow.commit(Outcome::done()).await?;
                return Err(wrong_code().into());
            }
            Guess::TooMany => {
                uow.commit(Outcome::done()).await?;
                return Err(ResetPasswordError::TooManyAttempts);
            }
        };
        uow.accounts().set_password(account.id, Some(&hash)).await?;
        if account.awaits_proof() {
            let seen = account.version;
            let verified = account.clone().verified(self.now());
            match uow.accounts().update(&verified, seen).await? {
                AccountUpdate::Updated => {}
                AccountUpdate::Stale
                | AccountUpdate::EmailTaken
                | AccountUpdate::UsernameTaken
                | AccountUpdate::PhoneTaken => return Err(StoreError::Stale.into()),
            }
            uow.record(profile_updated(&verified, &self.parts.ambient));
        }
        let ambient = &self.parts.ambient;
        uow.audit(audit(ambient, "password.reset", "account", account.id.uuid(), None, None));
        revoke_sessions(uow.as_mut(), ambient, account.id, None, RevokeReason::PasswordReset).await?;
        notice(&self.parts, uow.as_mut(), &account, MailTemplate::PasswordChanged);
        let view =
            PasswordResetView { email, message: "Your password was changed. Sign in with the new one.".to_owned() };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
