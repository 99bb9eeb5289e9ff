//! Changing one's own profile (J16, schema as J7 prints it).

use domicile_kernel::{
    Call, Checks, Feature, FieldErrors, Outcome, Permission, Refusal, StoreError, Text, VersionConflict, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::OwnAccount;
use crate::{
    events::{self, Happening},
    model::{Account, MembershipStatus},
    ports::AccountUpdate,
    queries::{HostelMembershipView, ProfileView},
    refusals::{Missing, Taken},
    usecases::{audit, audited_account},
};

/// What to change; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateProfile {
    /// 2 to 50 characters.
    pub first_name: Option<String>,
    /// 2 to 50 characters.
    pub last_name: Option<String>,
    /// With its country code; unique.
    pub phone: Option<String>,
    /// At most 100 characters; empty takes it away.
    pub emergency_contact: Option<String>,
    /// At most 100 characters; empty takes it away.
    pub program: Option<String>,
}

/// Why the profile is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UpdateProfileError {
    /// Not signed in, or switched off in the hostel.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong, or there are none.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The account is gone.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Somebody else has the telephone number.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// The profile was edited since it was read.
    #[error(transparent)]
    Version(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateProfileError: through Refused, Invalid, Missing, Taken, Version, Store);

struct Checked {
    first_name: Option<Text>,
    last_name: Option<Text>,
    phone: Option<String>,
    emergency_contact: Option<Text>,
    program: Option<Text>,
}

impl UpdateProfile {
    fn check(&self) -> Result<Checked, FieldErrors> {
        let fields = [&self.first_name, &self.last_name, &self.phone, &self.emergency_contact, &self.program];
        let mut checks = Checks::new();
        checks.ensure(
            fields.iter().any(|field| field.is_some()),
            "body",
            "at_least_one",
            "At least one field must be provided for update",
        );
        let checked = Checked {
            first_name: checks.line("first_name", self.first_name.as_deref(), 2, 50, ""),
            last_name: checks.line("last_name", self.last_name.as_deref(), 2, 50, ""),
            phone: checks.phone("phone", self.phone.as_deref()),
            emergency_contact: checks.text("emergency_contact", self.emergency_contact.as_deref(), 0, 100, ""),
            program: checks.text("program", self.program.as_deref(), 0, 100, ""),
        };
        checks.finish().map(|()| checked)
    }
}

impl Checked {
    fn apply(self, account: Account, now: domicile_kernel::Instant) -> Account {
        let or_none = |new: Option<Text>, old| new.map_or(old, |text| (!text.is_empty()).then_some(text));
        Account {
            first_name: self.first_name.unwrap_or(account.first_name.clone()),
            last_name: self.last_name.unwrap_or(account.last_name.clone()),
            phone: self.phone.or(account.phone.clone()),
            emergency_contact: or_none(self.emergency_contact, account.emergency_contact.clone()),
            program: or_none(self.program, account.program.clone()),
            ..account.edited(now)
        }
    }
}

impl OwnAccount {
    /// Changes the caller's profile, and with it the card that each of their hostels keeps. `version` is the one they saw.
    /// With a hostel in the call, its `profile_editing` feature must be on; without one, that of every hostel they are an
    /// active member of, so that leaving the hostel unnamed is no way round the switch (J12).
    pub async fn update_profile(
        &self,
        call: &Call,
        command: UpdateProfile,
        version: i64,
    ) -> Result<ProfileView, UpdateProfileError> {
        let id = call.account()?;
        if call.hostel.is_some() {
            call.require(Permission::UsersUpdateOwn)?;
        }
        call.require_feature(Feature::ProfileEditing)?;
        let hostels = self.memberships(call, id).await?;
        if call.hostel.is_none() {
            self.require_editing_everywhere(call, &hostels).await?;
        }
        let changes = command.check()?;

        let role = call.actor.role();
        let mut uow = self.begin(call, id).await?;
        let before = uow.accounts().find_for_update(id).await?.ok_or(Missing("Account"))?;
        if before.version != version {
            let latest = json!(ProfileView::of(&before, hostels, role));
            return Err(VersionConflict { current: before.version, yours: version, latest }.into());
        }
        let now = self.now();
        let after = changes.apply(before.clone(), now);
        match uow.accounts().update(&after, version).await? {
            AccountUpdate::Updated => {}
            AccountUpdate::PhoneTaken => return Err(Taken::PHONE.into()),
            AccountUpdate::Stale | AccountUpdate::EmailTaken | AccountUpdate::UsernameTaken => {
                return Err(StoreError::Stale.into());
            }
        }
        let ambient = &self.parts.ambient;
        if after.card() != before.card() {
            for membership in uow.memberships().list_for_update(id).await? {
                let seen = membership.version;
                let mut followed = membership.edited(now);
                followed.card = after.card();
                if !uow.memberships().update(&followed, seen).await? {
                    return Err(StoreError::Stale.into());
                }
                if call.hostel == Some(followed.hostel_id) {
                    uow.record(events::of_user(Happening::UserUpdated, &followed, ambient));
                }
            }
        }
        uow.record(events::profile_updated(&after, ambient));
        let (was, is) = (Some(audited_account(&before)), Some(audited_account(&after)));
        uow.audit(audit(ambient, "profile.update", "account", id.uuid(), was, is));
        let view = ProfileView::of(&after, hostels, role);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    async fn require_editing_everywhere(
        &self,
        call: &Call,
        hostels: &[HostelMembershipView],
    ) -> Result<(), UpdateProfileError> {
        let session = call.actor.session().ok_or(Refusal::NotSignedIn)?;
        for hostel in hostels.iter().filter(|hostel| hostel.status == MembershipStatus::Active) {
            let standing = self.parts.queries.standing(session, Some(hostel.id)).await?;
            let house = standing.and_then(|standing| standing.house);
            if house.is_some_and(|house| !house.flags.is_on(Feature::ProfileEditing)) {
                return Err(Refusal::Feature(Feature::ProfileEditing).into());
            }
        }
        Ok(())
    }
}
