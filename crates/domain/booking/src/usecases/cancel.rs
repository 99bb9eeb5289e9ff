//! Giving up a stay that has not begun (J22).

use domicile_kernel::{Call, Permission, Refusal};
use serde::Deserialize;

use super::{MoveBookingError, moves::Circumstances, reject::checked_reason};
use crate::{
    BookingView, FrontDesk,
    events::BookingChange,
    model::{Booking, BookingId, Move},
};

/// A cancellation, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CancelBooking {
    /// Why, at most 500 characters; `no_show` by custom when the guest never came.
    pub reason: Option<String>,
}

impl FrontDesk {
    /// Gives up a pending or approved stay, of which the caller saw `version`: the bed is free again. The guest can until
    /// the hostel's deadline before the check-in day; who may change bookings can at any time, for a guest who never came
    /// as well.
    pub async fn cancel_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        command: CancelBooking,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsReadOwn)?;
        let reason = checked_reason(command.reason.as_deref())?;
        self.make_move(call, id, version, BookingChange::Cancelled, |booking, on| {
            refuse_stranger(&booking, on.call)?;
            booking.permit(Move::Cancel)?;
            refuse_late_guest(&booking, on)?;
            Ok(booking.cancel(on.call.actor.account(), reason, on.now)?)
        })
        .await
    }
}

/// Only the guest, and who may change every booking.
pub(super) fn refuse_stranger(booking: &Booking, call: &Call) -> Result<(), Refusal> {
    let own = call.actor.account() == Some(booking.guest());
    if own || call.may(Permission::BookingsUpdate) { Ok(()) } else { Err(Refusal::NotYours("bookings")) }
}

fn refuse_late_guest(booking: &Booking, on: &Circumstances<'_>) -> Result<(), MoveBookingError> {
    let closes = on.terms.cancellation_closes(booking.dates().check_in());
    if closes < on.now && !on.call.may(Permission::BookingsUpdate) {
        return Err(MoveBookingError::DeadlinePassed(closes));
    }
    Ok(())
}
