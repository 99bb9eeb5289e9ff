//! Switching features on and off (J12).

use std::collections::BTreeMap;

use domicile_kernel::{
    Call, Checks, Feature, FieldErrors, Flags, Outcome, Permission, StoreError, call::Refusal, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::Tenancy;
use crate::{events::Happened, model::FlagsView};

/// Switches some features; the others stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateFlags {
    /// By key, such as `{"shuttle_booking": true}`; at least one.
    pub flags: Option<BTreeMap<String, bool>>,
}

/// Why no feature was switched.
#[derive(Debug, thiserror::Error)]
pub enum UpdateFlagsError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such hostel.
    #[error("Hostel not found")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateFlagsError: through Refused, Invalid, Store; Self::NotFound => NotFound);

impl UpdateFlags {
    /// The switches in the order of the table.
    fn check(&self) -> Result<Vec<(Feature, bool)>, FieldErrors> {
        let mut checks = Checks::new();
        let sent = checks.require("flags", self.flags.as_ref());
        checks.ensure(sent.is_none_or(|flags| !flags.is_empty()), "flags", "min_items", "Send at least one flag");
        let keys: Vec<&str> = Feature::ALL.iter().map(|feature| feature.key()).collect();
        let mut switches = Vec::new();
        for (key, on) in sent.into_iter().flatten() {
            match Feature::parse(key) {
                Some(feature) => switches.push((feature, *on)),
                None => {
                    let message = format!("There is no such feature. The features are: {}", keys.join(", "));
                    checks.fail(&format!("flags.{key}"), "one_of", json!({ "values": keys }), message);
                }
            }
        }
        switches.sort_by_key(|(feature, _)| *feature as u16);
        checks.finish().map(|()| switches)
    }
}

impl Tenancy {
    /// Switches features of the call's hostel and answers all of them. Needs `flags:update`. Setting a flag to what it is
    /// already is no error; it is audited all the same, for somebody decided it.
    pub async fn update_flags(&self, call: &Call, command: UpdateFlags) -> Result<FlagsView, UpdateFlagsError> {
        call.require(Permission::FlagsUpdate)?;
        let hostel = call.hostel()?;
        let switches = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let before = uow.flags().lock(hostel).await?.ok_or(UpdateFlagsError::NotFound)?;
        let after = switched(before, &switches);
        let now = self.ambient.now();
        uow.flags().put(hostel, &switches, call.actor.account(), now).await?;
        let view = FlagsView::from(after);
        let happened = Happened::FlagsUpdated(hostel, &view, now);
        self.note(&mut *uow, &happened, "feature_flags.update", Some(json!(FlagsView::from(before))));
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

fn switched(flags: Flags, switches: &[(Feature, bool)]) -> Flags {
    switches.iter().fold(flags, |flags, (feature, on)| flags.with(*feature, *on))
}
