//! `POST /payments/initialize`: begins to pay (J30).

use actix_web::{http::StatusCode, web::Data};
use domicile_billing::{InitializePayment, InitializedPayment, model::PaymentStatus};

use crate::{Answer, ApiError, AppState, Body, Caller, Done};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<InitializePayment>,
) -> Result<Answer<InitializedPayment>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.initialize_payment(&call, command).await }).await?;
    Ok(begun(done))
}

/// A payment that was begun: 201, or 202 while the gateway has not said where to pay.
pub(crate) fn begun(done: Done<InitializedPayment>) -> Answer<InitializedPayment> {
    let unanswered = done.value.authorization_url.is_none() && done.value.payment.status == PaymentStatus::Pending;
    let answer = Answer::done(done)
        .created(|begun| format!("/payments/{}", begun.payment.id))
        .version(|begun| begun.payment.version);
    if unanswered {
        return answer.status(StatusCode::ACCEPTED).saying(UNANSWERED);
    }
    answer
}

const UNANSWERED: &str =
    "The payment gateway has not answered yet. Nothing is lost: ask again with the same idempotency key, or verify.";
