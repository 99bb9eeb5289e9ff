//! `POST /refunds/{id}/retry`: tries a refund once more that needs attention, to an account that somebody names (J31).

use actix_web::web::Data;
use domicile_billing::{RefundView, RetryRefund, model::RefundId};

use crate::{Answer, ApiError, AppState, Body, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RefundId>,
    Body(command): Body<RetryRefund>,
) -> Result<Answer<RefundView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.retry_refund(&call, id, command).await }).await?;
    Ok(Answer::done(done))
}
