//! Each printed rule: the one too many is refused, and the window opens again.

use std::time::Duration;

use domicile_kernel::Role;
use serde_json::json;

use crate::{
    limits::holds,
    limits::limited,
    support::{On, PASSWORD, TestApp},
};

const NOWHERE: &str = "0190f5a0-0000-7000-8000-0000000000aa";

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_is_tried_five_times_a_quarter_of_an_hour_from_one_address() {
    let app = TestApp::limited().await;
    // What was sent does not matter: every try counts.
    holds(&app, "login", 5, 900, async || app.post("/api/auth/login").from("203.0.113.1").json(json!({})).told().await)
        .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_accounts_an_hour_are_made_from_one_address() {
    let app = TestApp::limited().await;
    let body = json!({ "email": "no address" });
    holds(&app, "register", 3, 3_600, async || {
        app.post("/api/auth/register").from("203.0.113.1").json(body.clone()).told().await
    })
    .await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_codes_are_asked_for_thrice_an_hour_from_one_address_and_five_times_for_one_mailbox() {
    let app = TestApp::limited().await;
    holds(&app, "forgot-password", 3, 3_600, async || {
        app.post("/api/auth/forgot-password").from("203.0.113.1").json(json!({ "email": "a@x.example" })).told().await
    })
    .await;
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        limited(settings);
        settings.rate_limits.configure("forgot_password", "off").unwrap();
    })
    .await;
    let mut spellings = ["owner@x.example", " Owner@X.example ", "OWNER@x.example"].into_iter().cycle();
    let mut number = 0;
    let mut next = || {
        number += 1;
        let body = json!({ "email": spellings.next().unwrap() });
        app.post("/api/auth/forgot-password").from(&format!("203.0.113.{number}")).json(body).told()
    };
    for _ in 0..5 {
        next().await.is(200);
    }
    let told = next().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(told.header("ratelimit-policy"), "\"forgot-password-email\";q=5;w=3600");
    let other = app.post("/api/auth/forgot-password").from("203.0.113.1").json(json!({ "email": "b@x.example" }));
    other.told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_tried_five_times_in_ten_minutes_for_one_mailbox() {
    let app = TestApp::limited().await;
    let body = json!({ "email": "a@x.example", "otp": "123456" });
    let verify = async || app.post("/api/auth/verify-otp").from("203.0.113.1").json(body.clone()).told().await;
    holds(&app, "verify-otp", 5, 600, verify).await;
    // From elsewhere it can still be tried: nobody is locked out by a stranger.
    app.post("/api/auth/verify-otp").from("203.0.113.2").json(body.clone()).told().await.is(400);
    // A new password by code is the same guessing, from the same quota.
    for _ in 0..4 {
        assert!(!verify().await.is_too_many());
    }
    let reset = json!({ "email": "A@X.example", "otp": "123456", "new_password": "Another-horse-2!" });
    let told = app.post("/api/auth/reset-password").from("203.0.113.1").json(reset).told().await;
    told.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_sent_again_thrice_an_hour_to_one_mailbox() {
    let app = TestApp::limited().await;
    holds(&app, "resend-otp", 3, 3_600, async || {
        app.post("/api/auth/resend-otp").from("203.0.113.1").json(json!({ "email": "a@x.example" })).told().await
    })
    .await;
    // Wherever it is asked from.
    for ip in ["203.0.113.2", "203.0.113.3"] {
        app.post("/api/auth/resend-otp").from(ip).json(json!({ "email": "a@x.example" })).told().await.is(200);
    }
    let told =
        app.post("/api/auth/resend-otp").from("203.0.113.4").json(json!({ "email": "a@x.example" })).told().await;
    told.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_has_its_quota_a_minute_for_each_person() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    holds(&app, "general-get", 100, 60, async || app.get("/api/rooms").by(&admin).told().await).await;
    holds(&app, "general-post", 30, 60, async || app.post("/api/rooms").by(&admin).json(json!({})).told().await).await;
    let room = format!("/api/rooms/{NOWHERE}");
    holds(&app, "general-put", 30, 60, async || app.put(&room).by(&admin).seen(1).json(json!({})).told().await).await;
    holds(&app, "general-delete", 10, 60, async || app.delete(&room).by(&admin).seen(1).told().await).await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bed_is_asked_for_five_times_an_hour_and_as_a_post_besides() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let student = app.member(hostel, Role::Student).await;
    holds(&app, "create-booking", 5, 3_600, async || {
        // A token lives no longer than this window, so each try has its own session: it is the account that counts.
        let student = app.session_of(student.id, student.email.clone(), student.hostel).await;
        app.post("/api/bookings").by(&student).json(json!({})).told().await
    })
    .await;
    let student = app.session_of(student.id, student.email, student.hostel).await;
    // The last one and no refused one counted as a POST.
    let told = app.post("/api/rooms").by(&student).json(json!({})).told().await.is(403);
    assert_eq!(
        (told.header("ratelimit-policy"), told.number("x-ratelimit-remaining")),
        ("\"general-post\";q=30;w=60", 28)
    );
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_is_begun_ten_times_an_hour_and_what_gateways_tell_is_not_counted() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let student = app.member(hostel, Role::Student).await;
    holds(&app, "initialize-payment", 10, 3_600, async || {
        let student = app.session_of(student.id, student.email.clone(), student.hostel).await;
        app.post("/api/payments/initialize").by(&student).json(json!({})).told().await
    })
    .await;
    for _ in 0..200 {
        let told = app.post("/api/payments/webhook/sandbox").from("203.0.113.1").raw("{}").told().await;
        told.clone().refuses(401, "UNAUTHORIZED");
        assert_eq!(told.header("x-ratelimit-limit"), "", "{:?}", told.headers);
    }
    // Somebody else's beginnings are their own, and the way there and back is not counted with them.
    let other = app.member(hostel, Role::Student).await;
    let told = app.post("/api/payments/initialize").by(&other).json(json!({})).told().await.is(400);
    assert_eq!(told.number("x-ratelimit-remaining"), 9);
    // Filling the wallet opens a checkout as well, and counts with them.
    let told = app.post("/api/wallet/topup").by(&other).json(json!({})).told().await.is(400);
    assert_eq!(told.number("x-ratelimit-remaining"), 8);
    let told = app.get("/api/payments").by(&other).told().await.is(200);
    assert_eq!(told.header("ratelimit-policy"), "\"general-get\";q=100;w=60");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_is_the_printed_one_in_every_version() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        limited(settings);
        settings.rate_limits.configure("login", "1/5m").unwrap();
    })
    .await;
    app.post("/api/auth/login").json(json!({})).told().await.is(400);
    let data = json!({ "retry_after": 300, "limit": 1, "reset_at": "2026-01-20T10:35:00Z" });
    for path in ["/api/auth/login", "/api/v1/auth/login", "/api/v0/auth/login"] {
        let told = app.post(path).header("x-request-id", "req-1").json(json!({})).told().await;
        let printed = json!({
            "success": false,
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "Too many requests. Please try again later.",
            "data": data,
            "timestamp": "2026-01-20T10:30:00Z",
            "request_id": "req-1",
        });
        assert_eq!((told.status, &told.json), (429, &printed), "{path}");
        assert_eq!(told.header("content-type"), "application/json");
        assert_eq!((told.header("retry-after"), told.header("x-ratelimit-limit")), ("300", "1"));
        assert_eq!(told.header("x-ratelimit-reset"), "1768905300");
        assert_eq!(told.header("ratelimit"), "\"login\";r=0;t=300");
        assert_eq!(told.header("ratelimit-policy"), "\"login\";q=1;w=300");
    }
    let told = app.post("/api/v2/auth/login").header("x-request-id", "req-1").json(json!({})).told().await;
    let problem = json!({
        "type": "/docs/errors#rate-limit-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests. Please try again later.",
        "instance": "/api/auth/login",
        "code": "RATE_LIMIT_EXCEEDED",
        "data": data,
        "request_id": "req-1",
    });
    assert_eq!((told.status, &told.json), (429, &problem));
    assert_eq!((told.header("content-type"), told.header("retry-after")), ("application/problem+json", "300"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_token_guesses_the_password_no_faster_than_who_holds_none() {
    let app = TestApp::limited().await;
    let hostel = app.hostel("Volta Hall").await;
    let person = app.member(hostel, Role::Student).await;
    let change = async |current: &str| {
        let body = json!({ "current_password": current, "new_password": "Another-horse-2!" });
        app.put("/api/auth/password").by(&person).from("203.0.113.1").json(body).told().await
    };
    for _ in 0..5 {
        change("Wrong-horse-9!").await.refuses(400, "VALIDATION_ERROR");
    }
    change(PASSWORD).await.refuses(429, "RATE_LIMIT_EXCEEDED");
    app.clock.advance(Duration::from_mins(15));
    assert!(!change(PASSWORD).await.is_too_many());
    app.end().await;
}
