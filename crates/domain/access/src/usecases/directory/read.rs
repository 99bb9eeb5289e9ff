//! Reading the people of a hostel and its audit trail (J16, J17).

use domicile_kernel::{AccountId, Call, Page, PageOf, Permission, Refusal, Scope, StoreError, faults};

use super::Directory;
use crate::{
    policy::is_self,
    queries::{AuditFilter, AuditView, UserFilter, UserView},
    refusals::Missing,
};

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadUsersError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not a member of this hostel.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ReadUsersError: through Refused, Missing, Store);

impl Directory {
    /// A page of the hostel's members.
    pub async fn list_users(
        &self,
        call: &Call,
        filter: &UserFilter,
        page: &Page,
    ) -> Result<PageOf<UserView>, ReadUsersError> {
        call.require(Permission::UsersReadAll)?;
        let scoped = call.within(Scope::Hostel(call.hostel()?));
        Ok(self.parts.queries.users(&scoped, filter, page).await?)
    }

    /// A member of the hostel: oneself, or anybody for those who may see everybody. Who may not gets the same refusal for a
    /// member as for nobody.
    pub async fn get_user(&self, call: &Call, id: AccountId) -> Result<UserView, ReadUsersError> {
        let needed = if is_self(&call.actor, id) { Permission::UsersReadOwn } else { Permission::UsersReadAll };
        call.require(needed)?;
        let scoped = call.within(Scope::Hostel(call.hostel()?));
        Ok(self.parts.queries.user(&scoped, id).await?.ok_or(Missing("User"))?)
    }

    /// A page of the hostel's audit trail.
    pub async fn audit_trail(
        &self,
        call: &Call,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<PageOf<AuditView>, ReadUsersError> {
        call.require(Permission::AuditRead)?;
        let scoped = call.within(Scope::Hostel(call.hostel()?));
        Ok(self.parts.queries.audit(&scoped, filter, page).await?)
    }
}
