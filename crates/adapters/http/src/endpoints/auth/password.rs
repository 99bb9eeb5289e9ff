//! `PUT /auth/password`: another password; every other session ends.

use actix_web::web::Data;
use domicile_access::usecases::own::{ChangePassword, SessionsEndedView};
use domicile_kernel::Detail;

use crate::{Answer, ApiError, AppState, Body, Caller, limits::Limited};

pub(crate) async fn handle(
    state: Data<AppState>,
    Limited(tally): Limited,
    Caller(call): Caller,
    Body(command): Body<ChangePassword>,
) -> Result<Answer<SessionsEndedView>, ApiError> {
    // Who holds a token guesses no faster than who holds none.
    let account = call.actor.account().map(|account| account.to_string());
    let tried = tally.try_login(account.as_deref())?;
    let service = state.own.clone();
    let answer = state.shell.run(async move { service.change_password(&call, command).await }).await;
    let guessed = answer.as_ref().is_err_and(|error| {
        matches!(error.detail(), Detail::Fields(fields) if fields.0.iter().any(|wrong| wrong.rule == "password"))
    });
    if let Some(counted) = tried.filter(|_| !guessed) {
        tally.forget(counted);
    }
    let done = answer?;
    Ok(Answer::done(done).saying("Password changed. Every other session was ended."))
}
