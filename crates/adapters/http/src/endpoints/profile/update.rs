//! `PUT /profile`: changes one's own account.

use actix_web::web::Data;
use domicile_access::{ProfileView, usecases::own::UpdateProfile};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Expected(version): Expected,
    Body(command): Body<UpdateProfile>,
) -> Result<Answer<ProfileView>, ApiError> {
    let service = state.own.clone();
    let done = state.shell.run(async move { service.update_profile(&call, command, version).await }).await?;
    Ok(Answer::done(done).version(|view| view.version).saying("Profile updated successfully"))
}
