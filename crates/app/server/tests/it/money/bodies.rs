//! The bodies that clients rely on, member by member.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::stage::{Begun, RENT, Stage, ghs, text};
use crate::support::On;

/// Has these members, each a text, a version, money or what else is said.
#[track_caller]
fn has(value: &Value, members: &[&str]) {
    let names: BTreeSet<_> = value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().collect();
    for member in members {
        assert!(names.iter().any(|name| name.as_str() == *member), "{member} is missing in {value}");
    }
}

#[track_caller]
fn is_money(value: &Value) {
    let names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["amount_minor", "currency"], "{value}");
    assert!(value["amount_minor"].is_i64() && value["currency"] == "GHS", "{value}");
}

/// All money in a value is written as money is.
#[track_caller]
fn all_money(value: &Value) {
    match value {
        Value::Object(object) if object.contains_key("amount_minor") => is_money(value),
        Value::Object(object) => {
            for (name, value) in object {
                let money = ["amount", "total", "paid", "open", "refunded", "balance", "held", "returned", "rent"];
                if money.contains(&name.as_str()) {
                    is_money(value);
                }
                all_money(value);
            }
        }
        Value::Array(values) => values.iter().for_each(all_money),
        _ => {}
    }
}

const PAYMENT: [&str; 13] = [
    "id",
    "hostel_id",
    "user_id",
    "booking_id",
    "invoice_id",
    "provider",
    "reference",
    "status",
    "amount",
    "refunded",
    "created_at",
    "updated_at",
    "version",
];

async fn bodies_are_as_they_were_agreed_on(on: On) {
    let stage = Stage::on(on).await;
    let booking = stage.stay_of(&stage.student, 0, 2).await;
    let listed = stage.app.get(&format!("/api/invoices?booking_id={booking}")).by(&stage.student).told().await.is(200);
    let bills = listed.data().as_array().unwrap();
    assert_eq!((bills.len(), listed.json["pagination"]["total"].as_i64()), (2, Some(2)));
    for bill in bills {
        has(bill, &["id", "booking_id", "status", "total", "paid", "due_date", "lines"]);
        assert_eq!((&bill["booking_id"], &bill["status"]), (&json!(booking), &json!("open")));
        assert_eq!((&bill["total"], &bill["paid"]), (&ghs(RENT), &ghs(0)));
    }
    assert_eq!((&bills[0]["due_date"], &bills[1]["due_date"]), (&json!("2026-02-01"), &json!("2026-03-01")));

    let asked = json!({ "invoice_id": bills[0]["id"], "amount": ghs(RENT) });
    let begun = stage.initialize(&stage.student, asked).told().await.is(201);
    let names: BTreeSet<_> = begun.data().as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["authorization_url", "payment"]));
    let payment = &begun.data()["payment"];
    has(payment, &PAYMENT);
    assert_eq!(begun.header("location"), format!("/api/payments/{}", text(&payment["id"])));
    assert_eq!(begun.header("etag"), format!("\"{}\"", payment["version"]));
    for (member, expected) in [
        ("hostel_id", json!(stage.hostel)),
        ("user_id", json!(stage.student.id)),
        ("booking_id", json!(booking)),
        ("invoice_id", bills[0]["id"].clone()),
        ("provider", json!("sandbox")),
        ("status", json!("pending")),
        ("amount", ghs(RENT)),
        ("refunded", ghs(0)),
    ] {
        assert_eq!(payment[member], expected, "{member}");
    }
    let begun = Begun::of(&begun);
    stage.press(&begun, "pay").await;
    let verified = stage.verify(&begun).await.is(200);
    has(verified.data(), &PAYMENT);
    assert_eq!(verified.data()["status"], "completed");
    for path in ["/api/payments".to_owned(), format!("/api/payments?invoice_id={}", text(&bills[0]["id"]))] {
        let list = stage.app.get(&path).by(&stage.student).told().await.is(200);
        assert_eq!(list.data(), &json!([*verified.data()]), "{path}");
    }
    assert_eq!(stage.payment(&begun).await, *verified.data());

    let refund = stage.refund(&begun, 100).told().await.is(201);
    has(refund.data(), &["id", "payment_id", "amount", "status"]);
    assert_eq!((&refund.data()["amount"], &refund.data()["status"]), (&ghs(100), &json!("completed")));
    assert_eq!(stage.payment(&begun).await["status"], "partially_refunded");

    // By the stay instead of an invoice.
    let by_stay = stage.initialize(&stage.student, json!({ "booking_id": booking })).told().await.is(201);
    let payment = &by_stay.data()["payment"];
    assert_eq!((&payment["booking_id"], &payment["invoice_id"]), (&json!(booking), &Value::Null));

    let journals = stage.app.get("/api/admin/ledger/journals").by(&stage.admin).told().await.is(200);
    for journal in journals.data().as_array().unwrap() {
        for entry in journal["entries"].as_array().unwrap() {
            let names: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["account", "amount"], "{entry}");
        }
    }
    let topped = stage.app.post("/api/wallet/topup").by(&stage.student).json(json!({ "amount": ghs(RENT) })).told();
    let topped = topped.await.is(201);
    assert_eq!(topped.data()["payment"]["purpose"], "wallet_topup");
    let begun = Begun::of(&topped);
    stage.press(&begun, "pay").await;
    stage.verify(&begun).await.is(200);
    let body = json!({ "invoice_id": bills[1]["id"] });
    let paid = stage.app.post("/api/wallet/pay").by(&stage.student).json(body).told().await.is(201);
    has(paid.data(), &PAYMENT);
    let wallet = stage.app.get("/api/wallet").by(&stage.student).told().await.is(200);
    assert_eq!(*wallet.data(), json!({ "hostel_id": stage.hostel, "user_id": stage.student.id, "balance": ghs(0) }));
    for told in [&listed, &verified, &refund, &by_stay, &journals, &topped, &paid, &wallet] {
        all_money(told.data());
    }
    // The version without an envelope of its own tells the same.
    let bare = stage.app.get(&format!("/api/v2/payments/{}", begun.id)).by(&stage.student).told().await.is(200);
    let body = if bare.json["data"].is_object() { &bare.json["data"] } else { &bare.json };
    has(body, &PAYMENT);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_they_were_agreed_on_on_sqlite() {
    bodies_are_as_they_were_agreed_on(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_they_were_agreed_on_on_postgres() {
    bodies_are_as_they_were_agreed_on(On::Postgres).await;
}
