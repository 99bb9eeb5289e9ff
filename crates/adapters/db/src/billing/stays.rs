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
    model::{Booking, BookingStatus},
    ports::StayAccounts,
};
use domicile_kernel::{AccountId, Ambient, HostelId, Money, StoreError};
use sea_orm::FromQueryResult;
use uuid::Uuid;

use super::currency;
use crate::{
    dialect::{IntoStore, corrupt},
    read::from_date,
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
    let sql = "SELECT user_id, status, check_in_date, check_out_date, total_minor, monthly_minor, price_currency \
               FROM bookings WHERE hostel_id = $1 AND id = $2";
    let row = tx.one::<StayRow>(sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    row.map(|row| {
        let currency = currency(&row.price_currency, "bookings.price_currency")?;
        Ok(StayFacts {
            booking_id: id,
            guest: AccountId::new(row.user_id),
            check_in: from_date(row.check_in_date)?,
            check_out: from_date(row.check_out_date)?,
            monthly_price: Money::new(row.monthly_minor, currency),
            total_price: Money::new(row.total_minor, currency),
            state: state(BookingStatus::parse(&row.status).ok_or_else(|| corrupt("bookings.status"))?),
        })
    })
    .transpose()
}

/// What billing needs of a booking.
fn facts(booking: &Booking) -> StayFacts {
    let is = booking.record();
    StayFacts {
        booking_id: BookingId::new(is.id.uuid()),
        guest: is.user_id,
        check_in: is.dates.check_in(),
        check_out: is.dates.check_out(),
        monthly_price: is.quote.rule.monthly_price,
        total_price: is.quote.total,
        state: state(booking.status()),
    }
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
        stays::follow(self, ambient, &facts(booking)).await?;
        Ok(())
    }
}
