//! One-time codes under parallel guesses (J4a): a right one counts once, wrong ones are counted one by one, and time is up
//! when it is up.

use std::time::Duration;

use domicile_kernel::HostelId;
use domicile_testkit::barrier::race;
use serde_json::json;

use crate::support::{Asked, PASSWORD, TestApp};

async fn registered(app: &TestApp, hostel: HostelId, email: &str) -> String {
    let body = json!({
        "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Mensah", "hostel_id": hostel,
    });
    app.post("/api/auth/register").json(body).told().await.is(201);
    app.code(email, 1).await
}

fn guess(app: &TestApp, email: &str, code: &str) -> Asked {
    app.post("/api/auth/verify-otp").json(json!({"email": email, "otp": code}))
}

/// Another code than this one.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

async fn a_right_code_counts_once(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let email = "once@test.example";
    let code = registered(&app, hostel, email).await;
    let told = race(200, |_| guess(&app, email, &code).told()).await.assert_overlapped();
    let (right, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.status == 200);
    assert_eq!(right.len(), 1, "one success for one code");
    for told in others {
        let told = told.refuses(400, "VALIDATION_ERROR");
        assert_eq!(told.json["errors"][0]["field"], "otp");
    }
    let proved = "SELECT count(*) FROM audit_log WHERE action = 'account.verify'";
    assert_eq!(app.owner().await.number(proved).await, 1);
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_counts_once_on_sqlite() {
    a_right_code_counts_once(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_counts_once_on_postgres() {
    a_right_code_counts_once(TestApp::postgres().await).await;
}

async fn parallel_wrong_codes_are_counted_one_by_one(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let email = "guessed@test.example";
    let code = registered(&app, hostel, email).await;
    let told = race(50, |_| guess(&app, email, &wrong(&code)).told()).await.assert_overlapped();
    let (counted, dead): (Vec<_>, Vec<_>) = told.into_iter().partition(|told| told.status == 400);
    assert_eq!(counted.len(), 4, "the fifth wrong guess ends the code");
    for told in dead {
        told.refuses(429, "TOO_MANY_ATTEMPTS");
    }
    guess(&app, email, &code).told().await.refuses(429, "TOO_MANY_ATTEMPTS");
    // A new code is a new chance.
    app.post("/api/auth/resend-otp").json(json!({ "email": email })).told().await.is(200);
    let code = app.code(email, 2).await;
    guess(&app, email, &code).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_codes_are_counted_one_by_one_on_sqlite() {
    parallel_wrong_codes_are_counted_one_by_one(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_codes_are_counted_one_by_one_on_postgres() {
    parallel_wrong_codes_are_counted_one_by_one(TestApp::postgres().await).await;
}

async fn a_code_lives_ten_minutes(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let code = registered(&app, hostel, "in-time@test.example").await;
    let late = registered(&app, hostel, "late@test.example").await;
    app.clock.advance(Duration::from_secs(599));
    guess(&app, "in-time@test.example", &code).told().await.is(200);
    app.clock.advance(Duration::from_secs(2));
    guess(&app, "late@test.example", &late).told().await.refuses(400, "VALIDATION_ERROR");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_ten_minutes_on_sqlite() {
    a_code_lives_ten_minutes(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_lives_ten_minutes_on_postgres() {
    a_code_lives_ten_minutes(TestApp::postgres().await).await;
}
