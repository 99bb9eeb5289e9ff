//! `DELETE /rooms/{id}`: takes a room away, unless somebody stays in it.

use actix_web::web::Data;
use domicile_booking::model::RoomId;

use crate::{Answer, ApiError, AppState, Caller, Expected, Id};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RoomId>,
    Expected(version): Expected,
) -> Result<Answer<()>, ApiError> {
    let desk = state.desk.clone();
    let done = state.shell.run(async move { desk.delete_room(&call, id, version).await }).await?;
    Ok(Answer::gone(done, "Room deleted"))
}
