//! `PUT /bookings/{id}/check-in`: the guest is here.

use actix_web::web::Data;
use domicile_booking::{BookingView, model::BookingId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id, Nothing};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.check_in_booking(&call, id, version).await }).await?;
    Ok(Answer::done(done).version(|stay| stay.version).saying("Checked in"))
}
