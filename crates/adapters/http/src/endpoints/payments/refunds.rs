//! `GET /payments/{id}/refunds`: what of a payment was given back, or is on its way.

use actix_web::web::Data;
use domicile_billing::{RefundView, model::PaymentId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<PaymentId>,
) -> Result<Answer<Vec<RefundView>>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.list_refunds(&call, id).await }).await?;
    Ok(Answer::of(view))
}
