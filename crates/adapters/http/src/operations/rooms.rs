//! Rooms and their beds.

use actix_web::web;
use domicile_booking::{CreateRoom, ListRooms, RoomView, UpdateRoom};
use domicile_kernel::Permission;

use crate::{
    endpoints::rooms,
    operation::{CacheClass, Operation},
};

const TAG: &str = "Rooms";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("rooms.list", "/rooms", TAG, "The rooms of the hostel, or those with a free bed", || {
            web::route().to(rooms::list::handle)
        })
        .needs(&[Permission::RoomsRead])
        .lists::<RoomView, ListRooms>()
        .cached(CacheClass::Rooms),
        Operation::create("rooms.create", "/rooms", TAG, "Make a room", || web::route().to(rooms::create::handle))
            .needs(&[Permission::RoomsCreate])
            .takes::<CreateRoom>()
            .answers::<RoomView>(),
        Operation::get("rooms.get", "/rooms/{id}", TAG, "One room", || web::route().to(rooms::get::handle))
            .needs(&[Permission::RoomsRead])
            .answers::<RoomView>()
            .cached(CacheClass::Room),
        Operation::put("rooms.update", "/rooms/{id}", TAG, "Change a room", || web::route().to(rooms::update::handle))
            .needs(&[Permission::RoomsUpdate])
            .versioned()
            .takes::<UpdateRoom>()
            .answers::<RoomView>(),
        Operation::delete("rooms.delete", "/rooms/{id}", TAG, "Take a room away", || {
            web::route().to(rooms::delete::handle)
        })
        .needs(&[Permission::RoomsDelete])
        .versioned(),
    ]
}
