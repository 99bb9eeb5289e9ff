//! Ending a hold that nobody approved in time: the job that every pending stay leaves behind (J22).

use domicile_kernel::{Call, HostelId, Instant, Outcome, Permission, Refusal, StoreError, faults};
use serde::{Deserialize, Serialize};

use super::moves::store;
use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{Booking, BookingId},
};

/// What the job carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPayload {
    /// In whose scope the job is to be done.
    pub hostel_id: HostelId,
    /// Which booking's hold ends.
    pub booking_id: BookingId,
}

impl HoldPayload {
    /// The kind of the job; its key is the booking's id.
    pub const KIND: &'static str = "booking.end_hold";
}

/// Why a hold could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum EndHoldError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The hold still runs: the job came too early and has to come again.
    #[error("The hold runs until {0}")]
    NotYet(Instant),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(EndHoldError: through Refused, Store; Self::NotYet(_) => ResourceConflict);

impl FrontDesk {
    /// Cancels a booking that is still pending when its hold is over, with the reason `hold_expired`. A booking that has
    /// moved on, or is gone, is left alone; the job is done either way. Not gated by the feature: a hostel that switched
    /// booking off does not keep its beds held.
    pub async fn end_hold(&self, call: &Call, id: BookingId) -> Result<Option<BookingView>, EndHoldError> {
        call.require(Permission::BookingsUpdate)?;
        Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let now = self.ambient.now();
        let before = uow.bookings().lock(id).await?;
        if let Some(hold_until) = before.as_ref().and_then(Booking::hold_until).filter(|until| now < *until) {
            return Err(EndHoldError::NotYet(hold_until));
        }
        let ended = before.and_then(|before| Some((before.clone(), before.end_hold(now).ok()?)));
        let Some((before, after)) = ended else {
            uow.commit(Outcome::done()).await?;
            return Ok(None);
        };
        store(&mut *uow, &after).await?;
        uow.accounts().stay_changed(&self.ambient, &after, BookingChange::HoldEnded).await?;
        tell_booking(&mut *uow, &self.ambient, BookingChange::HoldEnded, Some(&before), Some(&after));
        let view = BookingView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(Some(view))
    }
}
