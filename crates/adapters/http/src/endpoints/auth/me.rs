//! `GET /auth/me`: who is signed in.

use actix_web::web::Data;
use domicile_access::ProfileView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Answer, ApiError, AppState, Caller};

/// Who is signed in, under the key the marketplace document prints.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeResponse {
    /// The account.
    user: ProfileView,
}

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<MeResponse>, ApiError> {
    let service = state.own.clone();
    let user = state.shell.read(async move { service.profile(&call).await }).await?;
    Ok(Answer::of(MeResponse { user }))
}
