//! `POST /auth/register`: an account, once its address is proved. The hostel to join is named in the body or by the header.

use actix_web::{HttpRequest, http::StatusCode, web::Data};
use domicile_access::usecases::sign_in::{Register, RegisteredView};

use crate::{
    Answer, ApiError, AppState, Body, Caller, admit,
    limits::{Limited, Rule},
};

pub(crate) async fn handle(
    state: Data<AppState>,
    request: HttpRequest,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(mut command): Body<Register>,
) -> Result<Answer<RegisteredView>, ApiError> {
    tally.email(Rule::RegisterEmail, command.email.as_deref())?;
    if command.hostel_id.is_none() {
        command.hostel_id = admit::hostel(request.headers())?.map(|hostel| hostel.to_string());
    }
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.register(&call, command).await }).await?;
    Ok(Answer::done(done).status(StatusCode::CREATED))
}
