//! The settings of a hostel, one row each.

use async_trait::async_trait;
use domicile_kernel::{Currency, HostelId, Instant, StoreError, Zone};
use domicile_tenancy::{Proration, Registration, Settings, SettingsRepository, SettingsView};
use sea_orm::{FromQueryResult, JsonValue, Value};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt, for_change, json},
    tx::Tx,
    uow::SqlUow,
};

const COLUMNS: &str = "hostel_id, currency, time_zone, minimum_stay_months, approval_required, entry_request_expiry_minutes, \
    pending_hold_hours, booking_deadline_hours, cancellation_deadline_hours, maintenance_sla_hours, quiet_hours, registration, \
    default_country, proration, version, updated_at";

#[derive(FromQueryResult)]
struct PricedRow {
    priced: bool,
}

#[derive(FromQueryResult)]
struct SettingsRow {
    hostel_id: Uuid,
    currency: String,
    time_zone: String,
    minimum_stay_months: i64,
    approval_required: bool,
    entry_request_expiry_minutes: i64,
    pending_hold_hours: i64,
    booking_deadline_hours: i64,
    cancellation_deadline_hours: i64,
    maintenance_sla_hours: JsonValue,
    quiet_hours: JsonValue,
    registration: String,
    default_country: String,
    proration: String,
    version: i64,
    updated_at: i64,
}

fn whole(value: i64, column: &str) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_negative_or_huge| corrupt(column))
}

fn object<T: DeserializeOwned>(value: JsonValue, column: &str) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|_other_shape| corrupt(column))
}

impl SettingsRow {
    fn view(self) -> Result<SettingsView, StoreError> {
        Ok(SettingsView {
            hostel_id: HostelId::new(self.hostel_id),
            currency: Currency::parse(&self.currency).map_err(|_unknown| corrupt("hostel_settings.currency"))?,
            time_zone: Zone::parse(&self.time_zone).map_err(|_unknown| corrupt("hostel_settings.time_zone"))?,
            minimum_stay_months: whole(self.minimum_stay_months, "hostel_settings.minimum_stay_months")?,
            approval_required: self.approval_required,
            entry_request_expiry_minutes: whole(
                self.entry_request_expiry_minutes,
                "hostel_settings.entry_request_expiry_minutes",
            )?,
            pending_hold_hours: whole(self.pending_hold_hours, "hostel_settings.pending_hold_hours")?,
            booking_deadline_hours: whole(self.booking_deadline_hours, "hostel_settings.booking_deadline_hours")?,
            cancellation_deadline_hours: whole(
                self.cancellation_deadline_hours,
                "hostel_settings.cancellation_deadline_hours",
            )?,
            maintenance_sla_hours: object(self.maintenance_sla_hours, "hostel_settings.maintenance_sla_hours")?,
            quiet_hours: object(self.quiet_hours, "hostel_settings.quiet_hours")?,
            registration: Registration::parse(&self.registration)
                .ok_or_else(|| corrupt("hostel_settings.registration"))?,
            default_country: self.default_country,
            proration: Proration::parse(&self.proration).ok_or_else(|| corrupt("hostel_settings.proration"))?,
            version: self.version,
            updated_at: Instant::from_micros(self.updated_at),
        })
    }
}

/// The settings of one hostel.
pub(super) async fn load(tx: &Tx, hostel: HostelId) -> Result<Option<SettingsView>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM hostel_settings WHERE hostel_id = $1");
    tx.one::<SettingsRow>(&sql, [hostel.uuid().into()]).await.store()?.map(SettingsRow::view).transpose()
}

/// The values in the order of the columns, without the id.
fn values(view: &SettingsView) -> Result<Vec<Value>, StoreError> {
    Ok(vec![
        view.currency.code().into(),
        view.time_zone.name().into(),
        i64::from(view.minimum_stay_months).into(),
        view.approval_required.into(),
        i64::from(view.entry_request_expiry_minutes).into(),
        i64::from(view.pending_hold_hours).into(),
        i64::from(view.booking_deadline_hours).into(),
        i64::from(view.cancellation_deadline_hours).into(),
        json(&view.maintenance_sla_hours)?,
        json(&view.quiet_hours)?,
        view.registration.as_str().into(),
        view.default_country.as_str().into(),
        view.proration.as_str().into(),
        view.version.into(),
        view.updated_at.micros().into(),
    ])
}

#[async_trait]
impl SettingsRepository for SqlUow {
    async fn find(&mut self, hostel: HostelId) -> Result<Option<Settings>, StoreError> {
        if self.scope_excludes(hostel) {
            return Ok(None);
        }
        Ok(load(self.tx()?, hostel).await?.map(Settings::restored))
    }

    async fn insert(&mut self, settings: &Settings) -> Result<(), StoreError> {
        let view = settings.view();
        let sql = format!(
            "INSERT INTO hostel_settings ({COLUMNS}, created_at) \
             VALUES ($16, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) ON CONFLICT DO NOTHING"
        );
        let mut row = values(view)?;
        row.push(view.hostel_id.uuid().into());
        match self.tx()?.run(&sql, row).await.store()? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict("hostel_settings_pkey".to_owned())),
        }
    }

    async fn lock_prices(&mut self, hostel: HostelId) -> Result<bool, StoreError> {
        if self.scope_excludes(hostel) {
            return Ok(false);
        }
        let tx = self.tx()?;
        let lock = for_change(tx.is_postgres());
        if !lock.is_empty() {
            // A statement of its own: one that waited for a room that is being added would not see it. Rooms are added
            // under a lock on the same row.
            let sql = format!("SELECT true AS priced FROM hostel_settings WHERE hostel_id = $1{lock}");
            tx.one::<PricedRow>(&sql, [hostel.uuid().into()]).await.store()?;
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM rooms WHERE hostel_id = $1 AND deleted_at IS NULL) \
                   OR EXISTS (SELECT 1 FROM journals WHERE hostel_id = $1) \
                   OR EXISTS (SELECT 1 FROM payments WHERE hostel_id = $1) AS priced";
        Ok(tx.one::<PricedRow>(sql, [hostel.uuid().into()]).await.store()?.is_some_and(|row| row.priced))
    }

    async fn update(&mut self, settings: &Settings, seen: i64) -> Result<(), StoreError> {
        let view = settings.view();
        if self.scope_excludes(view.hostel_id) {
            return Err(StoreError::Stale);
        }
        let sql = "UPDATE hostel_settings SET currency = $1, time_zone = $2, minimum_stay_months = $3, approval_required = $4, \
                   entry_request_expiry_minutes = $5, pending_hold_hours = $6, booking_deadline_hours = $7, \
                   cancellation_deadline_hours = $8, maintenance_sla_hours = $9, quiet_hours = $10, registration = $11, \
                   default_country = $12, proration = $13, version = $14, updated_at = $15 \
                   WHERE hostel_id = $16 AND version = $17";
        let mut row = values(view)?;
        row.extend([view.hostel_id.uuid().into(), seen.into()]);
        match self.tx()?.run(sql, row).await.store()? {
            1 => Ok(()),
            _ => Err(StoreError::Stale),
        }
    }
}
