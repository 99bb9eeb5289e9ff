//! Refusing a stay (J22).

use domicile_kernel::{Call, Checks, FieldErrors, Permission, Text};
use serde::Deserialize;

use super::{MoveBookingError, fields};
use crate::{BookingView, FrontDesk, events::BookingChange, model::BookingId};

/// A refusal, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RejectBooking {
    /// Why, for the guest to read; at most 500 characters.
    pub reason: Option<String>,
}

impl FrontDesk {
    /// Refuses a pending stay, of which the caller saw `version`: the bed is free again.
    pub async fn reject_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        command: RejectBooking,
    ) -> Result<BookingView, MoveBookingError> {
        Self::authorise(call, Permission::BookingsApprove)?;
        let reason = checked_reason(command.reason.as_deref())?;
        self.make_move(call, id, version, BookingChange::Rejected, |booking, on| {
            Ok(booking.reject(on.call.actor.account(), reason, on.now)?)
        })
        .await
    }
}

pub(super) fn checked_reason(reason: Option<&str>) -> Result<Option<Text>, FieldErrors> {
    let mut checks = Checks::new();
    let reason = fields::reason(&mut checks, reason);
    checks.finish()?;
    Ok(reason)
}
