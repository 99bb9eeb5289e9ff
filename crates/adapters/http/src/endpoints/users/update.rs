//! `PUT /users/{id}`: changes a member's card, role or status in this hostel.

use actix_web::web::Data;
use domicile_access::{UserView, usecases::directory::UpdateUser};
use domicile_kernel::AccountId;

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<AccountId>,
    Expected(version): Expected,
    Body(command): Body<UpdateUser>,
) -> Result<Answer<UserView>, ApiError> {
    let service = state.directory.clone();
    let done = state.shell.run(async move { service.update_user(&call, id, command, version).await }).await?;
    Ok(Answer::done(done).version(|user| user.version).saying("User updated successfully"))
}
