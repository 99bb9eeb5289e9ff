//! Changing a member: card, role, status (J16, J6). Approving a pending member is giving them the status `active`.

use domicile_kernel::{
    AccountId, Call, Checks, Code, Detail, Fault, FieldErrors, Outcome, Permission, Refusal, Role, Scope, StoreError,
    Text, VersionConflict, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{Directory, MEMBER_ROLES, member_role};
use crate::{
    events::{self, Happening},
    model::{Card, Membership, MembershipStatus},
    policy::{GrantError, may_edit},
    queries::UserView,
    refusals::Missing,
    usecases::{audit, audited_membership},
};

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateUser {
    /// 1 to 50 characters; changes the hostel's card only.
    pub first_name: Option<String>,
    /// 1 to 50 characters; changes the hostel's card only.
    pub last_name: Option<String>,
    /// With its country code; changes the hostel's card only.
    pub phone: Option<String>,
    /// Below the caller's own role.
    pub role: Option<String>,
    /// `active` or `deactivated`; a pending member stays `pending` until then.
    pub status: Option<String>,
}

/// The member's status does not allow it.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("A member who is {} cannot wait for approval again", self.current.as_str())]
pub struct IllegalStatus {
    /// The status now.
    pub current: MembershipStatus,
}

impl Fault for IllegalStatus {
    fn code(&self) -> Code {
        Code::ResourceConflict
    }

    fn detail(&self) -> Detail {
        Detail::State(self.current.as_str().to_owned())
    }
}

/// Why the member is as they were.
#[derive(Debug, thiserror::Error)]
pub enum UpdateUserError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong, or there are none.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// Not a member of this hostel.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Role or person are not the caller's to change.
    #[error(transparent)]
    Grant(GrantError),
    /// The status does not allow it.
    #[error(transparent)]
    Status(#[from] IllegalStatus),
    /// The member was edited since they were read.
    #[error(transparent)]
    Version(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateUserError: through Refused, Invalid, Missing, Status, Version, Store; Self::Grant(_) => Forbidden);

struct Checked {
    first_name: Option<Text>,
    last_name: Option<Text>,
    phone: Option<String>,
    role: Option<Role>,
    status: Option<MembershipStatus>,
}

impl UpdateUser {
    fn check(&self) -> Result<Checked, FieldErrors> {
        let fields = [&self.first_name, &self.last_name, &self.phone, &self.role, &self.status];
        let mut checks = Checks::new();
        checks.ensure(
            fields.iter().any(|field| field.is_some()),
            "body",
            "at_least_one",
            "At least one field must be provided for update",
        );
        let status = self.status.as_deref();
        let checked = Checked {
            first_name: checks.line("first_name", self.first_name.as_deref(), 1, 50, ""),
            last_name: checks.line("last_name", self.last_name.as_deref(), 1, 50, ""),
            phone: checks.phone("phone", self.phone.as_deref()),
            role: checks.one_of("role", self.role.as_deref(), member_role, &MEMBER_ROLES),
            status: checks.one_of("status", status, MembershipStatus::parse, MembershipStatus::WORDS),
        };
        checks.finish().map(|()| checked)
    }
}

impl Checked {
    fn apply(self, membership: Membership, now: domicile_kernel::Instant) -> Membership {
        let Membership { card, role, status, .. } = membership.clone();
        Membership {
            role: self.role.unwrap_or(role),
            status: self.status.unwrap_or(status),
            card: Card {
                first_name: self.first_name.unwrap_or(card.first_name),
                last_name: self.last_name.unwrap_or(card.last_name),
                phone: self.phone.or(card.phone),
                email: card.email,
            },
            ..membership.edited(now)
        }
    }
}

impl Directory {
    /// Changes a member of the call's hostel. `version` is the one the caller saw.
    pub async fn update_user(
        &self,
        call: &Call,
        id: AccountId,
        command: UpdateUser,
        version: i64,
    ) -> Result<UserView, UpdateUserError> {
        call.require(Permission::UsersUpdateAny)?;
        let hostel = call.hostel()?;
        let changes = command.check()?;

        let mut uow = self.parts.uows.begin(&call.within(Scope::Hostel(hostel))).await?;
        let before = uow.memberships().find_for_update(hostel, id).await?.ok_or(Missing("User"))?;
        may_edit(&call.actor, &before, changes.role, changes.status).map_err(UpdateUserError::Grant)?;
        if changes.status.is_some_and(|next| !before.status.may_become(next)) {
            return Err(IllegalStatus { current: before.status }.into());
        }
        if before.version != version {
            let latest = json!(UserView::from(&before));
            return Err(VersionConflict { current: before.version, yours: version, latest }.into());
        }
        let after = changes.apply(before.clone(), self.now());
        if !uow.memberships().update(&after, version).await? {
            return Err(StoreError::Stale.into());
        }
        let ambient = &self.parts.ambient;
        uow.record(events::of_user(Happening::UserUpdated, &after, ambient));
        let (was, is) = (Some(audited_membership(&before)), Some(audited_membership(&after)));
        uow.audit(audit(ambient, "user.update", "user", id.uuid(), was, is));
        let view = UserView::from(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}
