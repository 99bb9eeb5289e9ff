//! Deleting a person's account: for a super_admin only (J16).

use domicile_kernel::{AccountId, Call, Outcome, Permission, Purpose, Refusal, StoreError, VersionConflict, faults};
use serde_json::json;

use super::Directory;
use crate::{
    events::{self, Happening},
    model::RevokeReason,
    policy::is_self,
    ports::AccountUpdate,
    queries::UserView,
    refusals::Missing,
    usecases::{audit, filed_under, revoke_sessions},
};

/// Why the account is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteUserError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not a member of this hostel.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It is the caller's own.
    #[error("You cannot delete your own account")]
    Own,
    /// The member was edited since they were read.
    #[error(transparent)]
    Version(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(DeleteUserError: through Refused, Missing, Version, Store; Self::Own => Forbidden);

impl Directory {
    /// Deletes the account of a member of the call's hostel, in all hostels: what is personal is emptied, memberships are
    /// deactivated, sessions and codes end. Stays keep naming the account. `version` is the membership's that the caller saw.
    pub async fn delete_user(&self, call: &Call, id: AccountId, version: i64) -> Result<(), DeleteUserError> {
        call.require(Permission::UsersDelete)?;
        let hostel = call.hostel()?;
        if is_self(&call.actor, id) {
            return Err(DeleteUserError::Own);
        }

        let ambient = &self.parts.ambient;
        let now = self.now();
        let mut uow = self.parts.uows.begin(&filed_under(call, Purpose::Enrolment, Some(hostel))).await?;
        // The account before its memberships, as everywhere: no two writers wait for each other.
        let account = uow.accounts().find_for_update(id).await?.ok_or(Missing("User"))?;
        let memberships = uow.memberships().list_for_update(id).await?;
        let here = memberships.iter().find(|membership| membership.hostel_id == hostel).ok_or(Missing("User"))?;
        if here.version != version {
            let latest = json!(UserView::from(here));
            return Err(VersionConflict { current: here.version, yours: version, latest }.into());
        }
        for membership in memberships {
            let seen = membership.version;
            let gone = membership.of_deleted(now);
            if !uow.memberships().update(&gone, seen).await? {
                return Err(StoreError::Stale.into());
            }
            if gone.hostel_id == hostel {
                uow.record(events::of_user(Happening::UserDeleted, &gone, ambient));
            }
        }
        let (seen, was) = (account.version, account.status);
        uow.accounts().set_password(id, None).await?;
        let gone = account.deleted(now);
        match uow.accounts().update(&gone, seen).await? {
            AccountUpdate::Updated => {}
            AccountUpdate::Stale
            | AccountUpdate::EmailTaken
            | AccountUpdate::UsernameTaken
            | AccountUpdate::PhoneTaken => return Err(StoreError::Stale.into()),
        }
        uow.challenges().remove_of(id, None, None).await?;
        revoke_sessions(uow.as_mut(), ambient, id, None, RevokeReason::AccountDeleted).await?;
        let (was, is) = (json!({ "status": was }), json!({ "status": gone.status }));
        uow.audit(audit(ambient, "user.delete", "user", id.uuid(), Some(was), Some(is)));
        uow.commit(Outcome::done()).await?;
        Ok(())
    }
}
