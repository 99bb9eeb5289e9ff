//! `GET /bookings/{id}`: one stay.

use actix_web::web::Data;
use domicile_booking::{BookingView, model::BookingId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
) -> Result<Answer<BookingView>, ApiError> {
    let desk = state.desk.clone();
    let view = state.shell.read(async move { desk.booking(&call, id).await }).await?;
    Ok(Answer::of(view).version(|stay| stay.version))
}
