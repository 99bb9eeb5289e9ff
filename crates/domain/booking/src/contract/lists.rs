//! Promises of the read port: order, pages and filters.

use domicile_kernel::{Currency, Money, Page, PageOf, Position, Text};

use super::{Stage, World, later, nights};
use crate::{
    BOOKING_SORTS, BookingFilter, BookingView, ROOM_SORTS, RoomFilter, RoomView,
    model::{BookingStatus, Room, RoomStatus},
    ports::BookingWritten,
    queries::FLOORLESS,
};

/// Seven rooms that differ in everything a list can be sorted by, with ties.
async fn furnished(stage: &Stage<'_>) -> Vec<Room> {
    let now = stage.ambient.now();
    let mut rooms = Vec::new();
    for (at, (name, floor, price)) in (0..).zip([
        ("beta", Some(2), 30_000),
        ("Alpha", None, 30_000),
        ("gamma", Some(-1), 100_000),
        ("Delta", Some(10), 20_000),
        ("ämter", Some(2), 9_000),
        ("10", None, 30_000),
        ("9", Some(2), 1_000_000),
    ]) {
        let mut record = stage.room(name, 1).record().clone();
        record.floor = floor;
        record.monthly_price = Money::new(price, Currency::GHS);
        record.created_at = later(now, at % 3);
        let room = Room::from_record(record);
        stage.write_room(&room).await;
        rooms.push(room);
    }
    rooms
}

pub(super) async fn rooms_are_sorted_and_paged_every_way(world: &dyn World) {
    let stage = Stage::set(world).await;
    let rooms = furnished(&stage).await;
    for sort in ROOM_SORTS {
        for descending in [false, true] {
            let mut want: Vec<&Room> = rooms.iter().collect();
            match *sort {
                "name" => want.sort_by_key(|room| (room.name_key(), room.id())),
                "monthly_price" => want.sort_by_key(|room| (room.record().monthly_price.amount_minor(), room.id())),
                "floor" => {
                    want.sort_by_key(|room| (room.record().floor.map_or(FLOORLESS, i64::from), room.id()));
                }
                _ => want.sort_by_key(|room| (room.record().created_at, room.id())),
            }
            if descending {
                want.reverse();
            }
            let want: Vec<_> = want.into_iter().map(Room::id).collect();
            let page = Page { limit: 3, ..Page::first(sort, descending) };
            let read = async |page: &Page| -> PageOf<RoomView> {
                world.queries().rooms(&stage.call(), &RoomFilter::default(), page).await.unwrap()
            };
            let mut by_number = Vec::new();
            for number in 1..=4 {
                let part = read(&Page { position: Position::Number(number), ..page.clone() }).await;
                assert_eq!(part.total, Some(7), "the total is told on every page, past the last too");
                by_number.extend(part.rows.into_iter().map(|room| room.id));
            }
            assert_eq!(by_number, want, "by number, {sort} {descending}");
            let (mut by_cursor, mut after) = (Vec::new(), None);
            loop {
                let part = read(&Page { position: Position::After(after), ..page.clone() }).await;
                by_cursor.extend(part.rows.into_iter().map(|room| room.id));
                after = part.next;
                if after.is_none() || by_cursor.len() > want.len() {
                    break;
                }
            }
            assert_eq!(by_cursor, want, "by cursor, {sort} {descending}");
        }
    }
}

pub(super) async fn rooms_are_found_by_what_they_are(world: &dyn World) {
    let stage = Stage::set(world).await;
    furnished(&stage).await;
    let mut odd = stage.room("odd", 2).record().clone();
    odd.status = RoomStatus::Maintenance;
    odd.room_type = Text::clean("suite");
    odd.amenities = vec![Text::clean("Kettle"), Text::clean("WiFi")];
    stage.write_room(&Room::from_record(odd)).await;
    let none = RoomFilter::default;
    for (filter, want) in [
        (RoomFilter { status: Some(RoomStatus::Maintenance), ..none() }, vec!["odd"]),
        (RoomFilter { room_type: Some(Text::clean("suite")), ..none() }, vec!["odd"]),
        (RoomFilter { amenity: Some(Text::clean("wifi")), ..none() }, vec!["odd"]),
        (RoomFilter { amenity: Some(Text::clean("wif")), ..none() }, vec![]),
        (RoomFilter { floor: Some(2), ..none() }, vec!["9", "beta", "ämter"]),
        (RoomFilter { min_price: Some(45_000), ..none() }, vec!["9", "gamma", "odd"]),
        (RoomFilter { max_price: Some(20_000), ..none() }, vec!["Delta", "ämter"]),
        (RoomFilter { min_price: Some(30_000), max_price: Some(45_000), floor: Some(2), ..none() }, vec!["beta"]),
    ] {
        let found = world.queries().rooms(&stage.call(), &filter, &Page::first("name", false)).await.unwrap();
        assert_eq!(found.total, Some(want.len() as u64), "{filter:?}");
        assert!(found.rows.iter().all(|room| room.available_beds.is_none()), "nobody asked for nights");
        let names: Vec<_> = found.rows.iter().map(|room| room.name.as_str()).collect();
        assert_eq!(names, want, "{filter:?}");
    }
}

pub(super) async fn rooms_are_found_by_the_nights_a_bed_is_free(world: &dyn World) {
    let stage = Stage::set(world).await;
    let two = stage.written_room("two", 2).await;
    let one = stage.written_room("one", 1).await;
    let mut closed = stage.room("closed", 1).record().clone();
    closed.status = RoomStatus::Closed;
    stage.write_room(&Room::from_record(closed)).await;
    let february = nights("2026-02-01", "2026-03-01");
    for booking in [stage.booking(&two, 0, 0, february), stage.booking(&one, 0, 1, february)] {
        assert_eq!(stage.insert(&booking).await, BookingWritten::Written);
    }
    for (stay, want) in [
        (february, vec![("two", 1)]),
        (nights("2026-01-01", "2026-02-01"), vec![("one", 1), ("two", 2)]),
        (nights("2026-03-01", "2026-04-01"), vec![("one", 1), ("two", 2)]),
        (nights("2026-02-28", "2026-04-01"), vec![("two", 1)]),
    ] {
        let filter = RoomFilter { available: Some(stay), ..RoomFilter::default() };
        let found = world.queries().rooms(&stage.call(), &filter, &Page::first("name", false)).await.unwrap();
        let free: Vec<_> = found.rows.iter().map(|room| (room.name.as_str(), room.available_beds.unwrap())).collect();
        assert_eq!(free, want, "{stay:?}");
        assert_eq!(found.total, Some(want.len() as u64));
    }
    let view = world.queries().room(&stage.call(), one.id(), Some(february)).await.unwrap().unwrap();
    assert_eq!(view.available_beds, Some(0), "a room asked for by name is told though it is full");
}

pub(super) async fn bookings_are_sorted_paged_and_found(world: &dyn World) {
    let stage = Stage::set(world).await;
    let (attic, cellar) = (stage.written_room("Attic", 1).await, stage.written_room("Cellar", 1).await);
    let now = stage.ambient.now();
    let mut written = Vec::new();
    for (at, (room, guest, month)) in (0..).zip([(&attic, 0, 5), (&attic, 1, 3), (&cellar, 0, 3), (&cellar, 2, 8)]) {
        let stay = nights(&format!("2026-{month:02}-01"), &format!("2026-{:02}-01", month + 1));
        let mut record = stage.booking(room, 0, guest, stay).record().clone();
        record.created_at = later(now, at / 2);
        let booking = crate::model::Booking::from_record(record);
        assert_eq!(stage.insert(&booking).await, BookingWritten::Written);
        written.push(booking);
    }
    let over = written.pop().unwrap().cancel(None, None, now).unwrap();
    assert_eq!(stage.update(&over).await, BookingWritten::Written);
    written.push(over);
    let read = async |filter: &BookingFilter, page: &Page| -> PageOf<BookingView> {
        world.queries().bookings(&stage.call(), filter, page).await.unwrap()
    };
    for sort in BOOKING_SORTS {
        for descending in [false, true] {
            let mut want = written.clone();
            match *sort {
                "created_at" => want.sort_by_key(|booking| (booking.record().created_at, booking.id())),
                _ => want.sort_by_key(|booking| (booking.dates().check_in(), booking.id())),
            }
            if descending {
                want.reverse();
            }
            let want: Vec<_> = want.iter().map(BookingView::of).collect();
            let page = Page { limit: 3, ..Page::first(sort, descending) };
            let (mut by_cursor, mut after) = (Vec::new(), None);
            loop {
                let cursor = Page { position: Position::After(after), ..page.clone() };
                let part = read(&BookingFilter::default(), &cursor).await;
                by_cursor.extend(part.rows);
                after = part.next;
                if after.is_none() || by_cursor.len() > want.len() {
                    break;
                }
            }
            assert_eq!(by_cursor, want, "by cursor, {sort} {descending}");
            let first = read(&BookingFilter::default(), &page).await;
            assert_eq!((first.rows.as_slice(), first.total), (want.get(..3).unwrap(), Some(4)), "{sort} {descending}");
        }
    }
    let none = BookingFilter::default;
    let day = |text: &str| Some(text.parse().unwrap());
    for (filter, want) in [
        (BookingFilter { status: Some(BookingStatus::Cancelled), ..none() }, vec![3]),
        (BookingFilter { user_id: Some(stage.member(0)), ..none() }, vec![0, 2]),
        (BookingFilter { room_id: Some(cellar.id()), ..none() }, vec![2, 3]),
        (BookingFilter { from: day("2026-04-01"), ..none() }, vec![0, 3]),
        (BookingFilter { to: day("2026-03-02"), ..none() }, vec![1, 2]),
        (BookingFilter { from: day("2026-03-31"), to: day("2026-05-01"), ..none() }, vec![1, 2]),
        (BookingFilter { user_id: Some(stage.house.former), ..none() }, vec![]),
    ] {
        let found = read(&filter, &Page::first("created_at", false)).await;
        let mut ids: Vec<_> = found.rows.iter().map(|booking| booking.id).collect();
        let mut want: Vec<_> = want.into_iter().map(|at: usize| written.get(at).unwrap().id()).collect();
        ids.sort();
        want.sort();
        assert_eq!(ids, want, "{filter:?}");
    }
}
