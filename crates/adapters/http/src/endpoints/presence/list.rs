//! `GET /presence`: who is online in the hostel.

use actix_web::web::Data;

use crate::{Answer, ApiError, AppState, Caller, ports::PresenceView};

pub(crate) async fn handle(state: Data<AppState>, Caller(call): Caller) -> Result<Answer<Vec<PresenceView>>, ApiError> {
    let presence = std::sync::Arc::clone(&state.presence);
    let online = async move { presence.online(call.hostel()?).await.map_err(ApiError::from) };
    Ok(Answer::of(state.shell.finish(online).await??))
}
