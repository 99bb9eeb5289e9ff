//! `POST /rooms`: a room with its beds.

use actix_web::web::Data;
use domicile_booking::{CreateRoom, RoomView};

use crate::{Answer, ApiError, AppState, Body, Caller};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Body(command): Body<CreateRoom>,
) -> Result<Answer<RoomView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.create_room(&call, command).await }).await?;
    Ok(Answer::done(done).created(|room| format!("/rooms/{}", room.id)).version(|room| room.version))
}
