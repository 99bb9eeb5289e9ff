//! Taking away the record of an ended stay (J22).

use domicile_kernel::{Call, Outcome, Permission, StoreError, VersionConflict};

use super::MoveBookingError;
use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{BookingId, Move},
};

impl FrontDesk {
    /// Deletes a rejected, cancelled or checked-out booking, of which the caller saw `version`.
    pub async fn delete_booking(&self, call: &Call, id: BookingId, version: i64) -> Result<(), MoveBookingError> {
        Self::authorise(call, Permission::BookingsDelete)?;
        let mut uow = self.uows.begin(call).await?;
        let booking = uow.bookings().lock(id).await?.ok_or(MoveBookingError::NotFound)?;
        booking.permit(Move::Delete)?;
        VersionConflict::check(booking.version(), version, || BookingView::of(&booking))?;
        if !uow.bookings().delete(id, version).await? {
            return Err(StoreError::Stale.into());
        }
        tell_booking(&mut *uow, &self.ambient, BookingChange::Deleted, Some(&booking), None);
        uow.commit(Outcome::done()).await?;
        Ok(())
    }
}
