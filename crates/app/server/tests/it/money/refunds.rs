//! Giving back (J31): half, half again, and not one unit more.

use serde_json::json;

use super::stage::{RENT, Stage, ghs, minor, text};
use crate::support::On;

async fn half_and_half_again_go_back_and_one_unit_more_does_not(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let begun = stage.pay(&bill).await;
    let half = RENT / 2;
    for (sum, status) in [(half, "partially_refunded"), (2 * half, "refunded")] {
        let told = stage.refund(&begun, half).told().await.is(201);
        let refund = told.data();
        assert_eq!((&refund["payment_id"], &refund["amount"]), (&json!(begun.id), &ghs(half)), "{refund}");
        assert_eq!((&refund["status"], &refund["reason"]), (&json!("completed"), &json!("Moved out early")));
        assert_eq!(told.header("location"), format!("/api/refunds/{}", text(&refund["id"])));
        let payment = stage.payment(&begun).await;
        assert_eq!((&payment["status"], &payment["refunded"]), (&json!(status), &ghs(sum)));
    }
    let told = stage.refund(&begun, 1).told().await.refuses(409, "RESOURCE_CONFLICT");
    assert_eq!(told.data()["refundable"], ghs(0), "{}", told.text);
    stage.rest().await;
    let listed = stage.app.get(&format!("{}/refunds", begun.path())).by(&stage.student).told().await.is(200);
    assert_eq!(listed.data().as_array().unwrap().len(), 2);
    let one = text(&listed.data()[0]["id"]);
    let one = stage.app.get(&format!("/api/refunds/{one}")).by(&stage.student).told().await.is(200);
    assert_eq!(*one.data(), listed.data()[0]);
    let refunded = stage.events("payment").await.into_iter().filter(|kind| kind == "payment.refunded").count();
    assert_eq!(refunded, 2);
    // What was given back of an invoice is owed no more.
    let invoice = stage.invoice(&bill["id"]).await;
    assert_eq!((minor(&invoice["total"]), minor(&invoice["paid"]), invoice["status"].as_str()), (0, 0, Some("void")));
    assert_eq!(invoice["lines"][0], bill["lines"][0], "what was billed stands");
    let gateway = "SELECT refunded FROM sandbox_charges";
    assert_eq!(stage.app.owner().await.number(gateway).await, RENT);
    stage.the_books_are_right().await;
    let receipt = stage.app.get(&format!("{}/receipt", begun.path())).by(&stage.student).told().await.is(200);
    assert!(receipt.text.starts_with("%PDF-"));
    let statement = "/api/billing/statement?from=2026-01-01&to=2026-02-01";
    let statement = stage.app.get(statement).by(&stage.student).told().await.is(200);
    assert_eq!(statement.header("content-type"), "application/pdf");
    assert!(statement.text.starts_with("%PDF-"));
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_and_half_again_go_back_and_one_unit_more_does_not_on_sqlite() {
    half_and_half_again_go_back_and_one_unit_more_does_not(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_and_half_again_go_back_and_one_unit_more_does_not_on_postgres() {
    half_and_half_again_go_back_and_one_unit_more_does_not(On::Postgres).await;
}

async fn what_cannot_go_back_is_refused_and_a_key_gives_back_once(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let open = stage.begin(&bill).await;
    stage.refund(&open, 1).told().await.refuses(409, "RESOURCE_CONFLICT");
    stage.press(&open, "pay").await;
    stage.verify(&open).await.is(200);
    stage.refund(&open, RENT + 1).told().await.refuses(409, "RESOURCE_CONFLICT");
    let path = format!("{}/refund", open.path());
    let refuse = async |body: serde_json::Value| {
        stage.app.post(&path).by(&stage.admin).json(body).told().await.refuses(400, "VALIDATION_ERROR");
    };
    refuse(json!({ "amount": ghs(1) })).await;
    refuse(json!({ "amount": ghs(0), "reason": "x" })).await;
    refuse(json!({ "amount": ghs(-1), "reason": "x" })).await;
    refuse(json!({ "amount": { "amount_minor": 1, "currency": "NGN" }, "reason": "x" })).await;
    let once = || stage.refund(&open, 10_000).header("idempotency-key", "give-back-once");
    let first = once().told().await.is(201);
    let again = once().told().await.is(201);
    assert_eq!((again.data(), again.header("idempotency-replayed")), (first.data(), "true"));
    assert_eq!(minor(&stage.payment(&open).await["refunded"]), 10_000);
    // Without an amount it is all that is left.
    let rest = stage.app.post(&path).by(&stage.admin).json(json!({ "reason": "Closed" })).told().await.is(201);
    assert_eq!(rest.data()["amount"], ghs(RENT - 10_000));
    assert_eq!(stage.payment(&open).await["status"], "refunded");
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_back_is_refused_and_a_key_gives_back_once_on_sqlite() {
    what_cannot_go_back_is_refused_and_a_key_gives_back_once(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_back_is_refused_and_a_key_gives_back_once_on_postgres() {
    what_cannot_go_back_is_refused_and_a_key_gives_back_once(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_gives_its_reservation_back_and_one_that_needs_an_account_is_tried_again() {
    let of = async |word: &'static str| {
        Stage::with(On::Sqlite, move |settings| {
            let domicile_server::settings::Provider::Sandbox(sandbox) = &mut settings.payments.provider else {
                panic!("tests pay by the sandbox")
            };
            sandbox.refunds = domicile_payments::sandbox::SandboxRefundState::parse(word).unwrap();
        })
        .await
    };
    let stage = of("failed").await;
    let bill = stage.bill().await;
    let begun = stage.pay(&bill).await;
    assert_eq!(stage.refund(&begun, RENT).told().await.is(201).data()["status"], "failed");
    let payment = stage.payment(&begun).await;
    assert_eq!((payment["status"].as_str(), minor(&payment["refunded"])), (Some("completed"), 0));
    assert_eq!(stage.invoice(&bill["id"]).await["status"], "paid");
    stage.the_books_are_right().await;
    stage.app.end().await;

    let stage = of("needs-attention").await;
    let begun = stage.pay(&stage.bill().await).await;
    let told = stage.refund(&begun, RENT).told().await.is(201);
    assert_eq!(told.data()["status"], "needs_attention");
    // It is reserved: nobody gives it back a second time.
    stage.refund(&begun, 1).told().await.refuses(409, "RESOURCE_CONFLICT");
    let path = format!("/api/refunds/{}/retry", text(&told.data()["id"]));
    let account = json!({ "account_number": "0123456789", "bank_id": "9" });
    let retry = || stage.app.post(&path).by(&stage.admin).json(account.clone());
    let told = retry().header("idempotency-key", "named-once").told().await.is(200);
    assert_eq!(told.data()["status"], "completed", "{}", told.text);
    let again = retry().header("idempotency-key", "named-once").told().await.is(200);
    assert_eq!((again.data(), again.header("idempotency-replayed")), (told.data(), "true"));
    retry().told().await.refuses(409, "RESOURCE_CONFLICT");
    let mut owner = stage.app.owner().await;
    let named = "SELECT count(*) FROM audit_log WHERE action = 'refund.retry'";
    assert_eq!(owner.number(named).await, 1, "who named it is in the trail");
    drop(owner);
    assert_eq!(stage.payment(&begun).await["status"], "refunded");
    stage.the_books_are_right().await;
    stage.app.end().await;
}
