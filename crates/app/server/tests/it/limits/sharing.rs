//! Who shares a quota with whom, and what else there is to the limits.

use domicile_kernel::Role;
use futures_util::future::join_all;
use serde_json::json;

use crate::{
    limits::limited,
    support::{On, TestApp},
};

#[tokio::test(flavor = "multi_thread")]
async fn people_and_hostels_do_not_share() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        limited(settings);
        settings.rate_limits.configure("general_get", "3/1m").unwrap();
    })
    .await;
    let (volta, ankobra) = (app.hostel("Volta Hall").await, app.hostel("Ankobra Hall").await);
    let (ama, kofi) = (app.member(volta, Role::Admin).await, app.member(volta, Role::Admin).await);
    let owner = app.super_admin().await;
    for left in ["2", "1", "0"] {
        assert_eq!(app.get("/api/rooms").by(&ama).told().await.is(200).header("x-ratelimit-remaining"), left);
    }
    // Under any address she comes from.
    app.get("/api/rooms").by(&ama).from("203.0.113.77").told().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.get("/api/rooms").by(&kofi).told().await.is(200);
    // What somebody does in one hostel tells nothing in the next.
    for _ in 0..3 {
        app.get("/api/rooms").by(&owner).at(volta).told().await.is(200);
    }
    app.get("/api/rooms").by(&owner).at(volta).told().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.get("/api/rooms").by(&owner).at(ankobra).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_aliases_and_methods_of_an_operation_share() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let left = async |path: &str, method: reqwest::Method| {
        let asked = app.ask(method, path).by(&admin);
        let told = asked.told().await;
        (told.header("ratelimit-policy").split(';').next().unwrap().to_owned(), told.number("x-ratelimit-remaining"))
    };
    let stay = "0190f5a0-0000-7000-8000-0000000000aa";
    let (get, put) = ("\"general-get\"".to_owned(), "\"general-put\"".to_owned());
    for (path, left_over) in [("/api/rooms", 99), ("/api/v1/rooms", 98), ("/api/v2/rooms", 97), ("/api/v0/rooms", 96)] {
        assert_eq!(left(path, reqwest::Method::GET).await, (get.clone(), left_over), "{path}");
    }
    assert_eq!(left("/api/rooms", reqwest::Method::HEAD).await, (get.clone(), 95));
    let close = format!("/api/bookings/{stay}/cancel");
    for (method, left_over) in [(reqwest::Method::PUT, 29), (reqwest::Method::POST, 28), (reqwest::Method::PATCH, 27)] {
        assert_eq!(left(&close, method).await, (put.clone(), left_over));
    }
    assert_eq!(left(&format!("/api/rooms/{stay}"), reqwest::Method::PATCH).await, (put, 26));
    // Other spellings of an operation, as the alias table has them.
    for (path, left_over) in [("/api/users", 94), ("/api/user", 93), ("/api/admin/users", 92), ("/api/v2/user", 91)] {
        assert_eq!(left(path, reqwest::Method::GET).await, (get.clone(), left_over), "{path}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_where_somebody_comes_from() {
    let one = |trusted: bool| {
        TestApp::start_with_settings(On::Sqlite, move |settings| {
            limited(settings);
            if !trusted {
                settings.trusted_proxies.clear();
            }
            settings.rate_limits.configure("login", "1/1m").unwrap();
        })
    };
    let app = one(true).await;
    for ip in ["203.0.113.1", "203.0.113.2", "2001:db8:1:1::1", "2001:db8:1:2::1"] {
        app.post("/api/auth/login").from(ip).json(json!({})).told().await.is(400);
    }
    // The last hop is the one that counts, and a household of IPv6 is one address.
    for ip in ["6.6.6.6, 203.0.113.1", "2001:db8:1:1:ffff::2"] {
        app.post("/api/auth/login").from(ip).json(json!({})).told().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    }
    app.end().await;
    let app = one(false).await;
    app.post("/api/auth/login").from("203.0.113.1").json(json!({})).told().await.is(400);
    for ip in ["203.0.113.2", "203.0.113.3"] {
        app.post("/api/auth/login").from(ip).json(json!({})).told().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_at_once_exactly_a_hundred_pass() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let told = join_all((0..200).map(|_| app.get("/api/rooms").by(&admin).told())).await;
    let mut left: Vec<i64> =
        told.iter().filter(|told| told.status == 200).map(|told| told.number("x-ratelimit-remaining")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..100).collect::<Vec<_>>());
    assert_eq!(told.iter().filter(|told| told.is_too_many()).count(), 100);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_tokens_are_too_many_after_a_hundred() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let junk = || app.get("/api/rooms").at(hostel).header("authorization", "Bearer nonsense").from("203.0.113.1");
    for _ in 0..100 {
        assert_eq!(junk().told().await.status, 401);
    }
    junk().told().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    // Somebody signed in behind the same address is not touched.
    app.get("/api/rooms").by(&admin).from("203.0.113.1").told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_documentation_are_not_counted() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        limited(settings);
        settings.rate_limits.configure("address", "1/1m").unwrap();
    })
    .await;
    for _ in 0..3 {
        for path in ["/health", "/health/ready", "/health/live", "/api/health", "/api/openapi.json", "/docs/errors"] {
            let told = app.get(path).told().await;
            assert_ne!(told.status, 429, "{path}");
            assert_eq!(told.header("x-ratelimit-limit"), "", "{path}");
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nobody_is_refused_and_nothing_is_told() {
    let app = TestApp::sqlite().await;
    for _ in 0..20 {
        let told = app.post("/api/auth/login").json(json!({})).told().await.is(400);
        assert_eq!((told.header("x-ratelimit-limit"), told.header("ratelimit")), ("", ""));
    }
    app.end().await;
}
