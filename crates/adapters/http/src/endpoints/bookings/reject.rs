//! `PUT /bookings/{id}/reject`: the house does not agree.

use actix_web::web::Data;
use domicile_booking::{BookingView, RejectBooking, model::BookingId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
    Body(command): Body<RejectBooking>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.reject_booking(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|stay| stay.version).saying("Booking rejected"))
}
