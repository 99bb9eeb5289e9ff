//! `GET /billing/terms`: the terms the hostel bills by.

use actix_web::web::Data;
use domicile_billing::TermsView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<TermsView>, ApiError> {
    let bursar = state.bursar.clone();
    let view = state.shell.read(async move { bursar.terms(&call).await }).await?;
    Ok(Answer::of(view).version(|terms| terms.version))
}
