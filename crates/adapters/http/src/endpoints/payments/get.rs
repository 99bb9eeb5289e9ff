//! `GET /payments/{id}`: one payment.

use actix_web::web::Data;
use domicile_billing::{PaymentView, model::PaymentId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<PaymentId>,
) -> Result<Answer<PaymentView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.payment(&call, id).await }).await?;
    Ok(Answer::of(view).version(|payment| payment.version))
}
