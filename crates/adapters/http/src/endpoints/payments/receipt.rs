//! `GET /payments/{id}/receipt`: the receipt of a payment, as a PDF (J32).

use actix_web::web::Data;
use domicile_billing::model::PaymentId;

use crate::{ApiError, AppState, Caller, Id, answer::Sheet};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<PaymentId>,
) -> Result<Sheet, ApiError> {
    let (reader, printer) = (state.bursar.clone(), state.bursar.clone());
    let sheet = state.shell.read(async move { reader.receipt(&call, id).await }).await?;
    let name = format!("receipt-{}.pdf", sheet.number);
    let pdf = state.shell.compute(move || printer.print_receipt(&sheet)).await?;
    Ok(Sheet { name, pdf })
}
