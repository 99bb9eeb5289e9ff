//! Renaming, suspending and reopening a tenant (J1).

use domicile_kernel::{
    Call, Checks, FieldErrors, HostelId, Outcome, Permission, StoreError, VersionConflict, call::Refusal, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{Tenancy, create_hostel::name_of};
use crate::{
    events::Happened,
    model::{Hostel, HostelStatus, HostelView},
    queries::installation,
};

/// Changes a tenant; at least one field.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateHostel {
    /// A new name, 2 to 100 characters.
    pub name: Option<String>,
    /// `active` or `suspended`.
    pub status: Option<String>,
}

/// Why a hostel was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateHostelError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such hostel.
    #[error("Hostel not found")]
    NotFound,
    /// Somebody changed it in between.
    #[error(transparent)]
    Version(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateHostelError: through Refused, Invalid, Version, Store; Self::NotFound => NotFound);

impl Tenancy {
    /// Changes the tenant of version `version`. Needs `hostels:manage`.
    pub async fn update_hostel(
        &self,
        call: &Call,
        id: HostelId,
        command: UpdateHostel,
        version: i64,
    ) -> Result<HostelView, UpdateHostelError> {
        call.require(Permission::HostelsManage)?;
        let mut checks = Checks::new();
        checks.ensure(
            command.name.is_some() || command.status.is_some(),
            "body",
            "required",
            "Send a name, a status or both",
        );
        let name = name_of(&mut checks, command.name.as_deref());
        let status = checks.one_of("status", command.status.as_deref(), HostelStatus::parse, HostelStatus::WORDS);
        checks.finish()?;

        let mut uow = self.uows.begin(&installation(call)).await?;
        let hostel = uow.hostels().find(id).await?.ok_or(UpdateHostelError::NotFound)?;
        if hostel.version() != version {
            return Err(conflict(hostel, version));
        }
        let before = json!(hostel.view());
        let hostel = hostel.changed(name, status, self.ambient.now());
        match uow.hostels().update(&hostel, version).await {
            Err(StoreError::Stale) => {
                let latest = uow.hostels().find(id).await?.ok_or(UpdateHostelError::NotFound)?;
                return Err(conflict(latest, version));
            }
            other => other?,
        }
        let view = hostel.into_view();
        self.note(&mut *uow, &Happened::HostelUpdated(&view), "hostel.update", Some(before));
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

fn conflict(latest: Hostel, yours: i64) -> UpdateHostelError {
    VersionConflict::new(latest.version(), yours, latest.view()).into()
}
