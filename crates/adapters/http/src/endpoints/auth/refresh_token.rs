//! `POST /auth/refresh-token`: the next pair of tokens; the old refresh token is used up.

use actix_web::web::Data;
use domicile_access::usecases::sign_in::{Refresh, RefreshedView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<Refresh>,
) -> Result<Answer<RefreshedView>, ApiError> {
    let service = state.sign_in.clone();
    let done = state.shell.run(async move { service.refresh(&call, command).await }).await?;
    Ok(Answer::done(done).saying("Access token refreshed"))
}
