//! `POST /auth/login`: a session, and the pair of tokens for it.

use actix_web::{HttpRequest, http::header, web::Data};
use domicile_access::usecases::sign_in::{Login, SignedInView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    request: HttpRequest,
    Caller(call): Caller,
    Body(mut command): Body<Login>,
) -> Result<Answer<SignedInView>, ApiError> {
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    command.user_agent = agent.map(str::to_owned);
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.login(&call, command).await }).await?;
    Ok(Answer::done(done).saying("Login successful"))
}
