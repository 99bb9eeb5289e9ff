//! `POST /payments/{id}/apply`: uses money in suspense for another invoice of the same person (J30).

use actix_web::web::Data;
use domicile_billing::{ApplyPayment, PaymentView, model::PaymentId};

use crate::{Answer, ApiError, AppState, Body, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<PaymentId>,
    Body(command): Body<ApplyPayment>,
) -> Result<Answer<PaymentView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.apply_payment(&call, id, command).await }).await?;
    Ok(Answer::done(done).version(|payment| payment.version))
}
