//! Many people, one bed: exactly one gets it, the others are told so, and nothing of it is our fault (J22).

use std::time::Duration;

use domicile_kernel::Role;
use domicile_testkit::{barrier::race, store::Owner};

use crate::support::{Person, TestApp, Told, deadlocks, month, stay};

const PEOPLE: usize = 50;
const ROUNDS: u64 = 30;

/// The one who was told 201, by number; everybody else was told 409 with this code.
#[track_caller]
fn only_winner(told: &[Told], code: &str) -> usize {
    let others = told.iter().filter(|told| (told.status, told.code()) != (409, code));
    let others: Vec<&Told> = others.collect();
    assert!(others.len() == 1 && others[0].status == 201, "not one 201 and {code} for the others: {others:#?}");
    told.iter().position(|told| told.status == 201).unwrap()
}

async fn the_last_bed_goes_to_one_of_fifty(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let place = app.place(&manager, "Attic", 3).await;
    let people = app.students(hostel, PEOPLE + 2).await;
    let (racers, neighbours) = people.split_at(PEOPLE);
    for neighbour in neighbours {
        app.post("/api/bookings").by(neighbour).json(stay(&place.room, 0, ROUNDS)).told().await.is(201);
    }

    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        // Each round's stay begins on the day on which that of the round before ends: touching days are no clash, neither
        // for the bed nor for who wins twice.
        let asked =
            |number: usize| app.post("/api/bookings").by(&racers[number]).json(stay(&place.room, round, round + 1));
        let finished = race(PEOPLE, |number| asked(number).timed()).await.assert_overlapped();
        slowest = finished.iter().map(|(_, took)| *took).fold(slowest, Duration::max);
        let told: Vec<Told> = finished.into_iter().map(|(told, _)| told).collect();
        let winner = only_winner(&told, "ROOM_UNAVAILABLE");
        assert_eq!(told[winner].data()["check_in_date"], month(round));

        if round % 3 == 0 {
            // Given back, it can be taken at once, by one again.
            let cancel = format!("/api/bookings/{}/cancel", told[winner].data()["id"].as_str().unwrap());
            app.put(&cancel).by(&racers[winner]).seen(1).told().await.is(200);
            let told = race(5, |number| asked((winner + 1 + number) % PEOPLE).told()).await.assert_overlapped();
            only_winner(&told, "ROOM_UNAVAILABLE");
        }
    }
    println!("slowest of {} answers: {slowest:?}", PEOPLE as u64 * ROUNDS);
    assert!(slowest < Duration::from_secs(10), "somebody waited {slowest:?}");

    app.no_two_stays_overlap().await;
    let held = "SELECT count(*) FROM bookings WHERE status = 'pending'";
    assert_eq!(app.owner().await.number(held).await, i64::try_from(ROUNDS).unwrap() + 2);
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_bed_goes_to_one_of_fifty_on_sqlite() {
    the_last_bed_goes_to_one_of_fifty(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_bed_goes_to_one_of_fifty_on_postgres() {
    the_last_bed_goes_to_one_of_fifty(TestApp::postgres().await).await;
}

async fn one_person_cannot_hold_two_beds(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let places = [app.place(&manager, "East", 2).await, app.place(&manager, "West", 2).await];
    let person: Person = app.member(hostel, Role::Student).await;
    let mut won = [0, 0];
    for round in 0..20 {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let ask = |number: usize| stay(&places[order[number]].room, round, round + 1);
        let told =
            race(2, |number| app.post("/api/bookings").by(&person).json(ask(number)).told()).await.assert_overlapped();
        won[order[only_winner(&told, "BOOKING_CONFLICT")]] += 1;
    }
    println!("East won {} times, West {}", won[0], won[1]);
    app.no_two_stays_overlap().await;
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_cannot_hold_two_beds_on_sqlite() {
    one_person_cannot_hold_two_beds(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_cannot_hold_two_beds_on_postgres() {
    one_person_cannot_hold_two_beds(TestApp::postgres().await).await;
}

/// The tests here rely on it: a deadlock that happened is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_would_have_been_counted() {
    let app = TestApp::postgres().await;
    app.house.database.close().await;
    let (mut one, mut other) = (app.owner().await, app.owner().await);
    let lock = |key: i64| format!("SELECT 1::bigint FROM (SELECT pg_advisory_xact_lock({key})) AS held");
    for (owner, key) in [(&mut one, 1), (&mut other, 2)] {
        owner.run("SET deadlock_timeout = '10ms'; BEGIN").await;
        owner.run(lock(key)).await;
    }
    let (first, second) = tokio::join!(one.try_run(lock(2)), other.try_run(lock(1)));
    let codes: Vec<String> =
        [first, second].iter().filter_map(|told| told.as_ref().err().map(domicile_testkit::store::code)).collect();
    assert_eq!(codes, ["40P01"]);
    for owner in [one, other] {
        let Owner::Postgres(connection) = owner else { panic!("this is PostgreSQL") };
        drop(connection);
    }
    assert_eq!(deadlocks(&mut app.owner().await).await, 1);
    app.end().await;
}
