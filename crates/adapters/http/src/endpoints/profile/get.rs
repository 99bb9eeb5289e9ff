//! `GET /profile`: one's own account, with memberships and, in a hostel, permissions. Kept as bytes until one of these
//! changes.

use actix_web::web::Data;
use domicile_access::ProfileView;
use domicile_kernel::Role;

use crate::{Answer, ApiError, AppState, Caller, kept, ports::Topic};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<ProfileView>, ApiError> {
    let account = call.account()?;
    // All that the view takes from the hostel of the request is what the caller is there.
    let role = call.actor.role().map_or("", Role::as_str);
    let service = state.own.clone();
    let load = async move { service.profile(&call).await };
    let version: fn(&ProfileView) -> i64 = |profile| profile.version;
    kept::record(&state.shell, Topic::Profile, account.uuid(), role, Some(version), load).await
}
