//! `DELETE /bookings/{id}`: removes a stay that has ended.

use actix_web::web::Data;
use domicile_booking::model::BookingId;

use crate::{Answer, ApiError, AppState, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
    Expected(version): Expected,
) -> Result<Answer<()>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.delete_booking(&call, id, version).await }).await?;
    Ok(Answer::gone(done, "Booking deleted"))
}
