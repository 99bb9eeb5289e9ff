//! One key, one record: repeated requests over HTTP (W9).

use std::{collections::BTreeSet, time::Duration};

use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

fn room(name: &str) -> Value {
    let price = json!({ "amount_minor": 45_000, "currency": "GHS" });
    json!({ "name": name, "room_type": "single", "bed_count": 1, "monthly_price": price })
}

async fn a_key_makes_one_record(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.super_admin().await;
    let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
    let second_admin = app.member(hostel, Role::Admin).await;
    let made = app.room(hostel, 1).await;
    let cases: [(&str, &Person, &Person, Value, Value, &str); 4] = [
        (
            "/api/bookings",
            &student,
            &admin,
            json!({ "room_id": made.id, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01", "terms_accepted": true }),
            json!({ "room_id": made.id, "check_in_date": "2026-07-01", "check_out_date": "2026-09-01", "terms_accepted": true }),
            "bookings",
        ),
        ("/api/rooms", &admin, &second_admin, room("Attic"), room("Cellar"), "rooms"),
        (
            "/api/users",
            &admin,
            &second_admin,
            json!({ "email": "one@new.example", "first_name": "Ama", "last_name": "Owusu", "role": "student" }),
            json!({ "email": "two@new.example", "first_name": "Ama", "last_name": "Owusu", "role": "student" }),
            "memberships",
        ),
        (
            "/api/admin/hostels",
            &owner,
            &owner,
            json!({ "name": "Sarbah Hall" }),
            json!({ "name": "Legon Hall" }),
            "hostels",
        ),
    ];
    for (path, person, other, body, another, table) in cases {
        let mut database = app.owner().await;
        let mut rows = async || database.number(format!("SELECT count(*) FROM {table}")).await;
        let before = rows().await;
        let key = format!("key-{table}");
        let post = |person: &Person, key: &str, body: &Value| {
            app.post(path).by(person).header("idempotency-key", key).json(body.clone())
        };
        let first = post(person, &key, &body).told().await.is(201);
        assert_eq!(first.header("idempotency-replayed"), "");
        // In another order, quoted, under another version of the API: the same request.
        let again = post(person, &format!("\"{key}\""), &body).told().await.is(201);
        assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
        assert_eq!(
            (again.data(), again.header("etag"), again.header("location")),
            (first.data(), first.header("etag"), first.header("location")),
            "{path}"
        );
        post(person, &key, &another).told().await.refuses(422, "IDEMPOTENCY_KEY_REUSED");
        assert_eq!(rows().await, before + 1, "{path}");
        for bad in ["", "a b", "\"open", &"x".repeat(256)] {
            post(person, bad, &body).told().await.refuses(400, "INVALID_INPUT");
        }
        if other.id != person.id {
            // Somebody else's key of the same name is another key.
            let told = post(other, &key, &another).told().await;
            assert!(told.status == 201 && told.header("idempotency-replayed").is_empty(), "{path}: {}", told.text);
            assert_eq!(rows().await, before + 2, "{path}");
        }
    }
    // A refusal keeps nothing: the same key may try again with what is right.
    let retry = |body: Value| app.post("/api/rooms").by(&admin).header("idempotency-key", "second-try").json(body);
    retry(json!({ "name": "x" })).told().await.refuses(400, "VALIDATION_ERROR");
    retry(room("Second try")).told().await.is(201);
    // A move that is repeated under its key is the same move, though the state has gone on.
    let guest = app.member(hostel, Role::Student).await;
    let stay = app.stay(hostel, guest.id, "2026-03-01").await;
    let path = format!("/api/bookings/{}/approve", stay.id);
    let approve = |version: i64| app.post(&path).by(&admin).seen(version).header("idempotency-key", "approve-once");
    approve(1).told().await.is(200);
    let again = approve(1).told().await.is(200);
    assert_eq!((again.header("idempotency-replayed"), again.data()["version"].as_i64()), ("true", Some(2)));
    approve(2).told().await.refuses(422, "IDEMPOTENCY_KEY_REUSED");
    app.post(&path).by(&admin).seen(1).told().await.refuses(409, "RESOURCE_CONFLICT");
    // Routes that answer with a secret do not keep keys.
    let twice = || {
        app.post("/api/auth/refresh-token")
            .header("idempotency-key", "k")
            .json(json!({ "refresh_token": student.refresh_token }))
    };
    for _ in 0..2 {
        assert_eq!(twice().told().await.header("idempotency-replayed"), "");
    }

    // After a day the key is forgotten by the sweep, and makes another record.
    let day = || {
        app.post("/api/admin/hostels").header("idempotency-key", "key-hostels").json(json!({ "name": "Sarbah Hall" }))
    };
    let mut database = app.owner().await;
    app.clock.advance(Duration::from_hours(23));
    app.house.database.purge_idempotency_keys(app.house.ambient.now().minus(Duration::from_hours(24))).await.unwrap();
    let late = app.session_of(owner.id, owner.email.clone(), None).await;
    assert_eq!(day().by(&late).told().await.is(201).header("idempotency-replayed"), "true");
    app.clock.advance(Duration::from_hours(2));
    let mut left = i64::MAX;
    for _ in 0..500 {
        left = database.number("SELECT count(*) FROM idempotency_keys").await;
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(left, 0, "the sweep never came");
    let late = app.session_of(owner.id, owner.email.clone(), None).await;
    assert_eq!(day().by(&late).told().await.is(201).header("idempotency-replayed"), "");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_one_record_on_sqlite() {
    a_key_makes_one_record(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_one_record_on_postgres() {
    a_key_makes_one_record(TestApp::postgres().await).await;
}

async fn a_hundred_requests_with_one_key_make_one_booking(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let student = app.member(hostel, Role::Student).await;
    let made = app.room(hostel, 100).await;
    let body = json!({ "room_id": made.id, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01", "terms_accepted": true });
    let post = || app.post("/api/bookings").by(&student).header("idempotency-key", "once").json(body.clone());
    let answers = race(100, |_| post().told()).await.assert_overlapped();
    let mut first = Vec::new();
    let mut ids = BTreeSet::new();
    for told in &answers {
        match (told.status, told.header("idempotency-replayed")) {
            (201, replayed) => {
                ids.insert(told.data()["id"].as_str().unwrap().to_owned());
                if replayed.is_empty() {
                    first.push(told);
                }
            }
            (409, _) => assert!(told.header("retry-after").parse::<u32>().is_ok(), "{}", told.text),
            _ => panic!("{} {}", told.status, told.text),
        }
    }
    assert_eq!((first.len(), ids.len()), (1, 1), "one was the first, and all others saw it");
    let mut database = app.owner().await;
    assert_eq!(database.number("SELECT count(*) FROM bookings").await, 1);
    assert_eq!(post().told().await.is(201).header("idempotency-replayed"), "true");
    app.settle().await;
    assert_eq!(database.number("SELECT count(*) FROM events WHERE kind = 'booking.created'").await, 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_with_one_key_make_one_booking_on_sqlite() {
    a_hundred_requests_with_one_key_make_one_booking(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_with_one_key_make_one_booking_on_postgres() {
    a_hundred_requests_with_one_key_make_one_booking(TestApp::postgres().await).await;
}
