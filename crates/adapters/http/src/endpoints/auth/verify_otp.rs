//! `POST /auth/verify-otp`: proves an address with the code that was mailed to it.

use actix_web::web::Data;
use domicile_access::usecases::sign_in::{VerifiedView, VerifyOtp};

use crate::{
    Answer, ApiError, AppState, Body, Caller,
    limits::{Limited, Rule},
};

pub(crate) async fn handle(
    state: Data<AppState>,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(command): Body<VerifyOtp>,
) -> Result<Answer<VerifiedView>, ApiError> {
    tally.email_from_here(Rule::VerifyOtp, command.email.as_deref())?;
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.verify_otp(&call, command).await }).await?;
    Ok(Answer::done(done).saying("Email address confirmed. You can sign in now."))
}
