//! `POST /auth/resend-otp`: another code for an address that is not proved yet.

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
    tally.email(Rule::ResendOtp, command.email.as_deref())?;
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.resend_otp(&call, command).await }).await?;
    Ok(Answer::done(done))
}
