//! `PUT /admin/feature-flags`: switches features.

use actix_web::web::Data;
use domicile_tenancy::{FlagsView, UpdateFlags};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<UpdateFlags>,
) -> Result<Answer<FlagsView>, ApiError> {
    let service = state.tenancy.clone();
    let done = state.shell.run(async move { service.update_flags(&call, command).await }).await?;
    Ok(Answer::done(done).saying("Feature flags updated successfully"))
}
