//! Who may read what.

use domicile_booking::{ListBookings, ListRooms};
use domicile_kernel::{Page, Purpose, Role, Scope};
use pollster::block_on;

use crate::house::{House, code, text, wrong};

#[test]
fn rooms_free_on_given_nights_are_counted() {
    block_on(async {
        let house = House::new();
        let (attic, cellar) = (house.room("Attic", 2).await, house.room("Cellar", 1).await);
        house.stay(&attic, 0).await;
        house.stay(&cellar, 1).await;
        let asked =
            ListRooms { available_from: text("2026-02-01"), available_to: text("2026-03-01"), ..ListRooms::default() };
        let found = house.desk.list_rooms(&house.student(2), asked, &Page::first("name", false)).await.unwrap();
        let free: Vec<_> = found.rows.iter().map(|room| (room.id, room.available_beds)).collect();
        assert_eq!(free, [(attic.id, Some(1))]);
        let asked = ListRooms { available_from: text("2026-02-01"), ..ListRooms::default() };
        let refused = house.desk.list_rooms(&house.student(2), asked, &Page::first("name", false)).await;
        assert_eq!(wrong(refused), ["available_to: available_to is required"]);
        let guard = house.call(house.student_id(0), Role::Guard);
        let refused = house.desk.list_rooms(&guard, ListRooms::default(), &Page::first("name", false)).await;
        assert_eq!(code(refused), "INSUFFICIENT_PERMISSIONS");
    });
}

#[test]
fn a_guest_sees_their_own_stays_and_the_house_sees_all() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 2).await;
        let (own, other) = (house.stay(&room, 0).await, house.stay(&room, 1).await);
        let page = Page::first("created_at", true);
        let all = ListBookings::default;
        let seen = house.desk.list_bookings(&house.student(0), all(), &page).await.unwrap();
        assert_eq!((seen.total, seen.rows.as_slice()), (Some(1), &[own.clone()][..]));
        assert_eq!(house.desk.list_bookings(&house.manager(), all(), &page).await.unwrap().total, Some(2));
        assert_eq!(house.desk.list_bookings(&house.staff(), all(), &page).await.unwrap().total, Some(0));
        let theirs = ListBookings { user_id: Some(house.student_id(1).to_string()), ..all() };
        assert_eq!(code(house.desk.list_bookings(&house.student(0), theirs.clone(), &page).await), "FORBIDDEN");
        let seen = house.desk.list_bookings(&house.manager(), theirs, &page).await.unwrap();
        assert_eq!(seen.rows, std::slice::from_ref(&other));

        assert_eq!(house.desk.booking(&house.student(0), own.id).await.unwrap(), own);
        assert_eq!(house.desk.booking(&house.manager(), own.id).await.unwrap(), own);
        assert_eq!(code(house.desk.booking(&house.student(0), other.id).await), "FORBIDDEN");
        assert_eq!(code(house.desk.booking(&house.staff(), other.id).await), "FORBIDDEN");
        assert_eq!(code(house.desk.booking(&house.student(0), house.ambient.id()).await), "NOT_FOUND");
        let guard = house.call(house.student_id(0), Role::Guard);
        assert_eq!(code(house.desk.booking(&guard, own.id).await), "INSUFFICIENT_PERMISSIONS");
    });
}

#[test]
fn another_hostel_sees_nothing_and_no_hostel_is_asked_for_one() {
    block_on(async {
        let house = House::new();
        let room = house.room("Attic", 1).await;
        let stay = house.stay(&room, 0).await;
        let elsewhere = house.manager().within(Scope::Hostel(house.ambient.id()));
        assert_eq!(code(house.desk.booking(&elsewhere, stay.id).await), "NOT_FOUND");
        assert_eq!(code(house.desk.room(&elsewhere, room.id).await), "NOT_FOUND");
        let nowhere = house.manager().within(Scope::System(Purpose::Lobby));
        assert_eq!(code(house.desk.room(&nowhere, room.id).await), "INVALID_INPUT");
        assert_eq!(code(house.desk.approve_booking(&nowhere, stay.id, 1).await), "INVALID_INPUT");
    });
}
