//! The rows of the table that are booking's.

use std::collections::BTreeSet;

use domicile_booking::{
    BookingFilter, BookingQueries, RoomFilter,
    model::{
        Bed, Booking, BookingRecord, BookingState, EmergencyContact, Rearranged, Room, RoomChanges, RoomRecord,
        RoomStatus, StayDates, bed_label,
    },
    policy::{self, PriceRuleName},
    ports::{BookingUows, BookingWritten, RoomWritten},
};
use domicile_kernel::{AccountId, Currency, HostelId, Money, Outcome, Page, Position, Role, Scope, Text};
use domicile_testkit::store::TestStore;

use super::Count;

fn room(store: &TestStore, hostel_id: HostelId, name: &str, beds: usize) -> Room {
    let now = store.ambient.now();
    Room::from_record(RoomRecord {
        id: store.ambient.id(),
        hostel_id,
        name: Text::clean(name),
        room_type: Text::clean("double"),
        floor: None,
        beds: (0..beds).map(|at| Bed { id: store.ambient.id(), label: bed_label(at) }).collect(),
        monthly_price: Money::new(45_000, Currency::GHS),
        amenities: vec![Text::clean("wifi")],
        description: None,
        status: RoomStatus::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

fn nights(month: u8) -> StayDates {
    let day = |day: u8| format!("2026-{month:02}-{day:02}").parse().unwrap();
    StayDates::new(day(1), day(28)).unwrap()
}

fn booking(store: &TestStore, room: &Room, user_id: AccountId, dates: StayDates) -> Booking {
    let now = store.ambient.now();
    Booking::from_record(BookingRecord {
        id: store.ambient.id(),
        hostel_id: room.record().hostel_id,
        room_id: room.id(),
        bed_id: room.record().beds[0].id,
        user_id,
        dates,
        contact: EmergencyContact { name: Some(Text::clean("Efua Quaye")), phone: Some("+233200000001".to_owned()) },
        special_requests: None,
        quote: policy::quote(PriceRuleName::CalendarDays, room.record().monthly_price, dates).unwrap(),
        earlier_prices: Vec::new(),
        state: BookingState::Approved { at: now, by: None },
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// The same stay with another wish, one version on.
fn changed(store: &TestStore, booking: &Booking) -> Booking {
    let is = booking.record().clone();
    let to = Rearranged {
        room_id: is.room_id,
        bed_id: is.bed_id,
        dates: is.dates,
        quote: is.quote,
        earlier_prices: is.earlier_prices,
        contact: is.contact,
        special_requests: Some(Text::clean("a quiet bed")),
    };
    booking.clone().rearrange(to, store.ambient.now()).unwrap()
}

#[tokio::test]
async fn each_method_of_booking_makes_as_many_round_trips_as_the_table_says() {
    for store in TestStore::both().await {
        let mut count = Count { store: &store, wrong: Vec::new() };
        let db = &store.database;
        let hostel = store.hostel("Counted").await;
        let guest = store.member(hostel, Role::Student).await;
        let manager = store.member(hostel, Role::Manager).await;
        let call = store.call_as(manager, Some(Role::Manager), Scope::Hostel(hostel));
        let now = store.ambient.now();
        // SQLite's only writer needs no locks.
        let lock = u64::from(store.is_postgres());

        let mut uow = BookingUows::begin(db, &call).await.unwrap();
        let attic = room(&store, hostel, "Attic", 3);
        let twin = room(&store, hostel, "ATTIC", 1);
        let cellar = room(&store, hostel, "Cellar", 1);
        assert_eq!(count!(count, 2, "rooms.insert", uow.rooms().insert(&attic).await), RoomWritten::Written);
        let taken = count!(count, 2, "rooms.insert of a taken name", uow.rooms().insert(&twin).await);
        assert_eq!(taken, RoomWritten::NameTaken);
        let _ = uow.rooms().insert(&cellar).await.unwrap();
        assert!(count!(count, 1, "rooms.find", uow.rooms().find(attic.id()).await).is_some());
        assert!(count!(count, 1 + lock, "rooms.lock", uow.rooms().lock(attic.id()).await).is_some());
        let cheaper = RoomChanges { monthly_price: Some(Money::new(1, Currency::GHS)), ..RoomChanges::default() };
        let attic = attic.changed(cheaper, now, || store.ambient.id());
        assert_eq!(count!(count, 2, "rooms.update", uow.rooms().update(&attic).await), RoomWritten::Written);
        // Even with as many beds that come and go.
        let renewed = room(&store, hostel, "Attic", 5);
        let mut record = attic.record().clone();
        (record.beds, record.version) = (renewed.record().beds.clone(), attic.version() + 1);
        let attic = Room::from_record(record);
        assert_eq!(count!(count, 4, "rooms.update of beds", uow.rooms().update(&attic).await), RoomWritten::Written);
        assert_eq!(count!(count, 2, "rooms.update of old", uow.rooms().update(&attic).await), RoomWritten::Stale);
        assert!(count!(count, 1, "rooms.delete", uow.rooms().delete(cellar.id(), 1, now).await));
        assert!(count!(count, 1, "people.lock_member", uow.people().lock_member(guest).await));
        count!(count, 1, "terms", uow.terms().await);

        let stay = booking(&store, &attic, guest, nights(2));
        assert_eq!(count!(count, 1, "bookings.insert", uow.bookings().insert(&stay).await), BookingWritten::Written);
        assert!(count!(count, 1, "bookings.find", uow.bookings().find(stay.id()).await).is_some());
        assert!(count!(count, 1, "bookings.lock", uow.bookings().lock(stay.id()).await).is_some());
        let stay = changed(&store, &stay);
        assert_eq!(count!(count, 1, "bookings.update", uow.bookings().update(&stay).await), BookingWritten::Written);
        assert_eq!(
            count!(count, 1, "bookings.update of old", uow.bookings().update(&stay).await),
            BookingWritten::Stale
        );
        let held = uow.bookings().person_holds(guest, nights(2), None).await;
        assert!(held.unwrap());
        let held = count!(count, 1, "bookings.person_holds", uow.bookings().person_holds(guest, nights(3), None).await);
        assert!(!held);
        let beds: BTreeSet<_> = [stay.record().bed_id].into();
        let taken =
            count!(count, 1, "bookings.beds_taken", uow.bookings().beds_taken(attic.id(), nights(2), None).await);
        assert_eq!(taken, beds);
        assert_eq!(count!(count, 1, "bookings.beds_held", uow.bookings().beds_held(attic.id()).await), beds);
        let gone = booking(&store, &attic, guest, nights(5));
        assert_eq!(uow.bookings().insert(&gone).await.unwrap(), BookingWritten::Written);
        assert!(count!(count, 1, "bookings.delete", uow.bookings().delete(gone.id(), 1).await));
        count!(count, 1, "commit", uow.commit(Outcome::done()).await);
        // After a refusal the unit of work is only good for a rollback.
        let mut uow = BookingUows::begin(db, &call).await.unwrap();
        let other = booking(&store, &attic, manager, nights(2));
        let refused = count!(count, 2, "bookings.insert over a held bed", uow.bookings().insert(&other).await);
        assert_eq!(refused, BookingWritten::BedTaken);
        uow.rollback().await.unwrap();

        let page = Page::first("created_at", true);
        let by_cursor = Page { position: Position::After(None), ..page.clone() };
        let free = RoomFilter { available: Some(nights(2)), ..RoomFilter::default() };
        let all = count!(count, 3, "rooms", db.rooms(&call, &RoomFilter::default(), &page).await);
        assert_eq!((all.rows.len(), all.total), (1, Some(1)));
        let found = count!(count, 3, "rooms with a free bed", db.rooms(&call, &free, &by_cursor).await);
        assert_eq!(found.rows[0].available_beds, Some(4));
        assert!(count!(count, 3, "room", db.room(&call, attic.id(), Some(nights(2))).await).is_some());
        let stays = count!(count, 2, "bookings", db.bookings(&call, &BookingFilter::default(), &page).await);
        assert_eq!(stays.rows.len(), 1);
        count!(count, 2, "bookings by cursor", db.bookings(&call, &BookingFilter::default(), &by_cursor).await);
        assert!(count!(count, 2, "booking", db.booking(&call, stay.id()).await).is_some());
        assert!(count.wrong.is_empty(), "on {:?}:\n{}", db.backend(), count.wrong.join("\n"));
    }
}
