//! `GET /billing/statement`: what happened between a person and the hostel in a time, as a PDF (J32).

use actix_web::web::Data;
use domicile_billing::AskStatement;

use crate::{ApiError, AppState, Caller, answer::Sheet, list::Query};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Query(asked): Query<AskStatement>,
) -> Result<Sheet, ApiError> {
    let (reader, printer) = (state.bursar.clone(), state.bursar.clone());
    let sheet = state.shell.read(async move { reader.statement(&call, asked).await }).await?;
    let name = format!("statement-{}-{}.pdf", sheet.from, sheet.to);
    let pdf = state.shell.compute(move || printer.print_statement(&sheet)).await?;
    Ok(Sheet { name, pdf })
}
