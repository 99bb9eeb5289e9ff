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

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_from_elsewhere_do_not_spend_the_owners_code() {
    let app = TestApp::limited().await;
    let email = "ama@new.example";
    let body = json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu" });
    app.post("/api/auth/register").from("203.0.113.5").json(body).told().await.is(201);
    let code = app.code(email, 1).await;
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    let verify = async |ip: &str, otp: &str| {
        app.post("/api/auth/verify-otp").from(ip).json(json!({ "email": email, "otp": otp })).told().await
    };
    for number in 0..1_000 {
        assert_ne!(verify(&format!("198.51.100.{}", number % 8), &wrong).await.status, 200);
    }
    verify("203.0.113.5", &code).await.is(200);
    app.end().await;
}
