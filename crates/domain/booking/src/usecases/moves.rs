//! What every move of a booking has in common: lock it, decide, judge the version, write, tell.

use domicile_kernel::{
    Call, Detail, Feature, FieldErrors, HostelDay, Instant, Outcome, Permission, Refusal, StoreError, VersionConflict,
    faults,
};
use serde_json::json;

use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{Booking, BookingId, BookingStatus, HouseTerms, IllegalMove},
    ports::{BookingUow, BookingWritten},
};

/// Why a booking could not be approved, rejected, cancelled, checked in or out, or deleted.
#[derive(Debug, thiserror::Error)]
pub enum MoveBookingError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such booking.
    #[error("Booking not found")]
    NotFound,
    /// Its state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// Nobody moves in before the first day, or on the last.
    #[error("This booking can be checked in from {from} on and before {until}")]
    NotDuringStay {
        /// The first day.
        from: HostelDay,
        /// The day of leaving.
        until: HostelDay,
        /// Where the booking stands.
        status: BookingStatus,
    },
    /// Too late for the guest; the house still can.
    #[error("Cancellation closed at {0}. Ask the hostel's manager.")]
    DeadlinePassed(Instant),
    /// Somebody else changed it in between.
    #[error(transparent)]
    Stale(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(MoveBookingError: through Refused, Invalid, Illegal, Stale, Store;
    Self::NotFound => NotFound,
    Self::NotDuringStay { status, .. } => ResourceConflict with Detail::State(status.as_str().to_owned()),
    Self::DeadlinePassed(deadline) => BookingDeadlinePassed with Detail::Data(json!({ "deadline": deadline })));

/// What a decision is made upon, beside the booking.
pub(super) struct Circumstances<'a> {
    pub(super) call: &'a Call,
    pub(super) terms: &'a HouseTerms,
    pub(super) now: Instant,
}

impl FrontDesk {
    /// The gate of every write under `/bookings`: permission, feature, hostel.
    pub(super) fn authorise(call: &Call, permission: Permission) -> Result<(), Refusal> {
        call.require(permission)?;
        call.require_feature(Feature::RoomBooking)?;
        Self::house(call).map(|_hostel| ())
    }

    /// Makes a move of which the caller saw `version`. `decide` judges the state, and what else speaks against it.
    pub(super) async fn make_move(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        change: BookingChange,
        decide: impl FnOnce(Booking, &Circumstances<'_>) -> Result<Booking, MoveBookingError> + Send,
    ) -> Result<BookingView, MoveBookingError> {
        let mut uow = self.uows.begin(call).await?;
        let terms = uow.terms().await?;
        let before = uow.bookings().lock(id).await?.ok_or(MoveBookingError::NotFound)?;
        let after = decide(before.clone(), &Circumstances { call, terms: &terms, now: self.ambient.now() })?;
        VersionConflict::check(before.version(), version, || BookingView::of(&before))?;
        store(&mut *uow, &after).await?;
        uow.accounts().stay_changed(&self.ambient, &after, change).await?;
        tell_booking(&mut *uow, &self.ambient, change, Some(&before), Some(&after));
        let view = BookingView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

/// Writes a booking that takes no bed and no night that it did not take before, so that nothing can be in its way.
pub(super) async fn store(uow: &mut dyn BookingUow, booking: &Booking) -> Result<(), StoreError> {
    match uow.bookings().update(booking).await? {
        BookingWritten::Written => Ok(()),
        BookingWritten::Stale => Err(StoreError::Stale),
        BookingWritten::BedTaken => Err(StoreError::Conflict("bookings: bed".to_owned())),
        BookingWritten::PersonTaken => Err(StoreError::Conflict("bookings: person".to_owned())),
    }
}
