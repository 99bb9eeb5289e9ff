//! `POST /auth/forgot-password`: a code to choose a new password with.

use actix_web::web::Data;
use domicile_access::usecases::sign_in::{AskForCode, CodeSentView};

use crate::{
    Answer, ApiError, AppState, Body, Caller,
    limits::{Limited, Rule},
};

pub(crate) async fn handle(
    state: Data<AppState>,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(command): Body<AskForCode>,
) -> Result<Answer<CodeSentView>, ApiError> {
    tally.email(Rule::ForgotPasswordEmail, command.email.as_deref())?;
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.forgot_password(&call, command).await }).await?;
    Ok(Answer::done(done))
}
