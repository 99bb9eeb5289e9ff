//! Reading: hostels, settings, flags.

use domicile_kernel::{
    Call, HostelId, Page, PageOf, Permission, Purpose, Role, Scope, StoreError, Who, call::Refusal, faults,
};

use crate::{
    model::{FlagsView, HostelView, SettingsView},
    usecases::Tenancy,
};

/// What lists of hostels can be sorted by; ties go by id.
pub const HOSTEL_SORTS: &[&str] = &["created_at", "name"];

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadTenancyError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such hostel.
    #[error("Hostel not found")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ReadTenancyError: through Refused, Store; Self::NotFound => NotFound);

impl Tenancy {
    /// Every tenant of the installation; needs `hostels:manage` (J1).
    pub async fn hostels(&self, call: &Call, page: &Page) -> Result<PageOf<HostelView>, ReadTenancyError> {
        call.require(Permission::HostelsManage)?;
        Ok(self.queries().hostels(&installation(call), page).await?)
    }

    /// The tenants the caller may enter: their memberships', or every one for a super_admin (J1, W6).
    pub async fn my_hostels(&self, call: &Call, page: &Page) -> Result<PageOf<HostelView>, ReadTenancyError> {
        if call.actor.role() == Some(Role::SuperAdmin) {
            return Ok(self.queries().hostels(&installation(call), page).await?);
        }
        let account = call.account()?;
        let lobby = call.within(Scope::System(Purpose::Lobby));
        Ok(self.queries().hostels_of(&lobby, account, page).await?)
    }

    /// One tenant; needs `hostels:manage` (J1).
    pub async fn hostel(&self, call: &Call, id: HostelId) -> Result<HostelView, ReadTenancyError> {
        call.require(Permission::HostelsManage)?;
        self.queries().hostel(&installation(call), id).await?.ok_or(ReadTenancyError::NotFound)
    }

    /// The settings of the call's hostel; needs `settings:read` (J15).
    pub async fn settings(&self, call: &Call) -> Result<SettingsView, ReadTenancyError> {
        call.require(Permission::SettingsRead)?;
        let hostel = call.hostel()?;
        self.queries().settings(call, hostel).await?.ok_or(ReadTenancyError::NotFound)
    }

    /// The flags of the call's hostel, for every member (J12).
    pub async fn flags(&self, call: &Call) -> Result<FlagsView, ReadTenancyError> {
        require_membership(call)?;
        let hostel = call.hostel()?;
        let flags = self.queries().flags(call, hostel).await?.ok_or(ReadTenancyError::NotFound)?;
        Ok(flags.into())
    }
}

/// The call in the scope that reaches every tenant.
pub(crate) fn installation(call: &Call) -> Call {
    call.within(Scope::System(Purpose::Installation))
}

/// Whoever has a role here is a member, whatever the role.
fn require_membership(call: &Call) -> Result<(), Refusal> {
    match (call.actor.who(), call.actor.role()) {
        (Who::Anonymous, _) => Err(Refusal::NotSignedIn),
        (_, Some(_)) => Ok(()),
        (_, None) => Err(Refusal::NotAMember),
    }
}
