//! `GET /rooms/{id}`: one room. Kept as bytes until it changes.

use actix_web::web::Data;
use domicile_booking::{RoomView, model::RoomId};

use crate::{Answer, ApiError, AppState, Caller, Id, kept, ports::Topic};

pub(crate) async fn handle(
    state: Data<AppState>,
    Caller(call): Caller,
    Id(id): Id<RoomId>,
) -> Result<Answer<RoomView>, ApiError> {
    let desk = state.desk.clone();
    // Kept by room, since that is what outdates it, and asked by hostel: another house finds nothing there.
    let hostel = call.hostel()?.to_string();
    let load = async move { desk.room(&call, id).await };
    kept::record(&state.shell, Topic::Room, id.uuid(), &hostel, Some(|room: &RoomView| room.version), load).await
}
