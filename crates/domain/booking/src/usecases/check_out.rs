//! Moving out (J22).

use domicile_kernel::{Call, Permission};

use super::MoveBookingError;
use crate::{BookingView, FrontDesk, events::BookingChange, model::BookingId};

impl FrontDesk {
    /// The guest of a stay, of which the caller saw `version`, moves out, whenever that is: the bed is free again.
    pub async fn check_out_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsUpdate)?;
        self.make_move(call, id, version, BookingChange::CheckedOut, |booking, on| Ok(booking.check_out(on.now)?)).await
    }
}
