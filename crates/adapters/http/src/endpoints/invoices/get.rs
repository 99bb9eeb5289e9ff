//! `GET /invoices/{id}`: one invoice, with its lines.

use actix_web::web::Data;
use domicile_billing::{InvoiceView, model::InvoiceId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<InvoiceId>,
) -> Result<Answer<InvoiceView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.invoice(&call, id).await }).await?;
    Ok(Answer::of(view).version(|invoice| invoice.version))
}
