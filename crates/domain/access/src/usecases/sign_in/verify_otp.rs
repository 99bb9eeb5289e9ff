//! Proving an address with the code that was mailed to it (J4a).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, StoreError, faults};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Guess, SignIn};
use crate::{
    crypto::SecretText,
    events::profile_updated,
    model::{ChallengePurpose, Email},
    ports::AccountUpdate,
    usecases::{audit, check_email},
};

/// The code from the mail.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VerifyOtp {
    /// The address to prove; required.
    pub email: Option<String>,
    /// Six digits; required.
    pub otp: Option<SecretText>,
}

/// The address is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VerifiedView {
    /// The address.
    pub email: Email,
    /// Always true.
    pub verified: bool,
}

/// Why the address is not proved.
#[derive(Debug, thiserror::Error)]
pub enum VerifyOtpError {
    /// Fields are wrong, the code among them: wrong, expired and never sent are one answer.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The code is dead; even the right one no longer counts.
    #[error("Too many wrong codes. Ask for a new code.")]
    TooManyAttempts,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(VerifyOtpError: through Invalid, Store; Self::TooManyAttempts => TooManyAttempts);

/// Reads a code: six digits, spaces around and between them left out. Its own text is never repeated in an error.
pub(super) fn check_code(checks: &mut Checks, typed: Option<SecretText>) -> Option<String> {
    let typed = checks.require("otp", typed)?;
    let digits: String = typed.expose().chars().filter(|c| !c.is_whitespace()).collect();
    let good = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
    if !good {
        checks.fail("otp", "digits", json!({ "digits": 6 }), "The code has six digits");
    }
    good.then_some(digits)
}

/// The refusal of a guess.
pub(super) fn wrong_code() -> FieldErrors {
    FieldErrors::one("otp", "code", "The code is wrong or has expired")
}

impl SignIn {
    /// Proves an address. A wrong guess is counted, and committed, before it is refused.
    pub async fn verify_otp(&self, call: &Call, command: VerifyOtp) -> Result<VerifiedView, VerifyOtpError> {
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", command.email.as_deref());
        let code = check_code(&mut checks, command.otp);
        let (email, code) = checks.conclude(email.zip(code))?;

        let mut uow = self.begin(call).await?;
        let account = match self.guess(call, uow.as_mut(), &email, ChallengePurpose::VerifyEmail, &code).await? {
            Guess::Right(account) => *account,
            Guess::Wrong => {
                uow.commit(Outcome::done()).await?;
                return Err(wrong_code().into());
            }
            Guess::TooMany => {
                uow.commit(Outcome::done()).await?;
                return Err(VerifyOtpError::TooManyAttempts);
            }
        };
        let id = account.id;
        if account.awaits_proof() {
            let seen = account.version;
            let verified = account.verified(self.now());
            match uow.accounts().update(&verified, seen).await? {
                AccountUpdate::Updated => {}
                AccountUpdate::Stale
                | AccountUpdate::EmailTaken
                | AccountUpdate::UsernameTaken
                | AccountUpdate::PhoneTaken => return Err(StoreError::Stale.into()),
            }
            uow.record(profile_updated(&verified, &self.parts.ambient));
            uow.audit(audit(&self.parts.ambient, "account.verify", "account", id.uuid(), None, None));
        }
        let view = VerifiedView { email, verified: true };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
