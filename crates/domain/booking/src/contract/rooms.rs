//! Promises of the room repository.

use domicile_kernel::{Currency, Money, Text};

use super::{Stage, World, bed_of, end, later, nights};
use crate::{
    RoomView,
    model::{BookingState, Room, RoomChanges, RoomStatus},
    ports::{BookingWritten, RoomWritten},
};

pub(super) async fn a_written_room_is_read_back_whole(world: &dyn World) {
    let stage = Stage::set(world).await;
    let mut record = stage.room("Größe \"7\"; drop", 30).record().clone();
    record.amenities = vec![Text::clean("WiFi"), Text::clean("Löwe, \"Bär\"")];
    record.description = Some(Text::clean("line\nbreak 🏠"));
    record.floor = None;
    record.status = RoomStatus::Maintenance;
    record.monthly_price = Money::new(9_000_000_000, Currency::GHS);
    let room = Room::from_record(record);
    stage.write_room(&room).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().find(room.id()).await.unwrap().as_ref(), Some(&room));
    assert_eq!(uow.rooms().lock(room.id()).await.unwrap().as_ref(), Some(&room));
    assert_eq!(uow.rooms().find(stage.ambient.id()).await.unwrap(), None);
    assert_eq!(uow.rooms().lock(stage.ambient.id()).await.unwrap(), None);
    end(uow, false).await;
    let view = world.queries().room(&stage.call(), room.id(), None).await.unwrap();
    assert_eq!(view, Some(RoomView::of(&room)));
}

pub(super) async fn a_name_is_taken_without_regard_to_case(world: &dyn World) {
    let stage = Stage::set(world).await;
    stage.written_room("Ölberg", 1).await;
    let other = stage.written_room("Attic", 1).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().insert(&stage.room("öLBERG", 1)).await.unwrap(), RoomWritten::NameTaken);
    end(uow, false).await;
    let rename = |name: &str| RoomChanges { name: Some(Text::clean(name)), ..RoomChanges::default() };
    let mut uow = stage.begin().await;
    let renamed = other.clone().changed(rename("ölberg"), stage.ambient.now(), || stage.ambient.id());
    assert_eq!(uow.rooms().update(&renamed).await.unwrap(), RoomWritten::NameTaken);
    end(uow, false).await;
    let mut uow = stage.begin().await;
    let recased = other.changed(rename("ATTIC"), stage.ambient.now(), || stage.ambient.id());
    assert_eq!(uow.rooms().update(&recased).await.unwrap(), RoomWritten::Written, "a room may keep its own name");
    end(uow, true).await;
}

pub(super) async fn a_room_of_another_currency_is_not_added(world: &dyn World) {
    let stage = Stage::set(world).await;
    let mut abroad = stage.room("Attic", 1).record().clone();
    abroad.monthly_price = Money::new(45_000, Currency::EUR);
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().insert(&Room::from_record(abroad)).await.unwrap(), RoomWritten::Stale);
    end(uow, false).await;
    stage.written_room("Attic", 1).await;
}

pub(super) async fn a_room_is_only_changed_from_the_version_before(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 2).await;
    let changes = || RoomChanges { status: Some(RoomStatus::Closed), ..RoomChanges::default() };
    let second = room.clone().changed(changes(), later(stage.ambient.now(), 1), || stage.ambient.id());
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().update(&second).await.unwrap(), RoomWritten::Written);
    end(uow, true).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().find(room.id()).await.unwrap().as_ref(), Some(&second));
    assert_eq!(uow.rooms().update(&second).await.unwrap(), RoomWritten::Stale);
    end(uow, false).await;
    let mut uow = stage.begin().await;
    let never_written = stage.room("Cellar", 1).changed(changes(), stage.ambient.now(), || stage.ambient.id());
    assert_eq!(uow.rooms().update(&never_written).await.unwrap(), RoomWritten::Stale);
    end(uow, false).await;
}

pub(super) async fn beds_come_and_go_with_the_room_and_past_bookings_stay(world: &dyn World) {
    let stage = Stage::set(world).await;
    let two = stage.written_room("Attic", 2).await;
    let now = stage.ambient.now();
    let mut past = stage.booking(&two, 1, 0, nights("2026-02-01", "2026-03-01")).record().clone();
    past.state = BookingState::CheckedOut { at: now };
    let past = crate::model::Booking::from_record(past);
    assert_eq!(stage.insert(&past).await, BookingWritten::Written);
    let mut room = two;
    for count in [1, 3, 2] {
        let changes = RoomChanges { bed_count: Some(count), ..RoomChanges::default() };
        room = room.changed(changes, now, || stage.ambient.id());
        let mut uow = stage.begin().await;
        assert_eq!(uow.rooms().update(&room).await.unwrap(), RoomWritten::Written, "{count} beds");
        end(uow, true).await;
        let mut uow = stage.begin().await;
        assert_eq!(uow.rooms().lock(room.id()).await.unwrap().as_ref(), Some(&room), "{count} beds");
        end(uow, false).await;
    }
    assert_eq!(stage.stored(&past).await, Some(past), "a past booking may name a bed that is gone");
    let next = stage.booking(&room, 1, 1, nights("2026-02-01", "2026-03-01"));
    assert_eq!(stage.insert(&next).await, BookingWritten::Written, "an added bed can be held");
}

pub(super) async fn a_deleted_room_is_gone_and_frees_its_name(world: &dyn World) {
    let stage = Stage::set(world).await;
    let room = stage.written_room("Attic", 2).await;
    let now = stage.ambient.now();
    let mut past = stage.booking(&room, 0, 0, nights("2026-02-01", "2026-03-01")).record().clone();
    past.state = BookingState::Rejected { at: now, by: None, reason: None };
    let past = crate::model::Booking::from_record(past);
    assert_eq!(stage.insert(&past).await, BookingWritten::Written);
    let mut uow = stage.begin().await;
    assert!(!uow.rooms().delete(room.id(), 2, now).await.unwrap(), "another version");
    assert!(!uow.rooms().delete(stage.ambient.id(), 1, now).await.unwrap(), "no such room");
    assert!(uow.rooms().delete(room.id(), 1, now).await.unwrap());
    end(uow, true).await;
    let mut uow = stage.begin().await;
    assert_eq!(uow.rooms().find(room.id()).await.unwrap(), None);
    assert_eq!(uow.rooms().lock(room.id()).await.unwrap(), None);
    assert!(!uow.rooms().delete(room.id(), 1, now).await.unwrap(), "gone already");
    end(uow, false).await;
    assert_eq!(world.queries().room(&stage.call(), room.id(), None).await.unwrap(), None);
    assert_eq!(stage.stored(&past).await, Some(past), "its past bookings stay");
    stage.written_room("attic", 1).await;
}

pub(super) async fn one_hostel_never_sees_the_rooms_of_another(world: &dyn World) {
    let (here, there) = (Stage::set(world).await, Stage::set(world).await);
    let room = here.written_room("Attic", 1).await;
    there.written_room("Attic", 1).await;
    let held = here.booking(&room, 0, 0, nights("2026-02-01", "2026-03-01"));
    assert_eq!(here.insert(&held).await, BookingWritten::Written);
    let mut uow = there.begin().await;
    assert_eq!(uow.rooms().find(room.id()).await.unwrap(), None);
    assert_eq!(uow.rooms().lock(room.id()).await.unwrap(), None);
    assert_eq!(uow.bookings().find(held.id()).await.unwrap(), None);
    assert_eq!(uow.bookings().lock(held.id()).await.unwrap(), None);
    assert!(!uow.rooms().delete(room.id(), 1, here.ambient.now()).await.unwrap());
    assert!(!uow.bookings().delete(held.id(), 1).await.unwrap());
    assert!(uow.bookings().beds_held(room.id()).await.unwrap().is_empty());
    assert!(!uow.people().lock_member(here.member(0)).await.unwrap());
    end(uow, false).await;
    assert_eq!(world.queries().room(&there.call(), room.id(), None).await.unwrap(), None);
    assert_eq!(world.queries().booking(&there.call(), held.id()).await.unwrap(), None);
    assert_eq!(bed_of(&room, 0), held.record().bed_id);
}
