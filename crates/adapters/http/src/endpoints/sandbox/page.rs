//! `GET /sandbox/checkout/{ticket}`: the page with its buttons.

use actix_web::{HttpResponse, web::Data};

use crate::{
    AppState,
    error::{ApiError, NO_ROUTE},
    segment::{Segment, Ticket},
};

pub(crate) async fn handle(state: Data<AppState>, ticket: Segment<Ticket>) -> Result<HttpResponse, ApiError> {
    let checkout = state.checkout.clone().ok_or_else(|| ApiError::not_found(NO_ROUTE))?;
    super::shown(state.shell.read(async move { checkout.page(&ticket.0).await }).await?)
}
