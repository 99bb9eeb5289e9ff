//! `POST /users`: a member, with a new account or with the one the address has already.

use actix_web::web::Data;
use domicile_access::{UserView, usecases::directory::CreateUser};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<CreateUser>,
) -> Result<Answer<UserView>, ApiError> {
    let service = state.directory.clone();
    let done = state.shell.run(async move { service.create_user(&call, command).await }).await?;
    Ok(Answer::done(done).created(|user| format!("/users/{}", user.id)).version(|user| user.version))
}
