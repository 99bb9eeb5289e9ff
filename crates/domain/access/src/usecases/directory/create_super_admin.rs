//! The first super_admin, made by somebody with a shell on the machine.

use domicile_kernel::{
    AccountId, Call, Checks, FieldErrors, Outcome, Permission, Purpose, Refusal, StoreError, faults,
};
use serde::{Deserialize, Serialize};

use super::Directory;
use crate::{
    crypto::{HashingError, Password},
    model::{Account, Email, password},
    ports::AccountInsertion,
    refusals::Taken,
    usecases::{audit, audited_account, check_email, check_names, filed_under},
};

/// Somebody who will run the installation.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreateSuperAdmin {
    /// The address; required; taken as proved.
    pub email: Option<String>,
    /// By the printed rule; required.
    pub password: Option<Password>,
    /// 1 to 50 characters; `Super` when absent.
    pub first_name: Option<String>,
    /// 1 to 50 characters; `Admin` when absent.
    pub last_name: Option<String>,
}

/// The account that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SuperAdminView {
    /// The account.
    pub id: AccountId,
    /// The address.
    pub email: Email,
}

/// Why there is no super_admin.
#[derive(Debug, thiserror::Error)]
pub enum CreateSuperAdminError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The address has an account.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// No hash could be computed.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateSuperAdminError: through Refused, Invalid, Taken, Hashing, Store);

impl Directory {
    /// Makes an account that runs the installation. Only an operator or another super_admin may.
    pub async fn create_super_admin(
        &self,
        call: &Call,
        command: CreateSuperAdmin,
    ) -> Result<SuperAdminView, CreateSuperAdminError> {
        call.require(Permission::HostelsManage)?;
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", command.email.as_deref());
        let password = password::check_new(&mut checks, "password", command.password);
        let first = command.first_name.as_deref().unwrap_or("Super");
        let last = command.last_name.as_deref().unwrap_or("Admin");
        let names = check_names(&mut checks, Some(first), Some(last), None);
        let ((email, password), (first_name, last_name)) = checks.conclude(email.zip(password).zip(names))?;

        let hash = self.parts.hasher.hash(&password).await?;
        let ambient = &self.parts.ambient;
        let now = self.now();
        let account = Account {
            super_admin: true,
            email_verified_at: Some(now),
            password_hash: Some(hash),
            ..Account::new(ambient.id(), email, first_name, last_name, now)
        };
        let mut uow = self.parts.uows.begin(&filed_under(call, Purpose::Installation, None)).await?;
        match uow.accounts().insert(&account).await? {
            AccountInsertion::Inserted => {}
            AccountInsertion::EmailTaken | AccountInsertion::UsernameTaken | AccountInsertion::PhoneTaken => {
                return Err(Taken::EMAIL.into());
            }
        }
        let after = Some(audited_account(&account));
        uow.audit(audit(ambient, "super_admin.create", "account", account.id.uuid(), None, after));
        let view = SuperAdminView { id: account.id, email: account.email };
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
