//! A guest without a password, for the import of stays: somebody who never signs in.

use domicile_kernel::{
    AccountId, Call, Checks, FieldErrors, Outcome, Permission, Purpose, Refusal, Role, StoreError, faults,
};
use serde::Deserialize;

use super::Directory;
use crate::{
    events::{self, Happening},
    model::{Account, Membership, MembershipStatus},
    ports::{AccountInsertion, MembershipInsertion},
    usecases::{audit, audited_membership, check_email, check_names, filed_under},
};

/// A guest.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreateGuest {
    /// The address; required. Need not exist.
    pub email: Option<String>,
    /// 1 to 50 characters; required.
    pub first_name: Option<String>,
    /// 1 to 50 characters; required.
    pub last_name: Option<String>,
}

/// Why there is no guest.
#[derive(Debug, thiserror::Error)]
pub enum CreateGuestError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateGuestError: through Refused, Invalid, Store);

impl Directory {
    /// Makes a guest: an account without a password, an active student of the call's hostel. The same address again answers
    /// the same account, so an import can be resumed. No mail is sent.
    pub async fn create_guest(&self, call: &Call, command: CreateGuest) -> Result<AccountId, CreateGuestError> {
        call.require(Permission::UsersUpdateAny)?;
        let hostel = call.hostel()?;
        let mut checks = Checks::new();
        let email = check_email(&mut checks, "email", command.email.as_deref());
        let names = check_names(&mut checks, command.first_name.as_deref(), command.last_name.as_deref(), None);
        let (email, (first_name, last_name)) = checks.conclude(email.zip(names))?;

        let ambient = &self.parts.ambient;
        let now = self.now();
        let mut uow = self.parts.uows.begin(&filed_under(call, Purpose::Enrolment, Some(hostel))).await?;
        let account = match uow.accounts().find_by_email(&email).await? {
            Some(account) => account,
            None => {
                let account = Account::new(ambient.id(), email.clone(), first_name, last_name, now);
                match uow.accounts().insert(&account).await? {
                    AccountInsertion::Inserted => account,
                    AccountInsertion::EmailTaken | AccountInsertion::UsernameTaken | AccountInsertion::PhoneTaken => {
                        uow.accounts().find_by_email(&email).await?.ok_or(StoreError::Stale)?
                    }
                }
            }
        };
        let membership =
            Membership::new(hostel, account.id, Role::Student, MembershipStatus::Active, account.card(), now);
        match uow.memberships().insert(&membership).await? {
            MembershipInsertion::AlreadyMember => {}
            MembershipInsertion::Inserted => {
                uow.record(events::of_user(Happening::UserCreated, &membership, ambient));
                let after = Some(audited_membership(&membership));
                uow.audit(audit(ambient, "user.create", "user", account.id.uuid(), None, after));
            }
        }
        uow.commit(Outcome::of(&account.id)).await?;
        Ok(account.id)
    }
}
