//! `GET /feature-flags`: which features are on.

use actix_web::web::Data;
use domicile_tenancy::FlagsView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<FlagsView>, ApiError> {
    let service = state.tenancy.clone();
    Ok(Answer::of(state.shell.read(async move { service.flags(&call).await }).await?))
}
