//! `GET /feature-flags`: which features are on. Kept as bytes until they change.

use actix_web::web::Data;
use domicile_tenancy::FlagsView;

use crate::{Answer, ApiError, AppState, Caller, kept, ports::Topic};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<FlagsView>, ApiError> {
    let hostel = call.hostel()?.uuid();
    let service = state.tenancy.clone();
    let load = async move { service.flags(&call).await };
    kept::record(&state.shell, Topic::Flags, hostel, "", None, load).await
}
