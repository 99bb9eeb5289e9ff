//! `POST /bookings`: asks for a bed.

use actix_web::web::Data;
use domicile_booking::{BookingView, CreateBooking};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<CreateBooking>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.create_booking(&call, command).await }).await?;
    Ok(Answer::done(done).created(|stay| format!("/bookings/{}", stay.id)).version(|stay| stay.version))
}
