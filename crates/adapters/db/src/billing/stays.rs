//! Stays as billing sees them, read from bookings; and what booking tells of them, which becomes invoices in the same
//! transaction.

use async_trait::async_trait;
use domicile_billing::{
    model::{BookingId, StayFacts, StayState},
    ports::StayReader,
    stays,
};
use domicile_booking::{
    events::BookingChange,
    model::{Booking, BookingStatus, StayDates},
    policy::{self, EarlierPrice, PriceRule},
    ports::StayAccounts,
};
use domicile_kernel::{AccountId, Ambient, HostelId, Money, StoreError};
use sea_orm::{FromQueryResult, JsonValue};
use uuid::Uuid;

use super::currency;
use crate::{
    booking::{earlier_prices, nights, price_rule_kept},
    dialect::{IntoStore, corrupt},
    tx::Tx,
    uow::SqlUow,
};

#[derive(FromQueryResult)]
struct StayRow {
    user_id: Uuid,
    status: String,
    check_in_date: time::Date,
    check_out_date: time::Date,
    total_minor: i64,
    monthly_minor: i64,
    price_currency: String,
    price_rule: String,
    price_rule_version: i64,
    earlier_prices: Option<JsonValue>,
}

const fn state(status: BookingStatus) -> StayState {
    match status {
        BookingStatus::Pending => StayState::Asked,
        BookingStatus::Approved | BookingStatus::CheckedIn => StayState::Holding,
        BookingStatus::Rejected | BookingStatus::Cancelled => StayState::GivenUp,
        BookingStatus::CheckedOut => StayState::MovedOut,
    }
}

pub(super) async fn find(tx: &Tx, hostel: HostelId, id: BookingId) -> Result<Option<StayFacts>, StoreError> {
    let sql = "SELECT user_id, status, check_in_date, check_out_date, total_minor, monthly_minor, price_currency, \
               price_rule, price_rule_version, earlier_prices FROM bookings WHERE hostel_id = $1 AND id = $2";
    let row = tx.one::<StayRow>(sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    row.map(|row| {
        let currency = currency(&row.price_currency, "bookings.price_currency")?;
        let dates = nights(row.check_in_date, row.check_out_date)?;
        let rule = price_rule_kept(&row.price_rule, row.price_rule_version, Money::new(row.monthly_minor, currency))?;
        Ok(StayFacts {
            booking_id: id,
            guest: AccountId::new(row.user_id),
            check_in: dates.check_in(),
            check_out: dates.check_out(),
            monthly_price: rule.monthly_price,
            first_months: first_months(rule, &earlier_prices(row.earlier_prices)?, dates)?,
            total_price: Money::new(row.total_minor, currency),
            state: state(BookingStatus::parse(&row.status).ok_or_else(|| corrupt("bookings.status"))?),
        })
    })
    .transpose()
}

fn first_months(rule: PriceRule, earlier: &[EarlierPrice], dates: StayDates) -> Result<Vec<Money>, StoreError> {
    policy::first_months(rule, earlier, dates).map_err(|error| StoreError::Corrupt(error.into()))
}

/// What billing needs of a booking.
fn facts(booking: &Booking) -> Result<StayFacts, StoreError> {
    let is = booking.record();
    Ok(StayFacts {
        booking_id: BookingId::new(is.id.uuid()),
        guest: is.user_id,
        check_in: is.dates.check_in(),
        check_out: is.dates.check_out(),
        monthly_price: is.quote.rule.monthly_price,
        first_months: first_months(is.quote.rule, &is.earlier_prices, is.dates)?,
        total_price: is.quote.total,
        state: state(booking.status()),
    })
}

#[async_trait]
impl StayReader for SqlUow {
    async fn find(&mut self, id: BookingId) -> Result<Option<StayFacts>, StoreError> {
        find(self.tx()?, self.hostel()?, id).await
    }
}

#[async_trait]
impl StayAccounts for SqlUow {
    async fn stay_changed(
        &mut self,
        ambient: &Ambient,
        booking: &Booking,
        _change: BookingChange,
    ) -> Result<(), StoreError> {
        stays::follow(self, ambient, &facts(booking)?).await?;
        Ok(())
    }
}
