//! `PUT /billing/terms`: changes the terms the hostel bills by.

use actix_web::web::Data;
use domicile_billing::{TermsView, UpdateTerms};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Expected(version): Expected,
    Body(command): Body<UpdateTerms>,
) -> Result<Answer<TermsView>, ApiError> {
    let bursar = state.bursar.clone();
    let done = state.shell.run(async move { bursar.update_terms(&call, version, command).await }).await?;
    Ok(Answer::done(done).version(|terms| terms.version).saying("Terms updated successfully"))
}
