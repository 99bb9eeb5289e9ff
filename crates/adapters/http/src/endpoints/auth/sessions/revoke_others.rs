//! `DELETE /auth/sessions`: ends every session but this one.

use actix_web::web::Data;
use domicile_access::usecases::own::SessionsEndedView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<SessionsEndedView>, ApiError> {
    let service = state.own.clone();
    let done = state.shell.run(async move { service.revoke_other_sessions(&call).await }).await?;
    Ok(Answer::done(done).shown_as_gone().saying("Every other session was ended"))
}
