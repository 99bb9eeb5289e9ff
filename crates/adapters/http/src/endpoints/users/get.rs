//! `GET /users/{id}`: one member of the hostel.

use actix_web::web::Data;
use domicile_access::UserView;
use domicile_kernel::AccountId;

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<AccountId>,
) -> Result<Answer<UserView>, ApiError> {
    let service = state.directory.clone();
    let view = state.shell.read(async move { service.get_user(&call, id).await }).await?;
    Ok(Answer::of(view).version(|user| user.version))
}
