//! A deposit from the bill to its end (J32): held, deductions proposed, answered, settled.

use std::time::Duration;

use domicile_kernel::Role;
use serde_json::{Value, json};

use super::stage::{RENT, Stage, ghs, minor, text};
use crate::support::{Asked, On, Person};

/// A stay of today with a deposit of a month's rent that was paid; the stay's path and the deposit's.
async fn paid(stage: &Stage) -> (String, String) {
    stage.terms(json!({ "deposit_percent": 100 })).await;
    let stay = stage.app.stay(stage.hostel, stage.student.id, "2026-01-20").await;
    let booking = stay.id.to_string();
    stage.approve(&booking).await;
    let bills = stage.invoices(&booking).await;
    assert_eq!((bills[0]["kind"].as_str(), minor(&bills[0]["total"])), (Some("deposit"), RENT));
    let deposits = format!("/api/deposits?booking_id={booking}");
    let awaited = stage.app.get(&deposits).by(&stage.student).told().await.is(200);
    let deposit = &awaited.data()[0];
    assert_eq!((deposit["status"].as_str(), minor(&deposit["held"])), (Some("awaiting"), 0));
    stage.pay(&bills[0]).await;
    let path = format!("/api/deposits/{}", text(&deposit["id"]));
    let held = stage.app.get(&path).by(&stage.student).told().await.is(200);
    assert_eq!((held.data()["status"].as_str(), minor(&held.data()["held"])), (Some("held"), RENT));
    (format!("/api/bookings/{booking}"), path)
}

async fn version(stage: &Stage, path: &str) -> i64 {
    stage.app.get(path).by(&stage.admin).told().await.is(200).data()["version"].as_i64().unwrap()
}

/// One step of the deposit, having seen how it is now.
async fn step(stage: &Stage, who: &Person, path: &str, verb: &str, body: Value) -> Asked {
    let seen = version(stage, path).await;
    stage.app.put(&format!("{path}/{verb}")).by(who).seen(seen).json(body)
}

async fn moved_out(stage: &Stage, stay: &str) {
    for verb in ["check-in", "check-out"] {
        let seen = version(stage, stay).await;
        stage.app.put(&format!("{stay}/{verb}")).by(&stage.admin).seen(seen).told().await.is(200);
    }
}

async fn a_deposit_is_held_assessed_answered_and_settled(on: On) {
    let stage = Stage::on(on).await;
    let (stay, path) = paid(&stage).await;
    let (admin, student) = (&stage.admin, &stage.student);
    let settle = async || step(&stage, admin, &path, "settle", json!({})).await.told().await;
    settle().await.refuses(409, "RESOURCE_CONFLICT");
    moved_out(&stage, &stay).await;

    let deduct = |amount: i64| json!({ "deductions": [{ "description": "A broken window", "amount": ghs(amount) }] });
    step(&stage, admin, &path, "assess", deduct(RENT + 1)).await.told().await.refuses(409, "RESOURCE_CONFLICT");
    step(&stage, admin, &path, "assess", json!({})).await.told().await.refuses(400, "VALIDATION_ERROR");
    step(&stage, student, &path, "assess", deduct(1)).await.told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    let assessed = step(&stage, admin, &path, "assess", deduct(12_000)).await.told().await.is(200);
    assert_eq!((assessed.data()["status"].as_str(), minor(&assessed.data()["deducted"])), (Some("assessed"), 12_000));
    // The resident may answer, so it cannot be settled past them; and nobody answers for them.
    settle().await.refuses(409, "RESOURCE_CONFLICT");
    let answer = json!({ "accepted": false, "note": "It was broken before" });
    for other in [admin, &stage.app.member(stage.hostel, Role::Student).await] {
        step(&stage, other, &path, "answer", answer.clone()).await.told().await.refuses(403, "FORBIDDEN");
    }
    let answered = step(&stage, student, &path, "answer", answer).await.told().await.is(200);
    assert_eq!(answered.data()["answer"]["note"], "It was broken before");
    let stale = stage.app.put(&format!("{path}/settle")).by(admin).seen(1).json(json!({}));
    stale.told().await.refuses(409, "VERSION_CONFLICT");
    let settled = settle().await.is(200);
    assert_eq!(
        (settled.data()["status"].as_str(), minor(&settled.data()["returned"])),
        (Some("settled"), RENT - 12_000)
    );
    settle().await.refuses(409, "RESOURCE_CONFLICT");
    stage.rest().await;

    // What is kept is income, the rest went back the way it came.
    let kept = "SELECT balance FROM ledger_accounts WHERE kind = 'other_income'";
    let mut owner = stage.app.owner().await;
    assert_eq!(owner.number(kept).await, -12_000);
    assert_eq!(owner.number("SELECT refunded FROM sandbox_charges").await, RENT - 12_000);
    assert_eq!(owner.number("SELECT count(*) FROM refunds WHERE origin = 'deposit' AND state = 'completed'").await, 1);
    let told = stage.events("deposit").await;
    assert_eq!(told, ["deposit.held", "deposit.assessed", "deposit.answered", "deposit.settled"]);
    // What the resident wrote is theirs and the house's, and in nobody's log.
    let logs = "SELECT CAST(data AS TEXT) FROM events UNION ALL SELECT CAST(after AS TEXT) FROM audit_log";
    assert!(!owner.texts(logs).await.concat().concat().contains("broken before"));
    drop(owner);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_held_assessed_answered_and_settled_on_sqlite() {
    a_deposit_is_held_assessed_answered_and_settled(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_held_assessed_answered_and_settled_on_postgres() {
    a_deposit_is_held_assessed_answered_and_settled(On::Postgres).await;
}

async fn who_does_not_answer_in_time_has_agreed_and_money_may_go_into_the_wallet(on: On) {
    let stage = Stage::on(on).await;
    let (stay, path) = paid(&stage).await;
    moved_out(&stage, &stay).await;
    let deduct = json!({ "deductions": [{ "description": "Cleaning", "amount": ghs(5_000) }] });
    step(&stage, &stage.admin, &path, "assess", deduct).await.told().await.is(200);
    stage.app.clock.advance(Duration::from_hours(7 * 24) + Duration::from_secs(1));
    let again = async |person: &Person| stage.app.session_of(person.id, person.email.clone(), person.hostel).await;
    let (admin, student) = (again(&stage.admin).await, again(&stage.student).await);
    let stage = Stage { admin, student, ..stage };
    let late = json!({ "accepted": false });
    step(&stage, &stage.student, &path, "answer", late).await.told().await.refuses(409, "RESOURCE_CONFLICT");
    let wallet = json!({ "to": "wallet" });
    let settled = step(&stage, &stage.admin, &path, "settle", wallet).await.told().await.is(200);
    assert_eq!(minor(&settled.data()["returned"]), RENT - 5_000);
    assert_eq!(stage.balance(&stage.student).await, RENT - 5_000);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_in_time_has_agreed_and_money_may_go_into_the_wallet_on_sqlite() {
    who_does_not_answer_in_time_has_agreed_and_money_may_go_into_the_wallet(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_in_time_has_agreed_and_money_may_go_into_the_wallet_on_postgres() {
    who_does_not_answer_in_time_has_agreed_and_money_may_go_into_the_wallet(On::Postgres).await;
}
