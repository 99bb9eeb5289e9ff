//! A wallet is filled at the gateway and spent on invoices; nobody spends more than is in it.

use domicile_kernel::Role;
use domicile_testkit::barrier::race;
use serde_json::json;

use super::stage::{RENT, Stage, ghs, minor, text};
use crate::support::On;

async fn a_wallet_is_filled_and_spent_and_never_overdrawn(on: On) {
    let stage = Stage::on(on).await;
    let booking = stage.stay_of(&stage.student, 0, 2).await;
    let bills = stage.invoices(&booking).await;
    let pay = |bill: &serde_json::Value| {
        stage.app.post("/api/wallet/pay").by(&stage.student).json(json!({ "invoice_id": bill["id"] }))
    };
    let told = pay(&bills[0]).told().await.refuses(402, "INSUFFICIENT_BALANCE");
    assert_eq!((&told.data()["balance"], &told.data()["needed"]), (&ghs(0), &ghs(RENT)), "{}", told.text);

    stage.fill(&stage.student, RENT + 1_000).await;
    assert_eq!(stage.balance(&stage.student).await, RENT + 1_000);
    let paid = pay(&bills[0]).told().await.is(201);
    assert_eq!((&paid.data()["provider"], &paid.data()["status"]), (&json!("wallet"), &json!("completed")));
    assert_eq!(paid.header("location"), format!("/api/payments/{}", text(&paid.data()["id"])));
    assert_eq!(stage.balance(&stage.student).await, 1_000);
    assert_eq!(stage.invoice(&bills[0]["id"]).await["status"], "paid");
    pay(&bills[0]).told().await.refuses(409, "RESOURCE_CONFLICT");
    let told = pay(&bills[1]).told().await.refuses(402, "INSUFFICIENT_BALANCE");
    assert_eq!(told.data()["balance"], ghs(1_000));
    // A part of it is enough for a part.
    let part = json!({ "invoice_id": bills[1]["id"], "amount": ghs(1_000) });
    stage.app.post("/api/wallet/pay").by(&stage.student).json(part).told().await.is(201);
    assert_eq!(stage.balance(&stage.student).await, 0);
    assert_eq!(minor(&stage.invoice(&bills[1]["id"]).await["paid"]), 1_000);
    // What was paid from the wallet goes back into it, at once.
    let path = format!("/api/payments/{}/refund", text(&paid.data()["id"]));
    let body = json!({ "amount": ghs(500), "reason": "Goodwill" });
    let refund = stage.app.post(&path).by(&stage.admin).json(body).told().await.is(201);
    assert_eq!(refund.data()["status"], "completed");
    assert_eq!(stage.balance(&stage.student).await, 500);
    // Nobody pays their neighbour's bill out of their own wallet.
    let neighbour = stage.app.member(stage.hostel, Role::Student).await;
    let told = stage.app.post("/api/wallet/pay").by(&neighbour).json(json!({ "invoice_id": bills[1]["id"] }));
    told.told().await.refuses(403, "FORBIDDEN");
    for bad in [json!({}), json!({ "amount": ghs(0) }), json!({ "amount": { "amount_minor": 1, "currency": "NGN" } })] {
        stage.app.post("/api/wallet/topup").by(&stage.student).json(bad).told().await.refuses(400, "VALIDATION_ERROR");
    }
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_filled_and_spent_and_never_overdrawn_on_sqlite() {
    a_wallet_is_filled_and_spent_and_never_overdrawn(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_filled_and_spent_and_never_overdrawn_on_postgres() {
    a_wallet_is_filled_and_spent_and_never_overdrawn(On::Postgres).await;
}

/// Enough for two of ten bills, all ten paid at once.
async fn many_who_spend_one_wallet_at_once_spend_no_more_than_is_in_it(on: On) {
    let stage = Stage::on(on).await;
    let booking = stage.stay_of(&stage.student, 0, 10).await;
    let bills = stage.invoices(&booking).await;
    assert_eq!(bills.len(), 10);
    stage.fill(&stage.student, 2 * RENT + 1).await;
    let pay = |number: usize| {
        let body = json!({ "invoice_id": bills[number]["id"] });
        stage.app.post("/api/wallet/pay").by(&stage.student).json(body).told()
    };
    let told = race(bills.len(), pay).await.assert_overlapped();
    let paid = told.iter().filter(|told| told.status == 201).count();
    for refused in told.into_iter().filter(|told| told.status != 201) {
        refused.refuses(402, "INSUFFICIENT_BALANCE");
    }
    assert_eq!((paid, stage.balance(&stage.student).await), (2, 1));
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_spend_one_wallet_at_once_spend_no_more_than_is_in_it_on_sqlite() {
    many_who_spend_one_wallet_at_once_spend_no_more_than_is_in_it(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_spend_one_wallet_at_once_spend_no_more_than_is_in_it_on_postgres() {
    many_who_spend_one_wallet_at_once_spend_no_more_than_is_in_it(On::Postgres).await;
}
