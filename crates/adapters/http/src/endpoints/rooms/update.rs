//! `PUT /rooms/{id}`: changes a room; beds are added, or taken away when nobody needs them.

use actix_web::web::Data;
use domicile_booking::{RoomView, UpdateRoom, model::RoomId};

use crate::{Answer, ApiError, AppState, Body, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RoomId>,
    Expected(version): Expected,
    Body(command): Body<UpdateRoom>,
) -> Result<Answer<RoomView>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.update_room(&call, id, version, command).await }).await?;
    Ok(Answer::done(done).version(|room| room.version).saying("Room updated successfully"))
}
