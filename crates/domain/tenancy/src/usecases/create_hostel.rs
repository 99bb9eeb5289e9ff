//! Making a tenant, with its settings and flags (J1).

use domicile_kernel::{
    Call, Checks, Currency, Feature, FieldErrors, Flags, Outcome, Permission, StoreError, Text, Zone, call::Refusal,
    faults,
};
use serde::Deserialize;
use serde_json::json;

use super::Tenancy;
use crate::{
    events::Happened,
    model::{Hostel, HostelKind, HostelView, Settings},
    queries::installation,
};

/// Makes a hostel or a society.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CreateHostel {
    /// Its name, 2 to 100 characters.
    pub name: Option<String>,
    /// `hostel` (default) or `society`.
    pub kind: Option<String>,
    /// What its prices are in, ISO 4217; `GHS` by default.
    pub currency: Option<String>,
    /// Where its days begin, IANA name; `Africa/Accra` by default.
    pub time_zone: Option<String>,
}

/// Why a hostel was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateHostelError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateHostelError: through Refused, Invalid, Store);

struct Plan {
    name: Text,
    kind: HostelKind,
    currency: Currency,
    time_zone: Zone,
}

impl CreateHostel {
    fn check(&self) -> Result<Plan, FieldErrors> {
        let mut checks = Checks::new();
        let name = checks.require("name", self.name.as_deref());
        let name = name_of(&mut checks, name);
        let kind = checks.one_of("kind", self.kind.as_deref(), HostelKind::parse, HostelKind::WORDS);
        let currency = currency_of(&mut checks, Some(self.currency.as_deref().unwrap_or("GHS")));
        let time_zone = zone_of(&mut checks, Some(self.time_zone.as_deref().unwrap_or("Africa/Accra")));
        let plan = match (name, currency, time_zone) {
            (Some(name), Some(currency), Some(time_zone)) => {
                Some(Plan { name, kind: kind.unwrap_or(HostelKind::Hostel), currency, time_zone })
            }
            _ => None,
        };
        checks.conclude(plan)
    }
}

impl Tenancy {
    /// Makes a tenant with the printed settings and flags; a society starts without beds to let and without a shuttle.
    /// Needs `hostels:manage`.
    pub async fn create_hostel(&self, call: &Call, command: CreateHostel) -> Result<HostelView, CreateHostelError> {
        call.require(Permission::HostelsManage)?;
        let plan = command.check()?;
        let mut uow = self.uows.begin(&installation(call)).await?;
        let now = self.ambient.now();
        let hostel = Hostel::founded(self.ambient.id(), plan.name, plan.kind, now);
        let settings = Settings::initial(hostel.id(), plan.currency, plan.time_zone, now);
        let flags = match plan.kind {
            HostelKind::Hostel => Flags::defaults(),
            HostelKind::Society => Flags::society_defaults(),
        };
        let rows: Vec<_> = Feature::ALL.iter().map(|feature| (*feature, flags.is_on(*feature))).collect();
        uow.hostels().insert(&hostel).await?;
        uow.settings().insert(&settings).await?;
        uow.flags().put(hostel.id(), &rows, call.actor.account(), now).await?;
        let view = hostel.into_view();
        self.note(&mut *uow, &Happened::HostelCreated(&view), "hostel.create", None);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

/// Reads a tenant's name.
pub(super) fn name_of(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    checks.line("name", value, Hostel::MIN_NAME, Hostel::MAX_NAME, "Name must be at least 2 characters")
}

/// Reads an ISO 4217 code.
pub(super) fn currency_of(checks: &mut Checks, value: Option<&str>) -> Option<Currency> {
    let parsed = Currency::parse(value?);
    if let Err(error) = &parsed {
        checks.fail("currency", "currency", json!({}), error.to_string());
    }
    parsed.ok()
}

/// Reads the name of a time zone.
pub(super) fn zone_of(checks: &mut Checks, value: Option<&str>) -> Option<Zone> {
    let parsed = Zone::parse(value?);
    if let Err(error) = &parsed {
        checks.fail("time_zone", "time_zone", json!({}), error.to_string());
    }
    parsed.ok()
}
