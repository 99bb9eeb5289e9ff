//! `PUT /settings`: changes settings of the hostel.

use actix_web::web::Data;
use domicile_tenancy::{SettingsView, UpdateSettings};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Expected(version): Expected,
    Body(command): Body<UpdateSettings>,
) -> Result<Answer<SettingsView>, ApiError> {
    let service = state.tenancy.clone();
    let done = state.shell.run(async move { service.update_settings(&call, command, version).await }).await?;
    Ok(Answer::done(done).version(|settings| settings.version).saying("Settings updated successfully"))
}
