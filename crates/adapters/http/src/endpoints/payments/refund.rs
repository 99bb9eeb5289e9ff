//! `POST /payments/{id}/refund`: gives a payment back, whole or in part (J31).

use actix_web::web::Data;
use domicile_billing::{RefundPayment, RefundView, model::PaymentId};

use crate::{Answer, ApiError, AppState, Body, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<PaymentId>,
    Body(command): Body<RefundPayment>,
) -> Result<Answer<RefundView>, ApiError> {
    let bursar = state.bursar.clone();
    // A command in several steps is a large future: it is moved around as an address.
    let done = state.shell.run(async move { Box::pin(bursar.refund_payment(&call, id, command)).await }).await?;
    Ok(Answer::done(done).created(|refund| format!("/refunds/{}", refund.id)))
}
