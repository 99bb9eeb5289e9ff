//! Agreeing to a stay (J22).

use domicile_kernel::{Call, Permission};

use super::MoveBookingError;
use crate::{BookingView, FrontDesk, events::BookingChange, model::BookingId};

impl FrontDesk {
    /// Agrees to a pending stay, of which the caller saw `version`: the bed is the guest's for the dates.
    pub async fn approve_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsApprove)?;
        self.make_move(call, id, version, BookingChange::Approved, |booking, on| {
            Ok(booking.approve(on.call.actor.account(), on.now)?)
        })
        .await
    }
}
