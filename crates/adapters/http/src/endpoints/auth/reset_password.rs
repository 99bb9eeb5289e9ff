//! `POST /auth/reset-password`: a new password, with the code that was mailed.

use actix_web::web::Data;
use domicile_access::usecases::sign_in::{PasswordResetView, ResetPassword};

use crate::{
    Answer, ApiError, AppState, Body, Caller,
    limits::{Limited, Rule},
};

pub(crate) async fn handle(
    state: Data<AppState>,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(command): Body<ResetPassword>,
) -> Result<Answer<PasswordResetView>, ApiError> {
    tally.email_from_here(Rule::VerifyOtp, command.email.as_deref())?;
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.reset_password(&call, command).await }).await?;
    Ok(Answer::done(done))
}
