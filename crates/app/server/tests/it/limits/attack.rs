//! What an attacker can do with the limits, and cannot do to others.

use domicile_kernel::Role;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    limits::limited,
    support::{On, PASSWORD, TestApp, Told},
};

const OWNER: &str = "owner@house.example";

async fn login(app: &TestApp, ip: &str, identifier: &str, password: &str) -> Told {
    let body = json!({ "identifier": identifier, "password": password });
    app.post("/api/auth/login").from(ip).json(body).told().await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_passwords_from_elsewhere_do_not_keep_the_owner_out() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Admin, OWNER).await;
    let tries = stream::iter(0..10_000_u32).map(|number| {
        let app = &app;
        async move { login(app, &format!("198.51.100.{}", number % 8), OWNER, "Wrong-horse-1!").await }
    });
    let (mut looked_at, mut refused) = (0, 0);
    let mut told = tries.buffer_unordered(32);
    while let Some(told) = told.next().await {
        match told.status {
            // Too many at once to hash: that address has had its try all the same.
            401 | 503 => looked_at += 1,
            429 => refused += 1,
            _ => panic!("{}", told.text),
        }
    }
    // Of each address exactly five were looked at.
    assert_eq!((looked_at, refused), (40, 9_960));
    drop(told);
    login(&app, "203.0.113.5", OWNER, PASSWORD).await.is(200);
    // The attacker's addresses are shut, whatever they send.
    login(&app, "198.51.100.1", OWNER, PASSWORD).await.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_one_trusted_address_one_persons_failures_do_not_shut_out_the_next() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        limited(settings);
        settings.rate_limits.configure("trusted_networks", "203.0.113.0/24").unwrap();
    })
    .await;
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Admin, OWNER).await;
    app.member_with_password(hostel, Role::Student, "ama@house.example").await;
    let house = "203.0.113.9";
    // What works is no failure, however often.
    for _ in 0..2 {
        login(&app, house, "ama@house.example", PASSWORD).await.is(200);
    }
    // At once, and in other spellings: no more than five guesses get through.
    let guesses = (0..12).map(|number| {
        let spelling = [OWNER, " Owner@House.example", "OWNER@HOUSE.EXAMPLE "][number % 3];
        login(&app, house, spelling, "Wrong-horse-1!")
    });
    let told = futures_util::future::join_all(guesses).await;
    assert_eq!(told.iter().filter(|told| told.status == 401).count(), 5);
    assert_eq!(told.iter().filter(|told| told.is_too_many()).count(), 7);
    let shut = login(&app, house, OWNER, PASSWORD).await.refuses(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(shut.header("ratelimit-policy"), "\"login-failures\";q=5;w=900");
    login(&app, house, "ama@house.example", PASSWORD).await.is(200);
    login(&app, "198.51.100.1", OWNER, PASSWORD).await.is(200);
    app.end().await;
}

/// Another code than this one.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Ten thousand tries at a code that are all refused, from so many networks; the limit lets five of each through to be judged.
async fn ten_thousand_tries(app: &TestApp, path: &str, body: &serde_json::Value, networks: u32) {
    const TRIES: u32 = 10_000;
    let tries = stream::iter(0..TRIES).map(|number| {
        let network = number % networks;
        let ip = format!("10.{}.{}.7", network / 256, network % 256);
        app.post(path).from(&ip).json(body.clone()).told()
    });
    let (mut wrong, mut dead, mut limited) = (0, 0, 0);
    let mut told = tries.buffer_unordered(32);
    while let Some(told) = told.next().await {
        match (told.status, told.code()) {
            (400, "VALIDATION_ERROR") => wrong += 1,
            // Nothing is left of the tries that all strangers share, or too many passwords are being hashed.
            (429, "TOO_MANY_ATTEMPTS") | (503, _) => dead += 1,
            (429, "RATE_LIMIT_EXCEEDED") => limited += 1,
            _ => panic!("{}", told.text),
        }
    }
    // However many addresses they have, they share five tries, the last of which kills the code for them.
    assert_eq!(wrong, 4, "strangers had other tries at a code than they share");
    assert_eq!((dead, limited), (networks * 5 - wrong, TRIES - networks * 5));
}

async fn registered(app: &TestApp, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu" });
    app.post("/api/auth/register").from("203.0.113.5").json(body).told().await.is(201);
    app.code(email, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_codes_from_elsewhere_do_not_spend_the_owners_code() {
    let app = TestApp::limited().await;
    let email = "ama@new.example";
    let code = registered(&app, email).await;
    let body = json!({ "email": email, "otp": wrong(&code) });
    ten_thousand_tries(&app, "/api/auth/verify-otp", &body, 400).await;
    let body = json!({ "email": email, "otp": code });
    // It is dead for strangers, the right one, too, and alive for whoever asked for it.
    let stranger = app.post("/api/auth/verify-otp").from("192.0.2.7").json(body.clone());
    stranger.told().await.refuses(429, "TOO_MANY_ATTEMPTS");
    app.post("/api/auth/verify-otp").from("203.0.113.5").json(body).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_wrong_reset_codes_from_elsewhere_do_not_spend_the_owners_code() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    app.member_with_password(hostel, Role::Admin, OWNER).await;
    let forgot = app.post("/api/auth/forgot-password").from("203.0.113.5").json(json!({ "email": OWNER }));
    forgot.told().await.is(200);
    let code = app.code(OWNER, 1).await;
    let body = json!({ "email": OWNER, "otp": wrong(&code), "new_password": "Strangers-horse-1!" });
    // Each that is judged costs the hash of a password, so there are fewer of them.
    ten_thousand_tries(&app, "/api/auth/reset-password", &body, 20).await;
    let body = json!({ "email": OWNER, "otp": code, "new_password": "Another-horse-2!" });
    app.post("/api/auth/reset-password").from("203.0.113.5").json(body).told().await.is(200);
    login(&app, "203.0.113.5", OWNER, "Another-horse-2!").await.is(200);
    app.end().await;
}
