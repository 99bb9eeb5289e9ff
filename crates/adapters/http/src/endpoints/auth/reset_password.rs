//! `POST /auth/reset-password`: a new password, with the code that was mailed.

use actix_web::web::Data;
use domicile_access::usecases::sign_in::{PasswordResetView, ResetPassword};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<ResetPassword>,
) -> Result<Answer<PasswordResetView>, ApiError> {
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.reset_password(&call, command).await }).await?;
    Ok(Answer::done(done))
}
