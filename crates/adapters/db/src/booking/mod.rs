//! Booking over SQL: rooms with their beds, stays, who may stay, and what is read of them.

mod bookings;
mod people;
mod queries;
mod rooms;

pub(crate) use bookings::{earlier_prices, nights, price_rule_kept};

use async_trait::async_trait;
use domicile_booking::{
    model::HouseTerms,
    policy::PriceRuleName,
    ports::{BookingRepository, BookingUow, BookingUows, People, RoomRepository, StayAccounts},
};
use domicile_kernel::{Call, Currency, StoreError, Zone};
use sea_orm::FromQueryResult;

use crate::{
    database::Database,
    dialect::{IntoStore, corrupt},
    uow::SqlUow,
};

/// The states that hold a bed, as the database's own constraints name them.
const HOLDING: &str = "('pending', 'approved', 'checked_in')";

#[derive(FromQueryResult)]
struct TermsRow {
    currency: String,
    time_zone: String,
    minimum_stay_months: i64,
    approval_required: bool,
    pending_hold_hours: i64,
    booking_deadline_hours: i64,
    cancellation_deadline_hours: i64,
    proration: String,
}

impl TermsRow {
    fn terms(self) -> Result<HouseTerms, StoreError> {
        let whole = |value: i64, column| u32::try_from(value).map_err(|_negative_or_huge| corrupt(column));
        Ok(HouseTerms {
            currency: Currency::parse(&self.currency).map_err(|_unknown| corrupt("hostel_settings.currency"))?,
            zone: Zone::parse(&self.time_zone).map_err(|_unknown| corrupt("hostel_settings.time_zone"))?,
            minimum_stay_months: whole(self.minimum_stay_months, "hostel_settings.minimum_stay_months")?,
            approval_required: self.approval_required,
            pending_hold_hours: whole(self.pending_hold_hours, "hostel_settings.pending_hold_hours")?,
            booking_deadline_hours: whole(self.booking_deadline_hours, "hostel_settings.booking_deadline_hours")?,
            cancellation_deadline_hours: whole(
                self.cancellation_deadline_hours,
                "hostel_settings.cancellation_deadline_hours",
            )?,
            proration: price_rule(&self.proration)?,
        })
    }
}

/// The rule that a hostel prices by, as its settings name it.
pub(crate) fn price_rule(name: &str) -> Result<PriceRuleName, StoreError> {
    PriceRuleName::parse(name).ok_or_else(|| corrupt("hostel_settings.proration"))
}

#[async_trait]
impl BookingUow for SqlUow {
    fn rooms(&mut self) -> &mut dyn RoomRepository {
        self
    }

    fn bookings(&mut self) -> &mut dyn BookingRepository {
        self
    }

    fn people(&mut self) -> &mut dyn People {
        self
    }

    fn accounts(&mut self) -> &mut dyn StayAccounts {
        self
    }

    async fn terms(&mut self) -> Result<HouseTerms, StoreError> {
        let sql = "SELECT currency, time_zone, minimum_stay_months, approval_required, pending_hold_hours, \
                   booking_deadline_hours, cancellation_deadline_hours, proration FROM hostel_settings WHERE hostel_id = $1";
        let row = self.tx()?.one::<TermsRow>(sql, [self.hostel()?.uuid().into()]).await.store()?;
        row.ok_or_else(|| corrupt("the settings of a hostel"))?.terms()
    }
}

#[async_trait]
impl BookingUows for Database {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BookingUow>, StoreError> {
        Ok(Box::new(SqlUow::begin(self, call).await?))
    }
}

#[cfg(test)]
mod tests {
    use domicile_tenancy::Proration;

    use super::*;

    #[test]
    fn what_a_hostel_can_set_is_what_stays_can_be_priced_by() {
        assert_eq!(PriceRuleName::ALL.map(PriceRuleName::as_str), Proration::WORDS);
    }
}
