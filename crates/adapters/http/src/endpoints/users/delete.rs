//! `DELETE /users/{id}`: removes an account, everywhere.

use actix_web::web::Data;
use domicile_kernel::AccountId;

use crate::{Answer, ApiError, AppState, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<AccountId>,
    Expected(version): Expected,
) -> Result<Answer<()>, ApiError> {
    let service = state.directory.clone();
    let done = state.shell.run(async move { service.delete_user(&call, id, version).await }).await?;
    Ok(Answer::gone(done, "User deleted"))
}
