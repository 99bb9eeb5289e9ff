//! Making, changing and deleting rooms.

use domicile_booking::{CancelBooking, CreateRoom, RoomView, UpdateRoom};
use domicile_kernel::{Audience, Currency, Detail, Fault, Money, Who};
use pollster::block_on;

use crate::house::{House, cedis, code, new_room, state, text, wrong};

fn beds(count: i64) -> UpdateRoom {
    UpdateRoom { bed_count: Some(count), ..UpdateRoom::default() }
}

fn labels(room: &RoomView) -> Vec<&str> {
    room.beds.iter().map(|bed| bed.label.as_str()).collect()
}

#[test]
fn a_room_is_made_with_its_beds_and_told_to_everybody() {
    block_on(async {
        let house = House::new();
        let sent = CreateRoom {
            floor: Some(-1),
            amenities: Some(vec!["WiFi".into(), "Desk".into(), "wifi".into()]),
            description: text(" under the <b>roof</b> "),
            ..new_room(" Attic ", 3)
        };
        let room = house.desk.create_room(&house.manager(), sent).await.unwrap();
        assert_eq!((room.name.as_str(), room.room_type.as_str(), room.floor), ("Attic", "double", Some(-1)));
        assert_eq!((room.bed_count, labels(&room)), (3, vec!["A", "B", "C"]));
        assert_eq!(room.amenities.iter().map(domicile_kernel::Text::as_str).collect::<Vec<_>>(), ["WiFi", "Desk"]);
        assert_eq!(room.description.as_ref().unwrap().as_str(), "under the roof");
        assert_eq!((room.status.as_str(), room.version), ("active", 1));
        let event = house.last_event();
        assert_eq!((event.kind, event.audience), ("room.created", Audience::Hostel));
        assert_eq!(event.data, serde_json::to_value(&room).unwrap());
        assert_eq!(house.memory.audit_trail().pop().unwrap().action, "room.create");
        assert_eq!(house.desk.room(&house.student(0), room.id).await.unwrap(), room);
    });
}

#[test]
fn the_view_has_exactly_the_promised_fields() {
    block_on(async {
        let house = House::new();
        let room = serde_json::to_value(house.room("Attic", 1).await).unwrap();
        let mut fields: Vec<_> = room.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        let want = [
            "amenities",
            "bed_count",
            "beds",
            "created_at",
            "description",
            "floor",
            "hostel_id",
            "id",
            "monthly_price",
            "name",
            "room_type",
            "status",
            "updated_at",
            "version",
        ];
        assert_eq!(fields, want);
        assert_eq!(room["monthly_price"], serde_json::json!({ "amount_minor": 45_000, "currency": "GHS" }));
    });
}

#[test]
fn every_wrong_field_of_a_room_is_told() {
    block_on(async {
        let house = House::new();
        let sent = CreateRoom {
            name: text("<i></i>"),
            room_type: Some("x".repeat(51)),
            floor: Some(201),
            bed_count: Some(0),
            monthly_price: Some(Money::new(1, Currency::EUR)),
            amenities: Some(vec!["ok".into(), String::new()]),
            description: Some("x".repeat(2001)),
        };
        let want = [
            "name: name is required",
            "room_type: room_type must be at most 50 characters",
            "floor: floor must be between -5 and 200",
            "bed_count: bed_count must be between 1 and 100",
            "monthly_price.currency: monthly_price.currency must be GHS, the currency of this hostel",
            "amenities[1]: amenities[1] must be at least 1 characters",
            "description: description must be at most 2000 characters",
        ];
        assert_eq!(wrong(house.desk.create_room(&house.manager(), sent).await), want);
        let want = [
            "name: name is required",
            "room_type: room_type is required",
            "bed_count: bed_count is required",
            "monthly_price: monthly_price is required",
        ];
        assert_eq!(wrong(house.desk.create_room(&house.manager(), CreateRoom::default()).await), want);
        let many = CreateRoom {
            amenities: Some(vec!["x".into(); 51]),
            monthly_price: Some(cedis(-1)),
            ..new_room("Attic", 1)
        };
        let refused = wrong(house.desk.create_room(&house.manager(), many).await);
        assert!(refused[0].starts_with("monthly_price.amount_minor:"), "{refused:?}");
        assert_eq!(refused[1], "amenities: amenities must be at most 50");
    });
}

#[test]
fn a_name_is_used_once_whatever_its_case() {
    block_on(async {
        let house = House::new();
        house.room("Attic", 1).await;
        let cellar = house.room("Cellar", 1).await;
        assert_eq!(code(house.desk.create_room(&house.manager(), new_room("ATTIC", 1)).await), "ALREADY_EXISTS");
        let rename = UpdateRoom { name: text("attic"), ..UpdateRoom::default() };
        assert_eq!(code(house.desk.update_room(&house.manager(), cellar.id, 1, rename).await), "ALREADY_EXISTS");
    });
}

#[test]
fn a_room_changes_in_what_was_sent_and_nothing_else() {
    block_on(async {
        let house = House::new();
        let sent = CreateRoom { floor: Some(2), description: text("cosy"), ..new_room("Attic", 1) };
        let room = house.desk.create_room(&house.manager(), sent).await.unwrap();
        house.go_to("2026-01-21T10:00:00Z");
        let change = UpdateRoom {
            status: text("Maintenance"),
            monthly_price: Some(cedis(50_000)),
            description: text(""),
            ..UpdateRoom::default()
        };
        let changed = house.desk.update_room(&house.manager(), room.id, 1, change).await.unwrap();
        assert_eq!((changed.status.as_str(), changed.monthly_price), ("maintenance", cedis(50_000)));
        assert_eq!((changed.name, changed.floor, changed.description), (room.name, Some(2), None));
        assert_eq!((changed.version, changed.updated_at.to_string().as_str()), (2, "2026-01-21T10:00:00Z"));
        assert_eq!((house.last_event().kind, house.last_event().aggregate_version), ("room.updated", 2));
    });
}

#[test]
fn a_change_of_a_room_is_refused_for_what_is_wrong_with_it() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let nothing = house.desk.update_room(&house.manager(), room.id, 1, UpdateRoom::default()).await;
        assert_eq!(wrong(nothing), ["body: Send at least one field to change"]);
        let status = UpdateRoom { status: text("gone"), ..UpdateRoom::default() };
        let refused = wrong(house.desk.update_room(&house.manager(), room.id, 1, status).await);
        assert_eq!(refused, ["status: status must be one of: active, maintenance, closed"]);
        assert_eq!(code(house.desk.update_room(&house.manager(), house.ambient.id(), 1, beds(2)).await), "NOT_FOUND");
        let stale = house.desk.update_room(&house.manager(), room.id, 4, beds(2)).await.unwrap_err();
        let Detail::Version { current: 1, yours: 4, latest } = stale.detail() else { panic!("{stale:?}") };
        assert_eq!(serde_json::from_value::<RoomView>(latest).unwrap(), room);
    });
}

#[test]
fn beds_are_added_at_the_end_and_only_free_ones_go() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let more = house.desk.update_room(&house.manager(), room.id, 1, beds(28)).await.unwrap();
        assert_eq!((more.beds[..2] == room.beds[..], labels(&more)[24..].to_vec()), (true, vec!["Y", "Z", "27", "28"]));
        let second = domicile_booking::CreateBooking {
            bed_id: Some(more.beds[1].id.to_string()),
            ..crate::house::new_stay(&more)
        };
        let stay = house.desk.create_booking(&house.student(0), second).await.unwrap();
        assert!(house.desk.update_room(&house.manager(), room.id, 2, beds(2)).await.is_ok());
        let refused = house.desk.update_room(&house.manager(), room.id, 3, beds(1)).await;
        assert_eq!(
            refused.as_ref().unwrap_err().to_string(),
            "Bed B is held by a booking. Move or end that booking first."
        );
        assert_eq!(state(refused), "active");
        house.desk.cancel_booking(&house.student(0), stay.id, 1, CancelBooking::default()).await.unwrap();
        let fewer = house.desk.update_room(&house.manager(), room.id, 3, beds(1)).await.unwrap();
        assert_eq!(labels(&fewer), ["A"]);
    });
}

#[test]
fn a_room_with_a_stay_cannot_be_deleted_and_an_empty_one_can() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        assert_eq!(code(house.desk.delete_room(&house.manager(), room.id, 1).await), "INSUFFICIENT_PERMISSIONS");
        assert_eq!(state(house.desk.delete_room(&house.admin(), room.id, 9).await), "active");
        house.desk.cancel_booking(&house.student(0), stay.id, 1, CancelBooking::default()).await.unwrap();
        assert_eq!(code(house.desk.delete_room(&house.admin(), room.id, 9).await), "VERSION_CONFLICT");
        house.desk.delete_room(&house.admin(), room.id, 1).await.unwrap();
        assert_eq!((house.last_event().kind, house.last_event().aggregate_version), ("room.deleted", 2));
        assert_eq!(code(house.desk.delete_room(&house.admin(), room.id, 1).await), "NOT_FOUND");
        assert_eq!(code(house.desk.room(&house.student(0), room.id).await), "NOT_FOUND");
        assert!(house.desk.booking(&house.student(0), stay.id).await.is_ok(), "its past stays can be read");
        house.room("attic", 1).await;
    });
}

#[test]
fn rooms_are_the_managers_and_admins() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        for call in [house.student(0), house.staff()] {
            assert_eq!(code(house.desk.create_room(&call, new_room("B", 1)).await), "INSUFFICIENT_PERMISSIONS");
            assert_eq!(code(house.desk.update_room(&call, room.id, 1, beds(2)).await), "INSUFFICIENT_PERMISSIONS");
            assert_eq!(code(house.desk.delete_room(&call, room.id, 1).await), "INSUFFICIENT_PERMISSIONS");
        }
        assert_eq!(code(house.desk.room(&house.call_of(Who::Anonymous), room.id).await), "UNAUTHORIZED");
    });
}
