//! `PUT /bookings/{id}/cancel`: the guest, or the house, gives the bed back.

use actix_web::web::Data;
use domicile_booking::{BookingView, CancelBooking, model::BookingId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
    Body(command): Body<CancelBooking>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.cancel_booking(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|stay| stay.version).saying("Booking cancelled"))
}
