//! Signing in costs the same work whoever asks, tells nothing about who exists, and a flood of it takes no more than the
//! hashing pool has (A1).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_identity::{Argon2Parameters, PoolSettings};
use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use serde_json::json;

use crate::support::{Asked, PASSWORD, TestApp};

const WRONG: &str = "Wrong-horse-1!";

fn login(app: &TestApp, identifier: &str, password: &str) -> Asked {
    app.post("/api/auth/login").json(json!({"identifier": identifier, "password": password}))
}

async fn a_login_computes_one_hash_whoever_asks(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let guest = app.member(hostel, Role::Student).await;
    app.member_with_password(hostel, Role::Student, "right@test.example").await;
    app.member_with_password(hostel, Role::Student, "disabled@test.example").await;
    let left = app.member_with_password(hostel, Role::Student, "left@test.example").await;
    let body = json!({
        "email": "unproved@test.example", "password": PASSWORD, "first_name": "Ama", "last_name": "Mensah", "hostel_id": hostel,
    });
    app.post("/api/auth/register").json(body).told().await.is(201);
    let disabled = "UPDATE accounts SET status = 'disabled' WHERE email = 'disabled@test.example'";
    assert_eq!(app.owner().await.run(disabled).await, 1);
    let path = format!("/api/users/{left}");
    app.put(&path).by(&admin).seen(1).json(json!({"status": "deactivated"})).told().await.is(200);

    let mut refusals = Vec::new();
    for (who, identifier, password, status, code) in [
        ("unknown", "nobody@test.example", PASSWORD, 401, "UNAUTHORIZED"),
        ("unknown username", "nobody-at-all", PASSWORD, 401, "UNAUTHORIZED"),
        ("unknown phone", "+233209999999", PASSWORD, 401, "UNAUTHORIZED"),
        ("wrong", "right@test.example", WRONG, 401, "UNAUTHORIZED"),
        ("without a password", &guest.email, PASSWORD, 401, "UNAUTHORIZED"),
        ("disabled", "disabled@test.example", PASSWORD, 401, "UNAUTHORIZED"),
        ("unproved and wrong", "unproved@test.example", WRONG, 401, "UNAUTHORIZED"),
        ("unproved", "unproved@test.example", PASSWORD, 403, "EMAIL_NOT_VERIFIED"),
        ("no member any more", "left@test.example", PASSWORD, 200, ""),
        ("right", "right@test.example", PASSWORD, 200, ""),
    ] {
        let before = app.house.hasher.hashes_computed();
        let told = login(&app, identifier, password).told().await;
        let computed = app.house.hasher.hashes_computed() - before;
        assert_eq!((told.status, told.code()), (status, code), "{who}: {}", told.text);
        assert_eq!(computed, 1, "{who}");
        if status == 401 {
            refusals.push((who, told.without_who_and_when()));
        }
    }
    let (_, first) = &refusals[0];
    for (who, refusal) in &refusals {
        assert_eq!(refusal, first, "{who} can be told from unknown");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_computes_one_hash_whoever_asks_on_sqlite() {
    a_login_computes_one_hash_whoever_asks(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_computes_one_hash_whoever_asks_on_postgres() {
    a_login_computes_one_hash_whoever_asks(TestApp::postgres().await).await;
}

/// Asks after the health until told to stop: how often it was answered, and the longest wait.
async fn nurse(client: reqwest::Client, url: String, over: Arc<AtomicBool>) -> (u32, Duration) {
    let (mut answers, mut longest) = (0, Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        let asked = Instant::now();
        let answer = client.get(&url).send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(status, 200, "{}", answer.text().await.unwrap());
        longest = longest.max(asked.elapsed());
        answers += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    (answers, longest)
}

async fn a_flood_of_logins_takes_no_more_than_the_pool_has(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Student, "right@test.example").await;
    let over = Arc::new(AtomicBool::new(false));
    let nurse = tokio::spawn(nurse(reqwest::Client::new(), format!("{}/health", app.base), Arc::clone(&over)));
    let before = app.house.hasher.hashes_computed();

    let ask = |number: usize| match number % 2 {
        0 => login(&app, "right@test.example", PASSWORD),
        _ => login(&app, "nobody@test.example", PASSWORD),
    };
    let finished = race(200, |number| ask(number).timed()).await.assert_overlapped();
    over.store(true, Ordering::SeqCst);
    let (answers, longest) = nurse.await.unwrap();

    let (mut hashed, mut busy, mut slowest_busy) = (0, 0, Duration::ZERO);
    for (number, (told, took)) in finished.iter().enumerate() {
        match told.status {
            200 if number % 2 == 0 => hashed += 1,
            401 if number % 2 == 1 => hashed += 1,
            503 => {
                assert_eq!((told.code(), told.header("retry-after")), ("SERVICE_UNAVAILABLE", "1"), "{}", told.text);
                busy += 1;
                slowest_busy = slowest_busy.max(*took);
            }
            _ => panic!("{number}: {} {}", told.status, told.text),
        }
    }
    println!(
        "{hashed} were judged, {busy} told to come back after at most {slowest_busy:?}; health answered {answers} times in at most {longest:?}"
    );
    assert_eq!(app.house.hasher.hashes_computed() - before, hashed, "a hash that nobody got an answer from");
    assert!(hashed > 0, "nobody was let in");
    assert!(slowest_busy < Duration::from_secs(10), "who is sent away waits {slowest_busy:?} for it");
    assert!(answers > 1, "nobody could see whether the house was well");

    let (workers, load) = (PoolSettings::default().workers, app.house.hasher.load());
    assert!(load.most_working <= workers, "{load:?}");
    let memory = u64::from(Argon2Parameters::default().memory) * 1024 * workers as u64;
    assert!(load.most_memory <= memory, "{load:?}");
    login(&app, "right@test.example", PASSWORD).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_takes_no_more_than_the_pool_has_on_sqlite() {
    a_flood_of_logins_takes_no_more_than_the_pool_has(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_takes_no_more_than_the_pool_has_on_postgres() {
    a_flood_of_logins_takes_no_more_than_the_pool_has(TestApp::postgres().await).await;
}
