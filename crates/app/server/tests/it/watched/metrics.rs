//! `/metrics`: who may read it, and that it tells the truth.

use std::time::Duration;

use domicile_kernel::Role;
use domicile_server::settings::Profile;
use serde_json::json;

use crate::{
    money::stage::{RENT, Stage, success},
    support::{On, TestApp, stay},
};

/// The value of a series, by the text before it; nothing when it is not there.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_stands_there_by_pattern_and_what_was_made_is_counted() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Adom").await;
    let (manager, student) = (app.member(hostel, Role::Manager).await, app.member(hostel, Role::Student).await);
    let place = app.place(&manager, "A1", 2).await;
    app.post("/api/bookings").by(&student).json(stay(&place.room, 1, 4)).told().await.is(201);
    app.get(&format!("/api/v2/rooms/{}", place.room)).by(&student).told().await.is(200);
    app.get("/api/rooms").told().await.is(401);
    app.get("/api/no-such-thing/4111111111111111").told().await.is(404);
    app.delete("/api/rooms").told().await.is(405);
    let told = app.get("/metrics").told().await.is(200);
    assert_eq!(told.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = &told.text;
    for (series, expected) in [
        (r#"api_request_count{endpoint="/api/bookings",method="POST",status="201"}"#, 1.0),
        (r#"api_request_duration_count{endpoint="/api/bookings",method="POST",status="201"}"#, 1.0),
        (r#"api_request_count{endpoint="/api/rooms/{id}",method="GET",status="200"}"#, 1.0),
        (r#"api_request_errors{endpoint="/api/rooms",method="GET",status="401"}"#, 1.0),
        (r#"api_request_count{endpoint="unmatched",method="any",status="404"}"#, 1.0),
        (r#"api_request_count{endpoint="unmatched",method="any",status="405"}"#, 1.0),
        ("bookings_created", 1.0),
        // The manager; a guest at the desk is a student without a sign-up.
        (r#"domicile_build_info{version="0.1.0"}"#, 1.0),
    ] {
        assert_eq!(value(text, series), Some(expected), "{series} in\n{text}");
    }
    assert!(value(text, "users_registered").unwrap() >= 1.0);
    assert!(value(text, r#"db_query_duration_count{kind="select"}"#).unwrap() > 1.0);
    assert_eq!(value(text, r#"db_query_errors{kind="commit"}"#), Some(0.0));
    let pooled = ["busy", "idle"]
        .map(|state| value(text, &format!(r#"db_connection_pool{{pool="readers",state="{state}"}}"#)).unwrap());
    assert!(pooled.iter().sum::<f64>() >= 1.0);
    assert!(!text.contains("4111111111111111") && !text.contains(&place.room), "a path that was asked for is a label");
    assert!(!text.contains("maintenance_"));
    for series in ["payments_completed", "payments_failed", "payments_quarantined"] {
        assert_eq!(value(text, series), Some(0.0), "{series} in\n{text}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_are_counted_once_each_however_often_they_are_told() {
    let stage = Stage::on(On::Sqlite).await;
    let booking = stage.stay_of(&stage.student, 0, 5).await;
    let bills = stage.invoices(&booking).await;
    let told_twice = stage.begin(&bills[0]).await;
    stage.press(&told_twice, "pay_twice").await;
    stage.verify(&told_twice).await.is(200);
    stage.pay(&bills[1]).await;
    let declined = stage.begin(&bills[2]).await;
    stage.press(&declined, "decline").await;
    stage.verify(&declined).await.is(402);
    let forged = success(&stage.begin(&bills[3]).await.reference, RENT - 1);
    stage.told_by_sandbox(&forged).await.is(200);
    stage.rest().await;
    let text = stage.app.get("/metrics").told().await.is(200).text;
    for (series, expected) in [("payments_completed", 2.0), ("payments_failed", 1.0), ("payments_quarantined", 1.0)] {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
    assert!(!text.contains(&declined.reference) && !text.contains(&declined.id), "a payment is a label");
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_it_is_asked_for() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| {
        settings.metrics_token = Some("a-long-scrape-token".to_owned());
    })
    .await;
    let owner = app.super_admin().await;
    app.get("/metrics").told().await.is(401);
    app.get("/metrics").by(&owner).told().await.is(401);
    app.get("/metrics").header("authorization", "Bearer a-long-scrape-toke").told().await.is(401);
    let told = app.get("/metrics").header("authorization", "Bearer a-long-scrape-token").told().await.is(200);
    assert!(told.text.contains("api_request_count"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_production_has_no_such_address() {
    let app = TestApp::start_with(On::Sqlite, |state| state.shell.config.production = true).await;
    app.get("/metrics").told().await.is(404);
    assert_eq!(app.house.settings.profile, Profile::Local);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_the_relay_are_counted() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Adom").await;
    let email = "ama@new.example";
    let body = json!({ "email": email, "password": crate::support::PASSWORD, "first_name": "Ama", "last_name": "Owusu", "hostel_id": hostel });
    app.post("/api/auth/register").json(body).told().await.is(201);
    app.mails(email, 1).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let text = app.get("/metrics").told().await.is(200).text;
        let sent = value(&text, r#"jobs_done{kind="mail.send",result="done"}"#);
        let sealed = value(&text, "audit_sealed");
        if sent >= Some(1.0) && sealed >= Some(1.0) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.end().await;
}
