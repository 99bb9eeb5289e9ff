//! `POST /auth/logout`: ends the session of this request.

use actix_web::web::Data;

use crate::{Answer, ApiError, AppState, Body, Caller, Nothing};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Answer<()>, ApiError> {
    let service = state.own.clone();
    state.shell.run(async move { service.logout(&call).await }).await?;
    Ok(Answer::nothing("Logged out successfully"))
}
