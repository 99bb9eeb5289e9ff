//! `GET /auth/sessions`: where one is signed in.

use actix_web::web::Data;
use domicile_access::SessionView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<Vec<SessionView>>, ApiError> {
    let service = state.own.clone();
    Ok(Answer::of(state.shell.read(async move { service.sessions(&call).await }).await?))
}
