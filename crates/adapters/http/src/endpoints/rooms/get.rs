//! `GET /rooms/{id}`: one room.

use actix_web::web::Data;
use domicile_booking::{RoomView, model::RoomId};

use crate::{Answer, ApiError, AppState, Caller, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RoomId>,
) -> Result<Answer<RoomView>, ApiError> {
    let desk = state.desk.clone();
    let view = state.shell.read(async move { desk.room(&call, id).await }).await?;
    Ok(Answer::of(view).version(|room| room.version))
}
