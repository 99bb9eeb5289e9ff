//! Changing how a hostel is set up (J15).

use domicile_kernel::{
    Call, Checks, Currency, FieldErrors, Outcome, Permission, StoreError, VersionConflict, call::Refusal, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Tenancy,
    create_hostel::{currency_of, zone_of},
};
use crate::{
    events::Happened,
    model::{ClockTime, Proration, Registration, Settings, SettingsChange, SettingsView, bounds},
};

/// Changes some settings; those that are absent stay. At least one.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UpdateSettings {
    /// What prices are in, ISO 4217. Another one only while the hostel has no room and nothing in its books.
    pub currency: Option<String>,
    /// Where the hostel's days begin, IANA name.
    pub time_zone: Option<String>,
    /// The shortest stay in calendar months, 0 to 24.
    pub minimum_stay_months: Option<i64>,
    /// Whether a stay waits for a manager.
    pub approval_required: Option<bool>,
    /// After how many minutes a request at the gate lapses, 1 to 1,440. Operational.
    pub entry_request_expiry_minutes: Option<i64>,
    /// After how many hours a stay nobody approved ends, 1 to 720. Operational.
    pub pending_hold_hours: Option<i64>,
    /// How many hours before the check-in day booking closes, 0 to 720. Operational.
    pub booking_deadline_hours: Option<i64>,
    /// Until how many hours before the check-in day the guest may cancel, 0 to 720. Operational.
    pub cancellation_deadline_hours: Option<i64>,
    /// How long a maintenance request may wait. Operational.
    pub maintenance_sla_hours: Option<SlaHoursInput>,
    /// When nobody is to be disturbed. Operational.
    pub quiet_hours: Option<QuietHoursInput>,
    /// `open`, `approval` or `closed`.
    pub registration: Option<String>,
    /// ISO 3166-1 alpha-2, such as `GH`.
    pub default_country: Option<String>,
    /// `calendar_days`, `thirty_days` or `whole_months`, for stays that are asked for from now on.
    pub proration: Option<String>,
}

/// Hours by priority, each 1 to 8,760; those that are absent stay.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SlaHoursInput {
    /// Low priority.
    pub low: Option<i64>,
    /// Medium priority.
    pub medium: Option<i64>,
    /// High priority.
    pub high: Option<i64>,
    /// Urgent.
    pub urgent: Option<i64>,
}

/// Times of day, `HH:MM`; the one that is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct QuietHoursInput {
    /// The first quiet minute.
    pub start: Option<String>,
    /// The first minute that is not quiet any more.
    pub end: Option<String>,
}

/// Why the settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateSettingsError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such hostel.
    #[error("Hostel not found")]
    NotFound,
    /// What is priced or booked stays in its currency.
    #[error(
        "The hostel has rooms or books in {0}: its currency can be changed only before the first room is made and the first \
         amount is booked."
    )]
    CurrencyInUse(Currency),
    /// Somebody changed them in between.
    #[error(transparent)]
    Version(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateSettingsError: through Refused, Invalid, Version, Store;
    Self::NotFound => NotFound,
    Self::CurrencyInUse(_) => ResourceConflict);

impl UpdateSettings {
    /// Which permission the change needs: `settings:update` as soon as one field is not operational, else
    /// `settings:operate` (J15).
    #[must_use]
    pub const fn needs(&self) -> Permission {
        let beyond_operation = self.currency.is_some()
            || self.time_zone.is_some()
            || self.minimum_stay_months.is_some()
            || self.approval_required.is_some()
            || self.registration.is_some()
            || self.default_country.is_some()
            || self.proration.is_some();
        if beyond_operation { Permission::SettingsUpdate } else { Permission::SettingsOperate }
    }

    fn check(&self) -> Result<SettingsChange, FieldErrors> {
        let mut checks = Checks::new();
        let sla = self.maintenance_sla_hours.clone().unwrap_or_default();
        let quiet = self.quiet_hours.clone().unwrap_or_default();
        let deadline = bounds::DEADLINE_HOURS;
        let change = SettingsChange {
            currency: currency_of(&mut checks, self.currency.as_deref()),
            time_zone: zone_of(&mut checks, self.time_zone.as_deref()),
            minimum_stay_months: number(
                &mut checks,
                "minimum_stay_months",
                self.minimum_stay_months,
                bounds::MINIMUM_STAY_MONTHS,
            ),
            approval_required: self.approval_required,
            entry_request_expiry_minutes: number(
                &mut checks,
                "entry_request_expiry_minutes",
                self.entry_request_expiry_minutes,
                bounds::ENTRY_REQUEST_EXPIRY_MINUTES,
            ),
            pending_hold_hours: number(
                &mut checks,
                "pending_hold_hours",
                self.pending_hold_hours,
                bounds::PENDING_HOLD_HOURS,
            ),
            booking_deadline_hours: number(
                &mut checks,
                "booking_deadline_hours",
                self.booking_deadline_hours,
                deadline,
            ),
            cancellation_deadline_hours: number(
                &mut checks,
                "cancellation_deadline_hours",
                self.cancellation_deadline_hours,
                deadline,
            ),
            sla_low: number(&mut checks, "maintenance_sla_hours.low", sla.low, bounds::SLA_HOURS),
            sla_medium: number(&mut checks, "maintenance_sla_hours.medium", sla.medium, bounds::SLA_HOURS),
            sla_high: number(&mut checks, "maintenance_sla_hours.high", sla.high, bounds::SLA_HOURS),
            sla_urgent: number(&mut checks, "maintenance_sla_hours.urgent", sla.urgent, bounds::SLA_HOURS),
            quiet_start: time_of(&mut checks, "quiet_hours.start", quiet.start.as_deref()),
            quiet_end: time_of(&mut checks, "quiet_hours.end", quiet.end.as_deref()),
            registration: checks.one_of(
                "registration",
                self.registration.as_deref(),
                Registration::parse,
                Registration::WORDS,
            ),
            default_country: country_of(&mut checks, self.default_country.as_deref()),
            proration: checks.one_of("proration", self.proration.as_deref(), Proration::parse, Proration::WORDS),
        };
        if checks.is_clean() && change.is_empty() {
            checks.fail("body", "required", json!({}), "Send at least one setting to change");
        }
        checks.finish().map(|()| change)
    }
}

impl Tenancy {
    /// Changes the settings of version `version` of the call's hostel. Needs what [`UpdateSettings::needs`] says; a body
    /// that mixes operational with other settings is refused whole to whoever may only operate. The currency stays as it is as
    /// soon as something is priced or booked in it: wallets and bills would be left in one that the hostel does not show.
    pub async fn update_settings(
        &self,
        call: &Call,
        command: UpdateSettings,
        version: i64,
    ) -> Result<SettingsView, UpdateSettingsError> {
        call.require(command.needs())?;
        let hostel = call.hostel()?;
        let change = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let settings = uow.settings().find(hostel).await?.ok_or(UpdateSettingsError::NotFound)?;
        let currency = settings.view().currency;
        if change.currency.is_some_and(|other| other != currency) && uow.settings().lock_prices(hostel).await? {
            return Err(UpdateSettingsError::CurrencyInUse(currency));
        }
        if settings.version() != version {
            return Err(conflict(settings, version));
        }
        let before = json!(settings.view());
        let settings = settings.changed(change, self.ambient.now());
        match uow.settings().update(&settings, version).await {
            Err(StoreError::Stale) => {
                let latest = uow.settings().find(hostel).await?.ok_or(UpdateSettingsError::NotFound)?;
                return Err(conflict(latest, version));
            }
            other => other?,
        }
        let view = settings.into_view();
        self.note(&mut *uow, &Happened::SettingsUpdated(&view), "settings.update", Some(before));
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

fn conflict(latest: Settings, yours: i64) -> UpdateSettingsError {
    VersionConflict::new(latest.version(), yours, latest.view()).into()
}

fn number(checks: &mut Checks, field: &str, value: Option<i64>, (min, max): (i64, i64)) -> Option<u32> {
    checks.whole(field, value, min, max).and_then(|number| u32::try_from(number).ok())
}

fn time_of(checks: &mut Checks, field: &str, value: Option<&str>) -> Option<ClockTime> {
    let parsed = value?.parse::<ClockTime>();
    if let Err(error) = &parsed {
        checks.fail(field, "time", json!({ "format": "HH:MM" }), error.to_string());
    }
    parsed.ok()
}

fn country_of(checks: &mut Checks, value: Option<&str>) -> Option<String> {
    let code = value?.to_ascii_uppercase();
    let good = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if !good {
        let message = "default_country must be two letters of ISO 3166-1, such as GH";
        checks.fail("default_country", "country", json!({ "pattern": "^[A-Za-z]{2}$" }), message);
    }
    good.then_some(code)
}
