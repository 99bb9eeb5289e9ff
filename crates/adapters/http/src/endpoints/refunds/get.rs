//! `GET /refunds/{id}`: one refund.

use actix_web::web::Data;
use domicile_billing::{RefundView, model::RefundId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RefundId>,
) -> Result<Answer<RefundView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.refund(&call, id).await }).await?;
    Ok(Answer::of(view))
}
