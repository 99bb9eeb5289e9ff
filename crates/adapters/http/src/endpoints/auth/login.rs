//! `POST /auth/login`: a session, and the pair of tokens for it.

use actix_web::{HttpRequest, http::header, web::Data};
use domicile_access::usecases::sign_in::{Login, SignedInView};
use domicile_kernel::Code;

use crate::{Answer, ApiError, AppState, Body, Caller, limits::Limited};

pub(crate) async fn handle(
    state: Data<AppState>,
    request: HttpRequest,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(mut command): Body<Login>,
) -> Result<Answer<SignedInView>, ApiError> {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    command.user_agent = agent.map(str::to_owned);
    let tried = tally.try_login(command.identifier.as_deref().or(command.email.as_deref()))?;
    let service = state.sign_in.clone();
    let answer = state.shell.run(async move { service.login(&call, command).await }).await;
    let failed = answer.as_ref().is_err_and(|error| error.code() == Code::Unauthorized);
    if let Some(counted) = tried.filter(|_| !failed) {
        tally.forget(counted);
    }
    let done = answer?;
    Ok(Answer::done(done).saying("Login successful"))
}
