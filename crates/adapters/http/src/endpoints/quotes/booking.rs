//! `GET /bookings/{id}/quote`: the bills of a stay that was asked for, as they would be made today.

use actix_web::web::Data;
use domicile_billing::{QuoteView, model::BookingId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<BookingId>,
) -> Result<Answer<QuoteView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.quote_booking(&call, id).await }).await?;
    Ok(Answer::of(view))
}
