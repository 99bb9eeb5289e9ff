//! What a stay costs and how it is billed, before it is (J32).

use domicile_kernel::{Call, Checks, FieldErrors, HostelDay, Money, Permission, Refusal, StoreError, faults};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Bursar,
    model::{BookingId, RoomId, StayFacts, StayState},
    queries::{DraftView, QuoteView},
    stays::drafts,
};

/// Which stay somebody thinks of, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskQuote {
    /// In which room. Required.
    pub room_id: Option<String>,
    /// From this day, `YYYY-MM-DD`. Required.
    pub check_in_date: Option<String>,
    /// To this one, at most ten years later. Required.
    pub check_out_date: Option<String>,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such booking.
    #[error("Booking not found")]
    BookingNotFound,
    /// No such room.
    #[error("Room not found")]
    RoomNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(QuoteError: through Refused, Invalid, Store;
    Self::BookingNotFound => NotFound,
    Self::RoomNotFound => NotFound);

impl Bursar {
    /// The bills of a stay that was asked for, as they would be made today: for its guest, and for who may see every booking.
    pub async fn quote_booking(&self, call: &Call, id: BookingId) -> Result<QuoteView, QuoteError> {
        call.require(Permission::BookingsReadOwn)?;
        Self::house(call)?;
        let stay = self.queries.stay(call, id).await?.ok_or(QuoteError::BookingNotFound)?;
        if call.actor.account() != Some(stay.guest) && !call.may(Permission::BookingsReadAll) {
            return Err(Refusal::NotYours("bookings").into());
        }
        self.quote(call, stay).await
    }

    /// The bills of a stay that nobody asked for yet, as they would be made today.
    pub async fn quote_room(&self, call: &Call, asked: AskQuote) -> Result<QuoteView, QuoteError> {
        call.require(Permission::RoomsRead)?;
        Self::house(call)?;
        let (room, check_in, check_out) = asked.check()?;
        let offer = self.queries.offer(call, room, check_in, check_out).await?.ok_or(QuoteError::RoomNotFound)?;
        let nobody = uuid::Uuid::nil();
        let stay = StayFacts {
            booking_id: BookingId::new(nobody),
            guest: call.actor.account().unwrap_or_else(|| domicile_kernel::AccountId::new(nobody)),
            check_in,
            check_out,
            monthly_price: offer.monthly_price,
            first_months: Vec::new(),
            total_price: offer.total_price,
            state: StayState::Holding,
        };
        self.quote(call, stay).await
    }

    async fn quote(&self, call: &Call, stay: StayFacts) -> Result<QuoteView, QuoteError> {
        let house = self.queries.house(call).await?;
        let terms = self.queries.terms(call).await?.unwrap_or_default();
        let agreed = StayFacts { state: StayState::Holding, ..stay.clone() };
        let too_large =
            |error: domicile_kernel::money::MoneyError| FieldErrors::one("check_out_date", "price", error.to_string());
        let bills = drafts(&house, &terms, &agreed, self.ambient.now()).map_err(too_large)?;
        let currency = stay.monthly_price.currency();
        let sum = |kind| bills.iter().filter(|bill| bill.kind == kind).map(|bill| bill.amount).sum::<i64>();
        let (rent, deposit) = (sum(crate::model::InvoiceKind::Rent), sum(crate::model::InvoiceKind::Deposit));
        Ok(QuoteView {
            check_in_date: stay.check_in,
            check_out_date: stay.check_out,
            monthly_price: stay.monthly_price,
            rent: Money::new(rent, currency),
            deposit: Money::new(deposit, currency),
            total: Money::new(rent.saturating_add(deposit), currency),
            invoices: bills.iter().map(|bill| DraftView::of(bill, currency)).collect(),
        })
    }
}

/// The longest stay that is quoted, in months.
const MOST_MONTHS: i64 = 120;

impl AskQuote {
    fn check(self) -> Result<(RoomId, HostelDay, HostelDay), FieldErrors> {
        let mut checks = Checks::new();
        let room = checks.require("room_id", self.room_id);
        let room = checks.id("room_id", room.as_deref(), "Invalid room ID");
        let check_in = checks.require("check_in_date", self.check_in_date);
        let check_in = checks.day("check_in_date", check_in.as_deref());
        let check_out = checks.require("check_out_date", self.check_out_date);
        let check_out = checks.day("check_out_date", check_out.as_deref());
        if let (Some(from), Some(to)) = (check_in, check_out) {
            let message = "Check-out date must be after check-in date";
            if !checks.ensure(from < to, "check_out_date", "after", message) {
                return checks.conclude(None);
            }
            if to > from.plus_months(MOST_MONTHS) {
                let message = format!("A stay is quoted for at most {MOST_MONTHS} months");
                checks.fail("check_out_date", "max_months", json!({ "max": MOST_MONTHS }), message);
            }
        }
        let all = || Some((room?, check_in?, check_out?));
        let all = all();
        checks.conclude(all)
    }
}
