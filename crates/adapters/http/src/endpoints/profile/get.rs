//! `GET /profile`: one's own account, with memberships and, in a hostel, permissions.

use actix_web::web::Data;
use domicile_access::ProfileView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<ProfileView>, ApiError> {
    let service = state.own.clone();
    let view = state.shell.read(async move { service.profile(&call).await }).await?;
    Ok(Answer::of(view).version(|view| view.version))
}
