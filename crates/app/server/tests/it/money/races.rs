//! Many at once: one payment is never given back beyond what was paid, and one bill is never paid twice.

use std::collections::BTreeSet;

use domicile_testkit::barrier::race;
use serde_json::json;

use super::stage::{Begun, RENT, Stage, minor, text, until};
use crate::support::{Asked, On, Told};

/// Asks again whenever the answer is that the service is busy, with the same key if there is one, as clients are told to.
async fn unless_busy(asked: &reqwest::RequestBuilder) -> Told {
    loop {
        let told = Asked(asked.try_clone().unwrap()).told().await;
        if told.header("retry-after").is_empty() {
            return told;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The same, until it is known where the payer goes on: a repeat goes on with what was begun.
async fn until_opened(asked: &reqwest::RequestBuilder) -> Begun {
    loop {
        let told = unless_busy(asked).await;
        if told.status != 202 {
            return Begun::of(&told.is(201));
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

const REFUNDS: usize = 200;
/// A payment holds forty-five of these.
const PART: i64 = 1_000;

async fn two_hundred_refunds_of_one_payment_never_exceed_it(on: On) {
    let stage = Stage::on(on).await;
    let begun = stage.pay(&stage.bill().await).await;
    let ask = |number: usize| {
        let key = format!("refund-{number}");
        let asked = stage.refund(&begun, PART).header("idempotency-key", &key).0;
        async move { unless_busy(&asked).await }
    };
    let told = race(REFUNDS, ask).await.assert_overlapped();
    let given: Vec<&Told> = told.iter().filter(|told| told.status == 201).collect();
    for told in told.iter().filter(|told| told.status != 201).cloned() {
        told.refuses(409, "RESOURCE_CONFLICT");
    }
    let ids: BTreeSet<_> = given.iter().map(|told| text(&told.data()["id"])).collect();
    assert_eq!((given.len(), ids.len()), ((RENT / PART) as usize, (RENT / PART) as usize));
    stage.rest().await;
    let payment = stage.payment(&begun).await;
    assert_eq!((payment["status"].as_str(), minor(&payment["refunded"])), (Some("refunded"), RENT));
    let mut owner = stage.app.owner().await;
    assert_eq!(owner.number("SELECT refunded FROM sandbox_charges").await, RENT, "the gateway gave back as much");
    assert_eq!(owner.number("SELECT count(*) FROM refunds").await, RENT / PART);
    assert_eq!(owner.number("SELECT refund_pending FROM payments").await, 0);
    assert_eq!(stage.keys("refund_paid:").await.len() as i64, RENT / PART);
    drop(owner);
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refunds_of_one_payment_never_exceed_it_on_sqlite() {
    two_hundred_refunds_of_one_payment_never_exceed_it(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refunds_of_one_payment_never_exceed_it_on_postgres() {
    two_hundred_refunds_of_one_payment_never_exceed_it(On::Postgres).await;
}

/// 60 of 100 twice at once: the case that others let through.
async fn two_refunds_of_more_than_half_are_one_refund(on: On) {
    let stage = Stage::on(on).await;
    let booking = stage.stay_of(&stage.student, 0, 10).await;
    for bill in stage.invoices(&booking).await {
        let begun = stage.pay(&bill).await;
        let told = race(2, |_| stage.refund(&begun, RENT * 6 / 10).told()).await.assert_overlapped();
        let mut statuses: Vec<u16> = told.iter().map(|told| told.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{told:#?}");
        assert_eq!(minor(&stage.payment(&begun).await["refunded"]), RENT * 6 / 10);
    }
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refunds_of_more_than_half_are_one_refund_on_sqlite() {
    two_refunds_of_more_than_half_are_one_refund(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refunds_of_more_than_half_are_one_refund_on_postgres() {
    two_refunds_of_more_than_half_are_one_refund(On::Postgres).await;
}

async fn a_hundred_beginnings_with_one_key_are_one_payment(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let ask = || {
        let asked = stage.initialize(&stage.student, json!({ "invoice_id": bill["id"] }));
        asked.header("idempotency-key", "pay-once").told()
    };
    let told = race(100, |_| ask()).await.assert_overlapped();
    let mut ids = BTreeSet::new();
    for told in &told {
        match told.status {
            // Begun; or begun by another, and the gateway has not answered that one yet.
            201 | 202 => drop(ids.insert(text(&told.data()["payment"]["id"]))),
            409 => assert!(told.header("retry-after").parse::<u32>().is_ok(), "{}", told.text),
            _ => panic!("{} {}", told.status, told.text),
        }
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(told.iter().any(|told| told.status == 201), "nobody was told where to pay");
    let again = ask().await.is(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let begun = Begun::of(&again);
    assert!(ids.contains(&begun.id));
    let mut owner = stage.app.owner().await;
    for table in ["payments", "sandbox_charges"] {
        assert_eq!(owner.number(format!("SELECT count(*) FROM {table}")).await, 1, "{table}");
    }
    stage.press(&begun, "pay").await;
    stage.until_status(&begun, "completed").await;
    // The key still stands for the same payment.
    assert_eq!(ask().await.data()["payment"]["id"], begun.id);
    drop(owner);
    stage.rest().await;
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_beginnings_with_one_key_are_one_payment_on_sqlite() {
    a_hundred_beginnings_with_one_key_are_one_payment(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_beginnings_with_one_key_are_one_payment_on_postgres() {
    a_hundred_beginnings_with_one_key_are_one_payment(On::Postgres).await;
}

const KEYS: usize = 100;

/// A bill that a hundred tabs pay, each a payment of its own: one counts, the others go back by themselves.
async fn of_a_hundred_payments_of_one_bill_one_counts_and_the_others_go_back(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let ask = |number: usize| {
        let asked = stage.initialize(&stage.student, json!({ "invoice_id": bill["id"] }));
        let asked = asked.header("idempotency-key", &format!("tab-{number}")).0;
        async move { until_opened(&asked).await }
    };
    let begun: Vec<Begun> = race(KEYS, ask).await.assert_overlapped();
    assert_eq!(begun.iter().map(|begun| &begun.reference).collect::<BTreeSet<_>>().len(), KEYS);
    // All pay; half of them come back as well, while the gateway tells.
    let pay = |number: usize| {
        let (client, begun) = (stage.app.client.clone(), begun[number].clone());
        let verify = stage.app.get(&format!("/api/payments/verify/{}", begun.reference)).by(&stage.student);
        async move {
            super::stage::press(&client, &begun.url, "pay").await;
            if number.is_multiple_of(2) {
                unless_busy(&verify.0).await.is(200);
            }
        }
    };
    let _done = race(KEYS, pay).await.assert_overlapped();
    let mut owner = stage.app.owner().await;
    until("all are settled, and all but one gone back", async || {
        let done = "SELECT count(*) FROM payments WHERE state = 'completed' AND refunded IN (0, amount)";
        let back = "SELECT count(*) FROM payments WHERE refunded = amount";
        owner.number(done).await == KEYS as i64 && owner.number(back).await == KEYS as i64 - 1
    })
    .await;
    stage.rest().await;
    let invoice = stage.invoice(&bill["id"]).await;
    assert_eq!((minor(&invoice["paid"]), invoice["status"].as_str()), (RENT, Some("paid")));
    let credited = "SELECT count(DISTINCT payment_id) FROM payment_allocations WHERE target = 'invoice'";
    assert_eq!(owner.number(credited).await, 1, "two payments were credited to one bill");
    assert_eq!(owner.number("SELECT CAST(sum(amount - refunded) AS BIGINT) FROM sandbox_charges").await, RENT);
    let waiting = "SELECT count(*) FROM ledger_accounts WHERE kind = 'suspense' AND balance <> 0";
    assert_eq!(owner.number(waiting).await, 0);
    assert_eq!(stage.balance(&stage.student).await, 0);
    let refunded = stage.events("payment").await.into_iter().filter(|kind| kind == "payment.refunded").count();
    assert_eq!(refunded, KEYS - 1);
    drop(owner);
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_payments_of_one_bill_one_counts_and_the_others_go_back_on_sqlite() {
    of_a_hundred_payments_of_one_bill_one_counts_and_the_others_go_back(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_payments_of_one_bill_one_counts_and_the_others_go_back_on_postgres() {
    of_a_hundred_payments_of_one_bill_one_counts_and_the_others_go_back(On::Postgres).await;
}

/// A part was paid by one payment when another of the whole arrives: what is left of that is the payer's.
async fn what_is_paid_beyond_a_bill_is_the_payers_credit(on: On) {
    let stage = Stage::on(on).await;
    let bill = stage.bill().await;
    let whole = stage.begin(&bill).await;
    let part = json!({ "invoice_id": bill["id"], "amount": super::stage::ghs(20_000) });
    let part = Begun::of(&stage.initialize(&stage.student, part).told().await.is(201));
    for begun in [&part, &whole] {
        stage.press(begun, "pay").await;
        stage.verify(begun).await.is(200);
    }
    assert_eq!(minor(&stage.invoice(&bill["id"]).await["paid"]), RENT);
    assert_eq!(stage.balance(&stage.student).await, 20_000);
    stage.rest().await;
    stage.the_books_are_right().await;
    // All of the whole can go back: first the credit, then what paid the bill.
    stage.refund(&whole, RENT).told().await.is(201);
    assert_eq!(stage.balance(&stage.student).await, 0);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_beyond_a_bill_is_the_payers_credit_on_sqlite() {
    what_is_paid_beyond_a_bill_is_the_payers_credit(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paid_beyond_a_bill_is_the_payers_credit_on_postgres() {
    what_is_paid_beyond_a_bill_is_the_payers_credit(On::Postgres).await;
}

/// Opening a checkout takes longer than the gateway is waited for: it is pending, never failed, and goes on by its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_does_not_answer_leaves_the_payment_pending() {
    use std::time::Duration;
    let stage = Stage::with(On::Sqlite, |settings| {
        let domicile_server::settings::Provider::Sandbox(sandbox) = &mut settings.payments.provider else {
            panic!("tests pay by the sandbox")
        };
        (sandbox.delays.initialize, sandbox.delays.patience) = (Duration::from_secs(5), Duration::from_millis(100));
    })
    .await;
    let bill = stage.bill().await;
    let ask = || {
        let asked = stage.initialize(&stage.student, json!({ "invoice_id": bill["id"] }));
        asked.header("idempotency-key", "slow").told()
    };
    let told = ask().await.is(202);
    assert_eq!(
        (&told.data()["payment"]["status"], &told.data()["authorization_url"]),
        (&json!("pending"), &json!(null))
    );
    // Asked again, the gateway is first asked what it did: it has opened the checkout, and opens no other.
    let again = ask().await.is(201);
    let begun = Begun::of(&again);
    assert_eq!(begun.id, text(&told.data()["payment"]["id"]));
    assert_eq!(stage.app.owner().await.number("SELECT count(*) FROM sandbox_charges").await, 1);
    stage.press(&begun, "pay").await;
    assert_eq!(stage.verify(&begun).await.is(200).data()["status"], "completed");
    stage.the_books_are_right().await;
    stage.app.end().await;
}
