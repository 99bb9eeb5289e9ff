//! `GET /settings`: the settings of the hostel. Kept as bytes until they change.

use actix_web::web::Data;
use domicile_tenancy::SettingsView;

use crate::{Answer, ApiError, AppState, Caller, kept, ports::Topic};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<SettingsView>, ApiError> {
    let hostel = call.hostel()?.uuid();
    let service = state.tenancy.clone();
    let load = async move { service.settings(&call).await };
    let version: fn(&SettingsView) -> i64 = |settings| settings.version;
    kept::record(&state.shell, Topic::Settings, hostel, "", Some(version), load).await
}
