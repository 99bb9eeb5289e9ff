//! Moving out (J22).

use domicile_kernel::{Call, Permission};
use serde::Deserialize;

use super::{MoveBookingError, fields};
use crate::{
    BookingView, FrontDesk,
    events::BookingChange,
    model::{BookingId, Move},
};

/// A check-out, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CheckOutBooking {
    /// Whether somebody who leaves before the day that was agreed still owes the whole stay. Otherwise it ends today and
    /// costs what its nights cost, at least one.
    pub bill_whole_stay: Option<bool>,
}

impl FrontDesk {
    /// The guest of a stay, of which the caller saw `version`, moves out, whenever that is: the bed is free again. Before
    /// the day that was agreed the stay is cut short and priced anew, by the rule and the monthly price that were agreed, unless
    /// the whole of it is to be billed.
    pub async fn check_out_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        command: CheckOutBooking,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsUpdate)?;
        let whole = command.bill_whole_stay.unwrap_or(false);
        self.make_move(call, id, version, BookingChange::CheckedOut, |booking, on| {
            booking.permit(Move::CheckOut)?;
            let dates = booking.dates();
            let used = if whole { dates } else { dates.left_on(on.terms.today(on.now)) };
            let agreed = booking.record().quote;
            let quote = if used == dates {
                agreed
            } else {
                let earlier = &booking.record().earlier_prices;
                fields::priced(agreed.rule.name, earlier, agreed.rule.monthly_price, used)?
            };
            Ok(booking.check_out(used, quote, on.now)?)
        })
        .await
    }
}
