//! Booking on both databases: the contract of its ports, and what only many at once can show.
#![expect(clippy::indexing_slicing, reason = "a test that cannot go on should stop")]

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use domicile_access::MembershipStatus;
use domicile_booking::{
    BookingQueries, BookingView, CancelBooking, CreateBooking, CreateRoom, FrontDesk, RoomView, UpdateBooking,
    contract::{self, House, World},
    model::HouseTerms,
    ports::BookingUows,
};
use domicile_kernel::{AccountId, Ambient, Call, Currency, Fault, HostelId, Money, Role, Scope};
use domicile_testkit::store::TestStore;
use tokio::{sync::Barrier, task::JoinSet};

struct Real(TestStore);

#[async_trait]
impl World for Real {
    fn uows(&self) -> Arc<dyn BookingUows> {
        Arc::new(self.0.database.clone())
    }

    fn queries(&self) -> Arc<dyn BookingQueries> {
        Arc::new(self.0.database.clone())
    }

    fn ambient(&self) -> Ambient {
        self.0.ambient.clone()
    }

    async fn house(&self, terms: HouseTerms, members: usize) -> House {
        let id = self.0.hostel("Contract").await;
        let mut owner = self.0.owner().await;
        let hostel = owner.id(id.uuid());
        let HouseTerms { currency, zone, minimum_stay_months, approval_required, .. } = &terms;
        owner
            .run(format!(
                "UPDATE hostel_settings SET currency = '{currency}', time_zone = '{}', \
                 minimum_stay_months = {minimum_stay_months}, approval_required = {approval_required}, \
                 pending_hold_hours = {}, booking_deadline_hours = {}, cancellation_deadline_hours = {}, \
                 proration = '{}' \
                 WHERE hostel_id = {hostel}",
                zone.name(),
                terms.pending_hold_hours,
                terms.booking_deadline_hours,
                terms.cancellation_deadline_hours,
                terms.proration.as_str(),
            ))
            .await;
        let mut people = Vec::new();
        for _ in 0..members {
            people.push(self.0.member(id, Role::Student).await);
        }
        let former = self.0.account(|_as_it_is| ()).await;
        self.0.enrol(id, former, Role::Student, |card| card.status = MembershipStatus::Deactivated).await;
        House { id, members: people, former }
    }
}

#[tokio::test]
async fn booking_keeps_its_contract_on_postgresql() {
    contract::all(&Real(TestStore::postgres().await)).await;
}

#[tokio::test]
async fn booking_keeps_its_contract_on_sqlite() {
    contract::all(&Real(TestStore::sqlite().await)).await;
}

/// A hostel on a real database, with a desk and people.
struct Scene {
    store: TestStore,
    desk: FrontDesk,
    hostel: HostelId,
    people: Vec<AccountId>,
}

impl Scene {
    async fn set(store: TestStore, people: usize) -> Arc<Self> {
        let database = Arc::new(store.database.clone());
        let desk = FrontDesk::new(database.clone(), database, store.ambient.clone());
        let hostel = store.hostel("Crowded").await;
        let mut members = Vec::new();
        for _ in 0..people {
            members.push(store.member(hostel, Role::Student).await);
        }
        Arc::new(Self { store, desk, hostel, people: members })
    }

    fn student(&self, nth: usize) -> Call {
        self.store.call_as(self.people[nth], Some(Role::Student), Scope::Hostel(self.hostel))
    }

    fn manager(&self) -> Call {
        self.store.call_as(self.people[0], Some(Role::Manager), Scope::Hostel(self.hostel))
    }

    async fn room(&self, name: &str, beds: i64) -> RoomView {
        let command = CreateRoom {
            name: Some(name.to_owned()),
            room_type: Some("dormitory".to_owned()),
            bed_count: Some(beds),
            monthly_price: Some(Money::new(45_000, Currency::GHS)),
            ..CreateRoom::default()
        };
        self.desk.create_room(&self.manager(), command).await.expect("a room can be made")
    }

    /// How many pairs of stays share a bed, or a guest, on a night.
    async fn clashes(&self) -> i64 {
        let mut owner = self.store.owner().await;
        let holding = "IN ('pending', 'approved', 'checked_in')";
        owner
            .number(format!(
                "SELECT count(*) FROM bookings a JOIN bookings b ON a.hostel_id = b.hostel_id AND a.id < b.id \
                 AND (a.bed_id = b.bed_id OR a.user_id = b.user_id) AND a.check_in_date < b.check_out_date \
                 AND b.check_in_date < a.check_out_date WHERE a.status {holding} AND b.status {holding}"
            ))
            .await
    }
}

fn stay(room: &RoomView, from_month: i64, months: i64) -> CreateBooking {
    let day =
        |months: i64| "2026-02-01".parse::<domicile_kernel::HostelDay>().map(|day| day.plus_months(months).to_string());
    CreateBooking {
        room_id: Some(room.id.to_string()),
        check_in_date: day(from_month).ok(),
        check_out_date: day(from_month + months).ok(),
        terms_accepted: Some(true),
        ..CreateBooking::default()
    }
}

fn named<T>(result: Result<T, impl Fault>) -> &'static str {
    result.map_or_else(|error| error.code().as_str(), |_view| "done")
}

async fn the_last_bed_is_let_once(store: TestStore, rounds: usize) {
    let scene = Scene::set(store, 50).await;
    for round in 0..rounds {
        let room = scene.room(&format!("Room {round}"), 1).await;
        let barrier = Arc::new(Barrier::new(50));
        let mut asking = JoinSet::new();
        for nth in 0..50 {
            let (scene, room, barrier) = (scene.clone(), room.clone(), barrier.clone());
            asking.spawn(async move {
                barrier.wait().await;
                named(scene.desk.create_booking(&scene.student(nth), stay(&room, round as i64, 1)).await)
            });
        }
        let answers = asking.join_all().await;
        let count = |name: &str| answers.iter().filter(|answer| **answer == name).count();
        assert_eq!(
            (count("done"), count("ROOM_UNAVAILABLE")),
            (1, 49),
            "round {round}: {:?}",
            answers.iter().collect::<BTreeSet<_>>()
        );
    }
    assert_eq!(scene.clashes().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_the_last_bed_one_gets_it_on_postgresql() {
    the_last_bed_is_let_once(TestStore::postgres().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_want_the_last_bed_one_gets_it_on_sqlite() {
    the_last_bed_is_let_once(TestStore::sqlite().await, 2).await;
}

/// What one guest does next: a fixed walk that differs from guest to guest.
async fn step(scene: &Scene, rooms: &[RoomView], nth: usize, at: usize, own: &mut Vec<BookingView>) -> &'static str {
    let room = &rooms[(nth * 7 + at * 3) % rooms.len()];
    let manager = scene.manager();
    match (at + nth) % 4 {
        0 | 1 => {
            let made =
                scene.desk.create_booking(&scene.student(nth), stay(room, (at % 5) as i64, 1 + (nth % 3) as i64)).await;
            if let Ok(view) = &made {
                own.push(view.clone());
            }
            named(made)
        }
        2 => {
            let Some(view) = own.last_mut() else { return "done" };
            let change = UpdateBooking { room_id: Some(room.id.to_string()), ..UpdateBooking::default() };
            let moved = scene.desk.update_booking(&manager, view.id, view.version, change).await;
            if let Ok(moved) = &moved {
                *view = moved.clone();
            }
            named(moved)
        }
        _ => {
            if own.len() < 2 {
                return "done";
            }
            let view = own.remove(0);
            named(scene.desk.cancel_booking(&manager, view.id, view.version, CancelBooking::default()).await)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_who_book_move_and_cancel_at_once_never_wait_for_each_other_in_a_circle() {
    let scene = Scene::set(TestStore::postgres().await, 16).await;
    let mut rooms = Vec::new();
    for nth in 0..3 {
        rooms.push(scene.room(&format!("Room {nth}"), 3).await);
    }
    let rooms = Arc::new(rooms);
    let mut guests = JoinSet::new();
    for nth in 0..16 {
        let (scene, rooms) = (scene.clone(), rooms.clone());
        guests.spawn(async move {
            let mut own = Vec::new();
            let mut answers = Vec::new();
            for at in 0..24 {
                answers.push(step(&scene, &rooms, nth, at, &mut own).await);
            }
            answers
        });
    }
    let answers: Vec<_> = guests.join_all().await.into_iter().flatten().collect();
    let expected = ["done", "ROOM_UNAVAILABLE", "BOOKING_CONFLICT"];
    assert!(answers.iter().all(|answer| expected.contains(answer)), "{:?}", answers.iter().collect::<BTreeSet<_>>());
    for expected in expected {
        assert!(answers.contains(&expected), "the walk never came to {expected}");
    }
    assert_eq!(scene.clashes().await, 0);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(scene.store.owner().await.number(deadlocks).await, 0);
}
