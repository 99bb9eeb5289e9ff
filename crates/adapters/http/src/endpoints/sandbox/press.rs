//! `POST /sandbox/checkout/{ticket}`: presses a button of the page.

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    AppState,
    body::RawBytes,
    error::{ApiError, NO_ROUTE},
    segment::{Segment, Ticket},
};

/// The most bytes of the form: it has one field.
pub(crate) const BODY_LIMIT: usize = 1024;

/// The form of the page.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CheckoutForm {
    /// Which button: `pay`, `decline`, `hang` or `pay_twice`.
    action: String,
}

pub(crate) async fn handle(
    state: Data<AppState>,
    ticket: Segment<Ticket>,
    form: RawBytes,
) -> Result<HttpResponse, ApiError> {
    let checkout = state.checkout.clone().ok_or_else(|| ApiError::not_found(NO_ROUTE))?;
    // A form that presses no button, or two, presses one that there is not.
    let action = form.form::<CheckoutForm>().map(|form| form.action).unwrap_or_default();
    super::shown(state.shell.read(async move { checkout.act(&ticket.0, &action).await }).await?)
}
