//! `PUT /auth/password`: another password; every other session ends.

use actix_web::web::Data;
use domicile_access::usecases::own::{ChangePassword, SessionsEndedView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<ChangePassword>,
) -> Result<Answer<SessionsEndedView>, ApiError> {
    let service = state.own.clone();
    let done = state.shell.run(async move { service.change_password(&call, command).await }).await?;
    Ok(Answer::done(done).saying("Password changed. Every other session was ended."))
}
