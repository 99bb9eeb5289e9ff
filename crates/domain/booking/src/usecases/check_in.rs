//! Moving in (J22).

use domicile_kernel::{Call, Permission};

use super::MoveBookingError;
use crate::{
    BookingView, FrontDesk,
    events::BookingChange,
    model::{BookingId, Move},
};

impl FrontDesk {
    /// The guest of an approved stay, of which the caller saw `version`, moves in: on the check-in day or later, but before
    /// the day of leaving.
    pub async fn check_in_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsUpdate)?;
        self.make_move(call, id, version, BookingChange::CheckedIn, |booking, on| {
            booking.permit(Move::CheckIn)?;
            let (dates, status) = (booking.dates(), booking.status());
            if !dates.has_night_of(on.terms.today(on.now)) {
                let (from, until) = (dates.check_in(), dates.check_out());
                return Err(MoveBookingError::NotDuringStay { from, until, status });
            }
            Ok(booking.check_in(on.now)?)
        })
        .await
    }
}
