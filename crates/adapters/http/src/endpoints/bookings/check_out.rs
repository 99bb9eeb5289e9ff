//! `PUT /bookings/{id}/check-out`: the guest has left.

use actix_web::web::Data;
use domicile_booking::{BookingView, CheckOutBooking, model::BookingId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
    Body(command): Body<CheckOutBooking>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.check_out_booking(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|stay| stay.version).saying("Checked out"))
}
