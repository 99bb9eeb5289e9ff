//! `DELETE /auth/sessions/{id}`: ends one of one's own sessions.

use actix_web::web::Data;
use domicile_kernel::SessionId;

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<SessionId>,
) -> Result<Answer<()>, ApiError> {
    let service = state.own.clone();
    let done = state.shell.run(async move { service.revoke_session(&call, id).await }).await?;
    Ok(Answer::gone(done, "Session ended"))
}
