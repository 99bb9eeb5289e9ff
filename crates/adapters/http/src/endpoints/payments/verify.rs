//! `GET /payments/verify/{reference}`: what became of a payment, asked of its gateway (J30).

use actix_web::web::Data;
use domicile_billing::PaymentView;

use crate::{
    Answer, ApiError, AppState, Caller,
    segment::{Reference, Segment},
};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    reference: Segment<Reference>,
) -> Result<Answer<PaymentView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.verify_payment(&call, &reference.0).await }).await?;
    Ok(Answer::of(view).version(|payment| payment.version))
}
