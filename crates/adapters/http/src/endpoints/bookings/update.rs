//! `PUT /bookings/{id}`: moves, extends or shortens a stay; with `status` it is the move of that name.

use actix_web::web::Data;
use domicile_booking::{BookingView, UpdateBooking, model::BookingId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
    Body(command): Body<UpdateBooking>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.update_booking(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|stay| stay.version).saying("Booking updated successfully"))
}
