//! `GET /settings`: the settings of the hostel.

use actix_web::web::Data;
use domicile_tenancy::SettingsView;

use crate::{Answer, ApiError, AppState, Caller};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<SettingsView>, ApiError> {
    let service = state.tenancy.clone();
    let view = state.shell.read(async move { service.settings(&call).await }).await?;
    Ok(Answer::of(view).version(|settings| settings.version))
}
