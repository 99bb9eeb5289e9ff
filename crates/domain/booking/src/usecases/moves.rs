//! What every move of a booking has in common: lock it, decide, judge the version, write, tell.

use domicile_kernel::{
    Call, Code, Detail, Fault, Feature, FieldErrors, HostelDay, Instant, Outcome, Permission, Refusal, StoreError,
};
use serde_json::json;

use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{Booking, BookingId, BookingStatus, HouseTerms, IllegalMove, Stale},
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
    Stale(#[from] Stale),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for MoveBookingError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Invalid(errors) => errors.code(),
            Self::NotFound => Code::NotFound,
            Self::Illegal(illegal) => illegal.code(),
            Self::NotDuringStay { .. } => Code::ResourceConflict,
            Self::DeadlinePassed(_) => Code::BookingDeadlinePassed,
            Self::Stale(stale) => stale.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Refused(refusal) => refusal.detail(),
            Self::Invalid(errors) => errors.detail(),
            Self::NotFound => Detail::None,
            Self::Illegal(illegal) => illegal.detail(),
            Self::NotDuringStay { status, .. } => Detail::State(status.as_str().to_owned()),
            Self::DeadlinePassed(deadline) => Detail::Data(json!({ "deadline": deadline })),
            Self::Stale(stale) => stale.detail(),
            Self::Store(error) => error.detail(),
        }
    }

    fn replayed(&self) -> Option<&Outcome> {
        match self {
            Self::Store(error) => error.replayed(),
            Self::Refused(_) | Self::Invalid(_) | Self::NotFound | Self::Illegal(_) => None,
            Self::NotDuringStay { .. } | Self::DeadlinePassed(_) | Self::Stale(_) => None,
        }
    }
}

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
        Stale::check(before.version(), version, || BookingView::of(&before))?;
        store(&mut *uow, &after).await?;
        tell_booking(&mut *uow, &self.ambient, change, Some(&before), Some(&after));
        let view = BookingView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

/// Writes a booking that neither its bed nor its nights have changed of, so that nothing can be in its way.
pub(super) async fn store(uow: &mut dyn BookingUow, booking: &Booking) -> Result<(), StoreError> {
    match uow.bookings().update(booking).await? {
        BookingWritten::Written => Ok(()),
        BookingWritten::Stale => Err(StoreError::Stale),
        BookingWritten::BedTaken => Err(StoreError::Conflict("bookings: bed".to_owned())),
        BookingWritten::PersonTaken => Err(StoreError::Conflict("bookings: person".to_owned())),
    }
}
