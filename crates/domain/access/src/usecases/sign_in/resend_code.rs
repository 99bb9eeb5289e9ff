//! Asking for a code: another one to prove the address, or one to choose a new password (J4a). The answer is always the same.

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, StoreError, faults};
use serde::{Deserialize, Serialize};

use super::{SignIn, send_code};
use crate::{
    mail::{Mail, MailTemplate},
    model::{AskedFrom, ChallengePurpose, Email},
    usecases::check_email,
};

/// Asks for a code.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AskForCode {
    /// The address; required.
    pub email: Option<String>,
}

/// A code is on its way, if the address is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CodeSentView {
    /// The address as it was read.
    pub email: Email,
    /// What to do next.
    pub message: String,
}

/// Why no code could be asked for.
#[derive(Debug, thiserror::Error)]
pub enum SendCodeError {
    /// The address is none.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(SendCodeError: through Invalid, Store);

impl SignIn {
    /// Sends another code to prove an address that is not proved yet. The one asked for from the same place is dead.
    pub async fn resend_otp(&self, call: &Call, command: AskForCode) -> Result<CodeSentView, SendCodeError> {
        self.ask(call, command, ChallengePurpose::VerifyEmail).await
    }

    /// Sends a code to choose a new password. The one asked for from the same place is dead.
    pub async fn forgot_password(&self, call: &Call, command: AskForCode) -> Result<CodeSentView, SendCodeError> {
        self.ask(call, command, ChallengePurpose::ResetPassword).await
    }

    async fn ask(
        &self,
        call: &Call,
        command: AskForCode,
        purpose: ChallengePurpose,
    ) -> Result<CodeSentView, SendCodeError> {
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", command.email.as_deref());
        let email = checks.conclude(email)?;
        let template = match purpose {
            ChallengePurpose::VerifyEmail => MailTemplate::VerifyEmail,
            ChallengePurpose::ResetPassword => MailTemplate::ResetPassword,
        };

        let mut uow = self.begin(call).await?;
        let found = uow.accounts().find_by_email(&email).await?;
        // Locked, so that two who ask at once are counted one after the other.
        let locked = match found {
            Some(account) => uow.accounts().find_for_update(account.id).await?,
            None => None,
        };
        if let Some(account) = locked.filter(|account| account.email == email) {
            let wanted = match purpose {
                ChallengePurpose::VerifyEmail => !account.is_verified(),
                ChallengePurpose::ResetPassword => true,
            };
            if wanted && account.is_active() {
                let (from, mail) = (AskedFrom::of(call.ip), Mail::new(&account.email, template));
                send_code(&self.parts, uow.as_mut(), &account, purpose, from, mail).await?;
            }
        }
        let view = CodeSentView {
            email,
            message: "If this address is known to us and needs a code, a new one is on its way.".to_owned(),
        };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
