//! Money over HTTP: that each operation reaches its use case, and what only HTTP decides: statuses, keys, raw bodies, files.

mod webhooks;

use std::sync::Arc;

use actix_web::http::Method;
use domicile_billing::{
    memory::{RefundMode, Trouble},
    model::{BookingId, RoomId, StayFacts, StayState},
    ports::BillingUows,
    stays,
};
use domicile_kernel::{AccountId, Actor, Call, Currency, HostelId, Money, Outcome, Purpose, RequestId, Scope, Who};
use serde_json::{Value, json};
use uuid::Uuid;

use self::webhooks::told;
use super::{Bench, HOSTEL, Said, ask, endpoints::House, json};
use crate::limits::Limits;

const BOOKING: &str = "0190f5a0-0000-7000-8000-0000000000b0";
const ROOM: &str = "0190f5a0-0000-7000-8000-0000000000c0";

impl House {
    /// Where the feature `payments` is on, and the doorman's account has agreed to a stay of two months.
    async fn with_a_bill() -> Self {
        Self::billing(Bench::new()).await
    }

    async fn billing(bench: Bench) -> Self {
        Self::open(bench).bill().await
    }

    async fn bill(self) -> Self {
        let hostel: HostelId = HOSTEL.parse().unwrap();
        self.money.put_room(hostel, RoomId::new(ROOM.parse().unwrap()), Money::new(45_000, Currency::GHS));
        self.stay_is(StayState::Holding).await;
        self
    }

    /// The stay holds its bed, or ended.
    async fn stay_is(&self, state: StayState) {
        let house = self;
        let hostel: HostelId = HOSTEL.parse().unwrap();
        let stay = StayFacts {
            booking_id: BookingId::new(BOOKING.parse().unwrap()),
            guest: AccountId::new(Uuid::from_u128(5)),
            check_in: "2026-02-01".parse().unwrap(),
            check_out: "2026-04-01".parse().unwrap(),
            monthly_price: Money::new(45_000, Currency::GHS),
            first_months: Vec::new(),
            total_price: Money::new(90_000, Currency::GHS),
            state,
        };
        house.money.put_stay(hostel, stay.clone());
        #[expect(clippy::disallowed_methods, reason = "a test's jobs")]
        let actor = Actor::vouched_for(Who::System(Purpose::Jobs));
        let request_id = RequestId::from_uuid(Uuid::from_u128(9));
        let system = Call::new(actor, Scope::Hostel(hostel), request_id);
        let mut uow = BillingUows::begin(&house.money, &system).await.unwrap();
        stays::follow(&mut *uow, &house.bench.shell.ambient, &stay).await.unwrap();
        uow.commit(Outcome::done()).await.unwrap();
    }

    async fn get(&self, path: &str, role: &str) -> Said {
        self.send(ask(Method::GET, path, role)).await
    }

    async fn post(&self, path: &str, role: &str, body: &Value) -> Said {
        self.send(json(ask(Method::POST, path, role), &body.to_string())).await
    }

    async fn post_with_key(&self, path: &str, role: &str, key: &str, body: &Value) -> Said {
        let request = ask(Method::POST, path, role).insert_header(("Idempotency-Key", key.to_owned()));
        self.send(json(request, &body.to_string())).await
    }

    /// The oldest invoice.
    async fn invoice(&self) -> Value {
        let said = self.get(&format!("/api/invoices?booking_id={BOOKING}"), "student").await;
        assert_eq!((said.status, said.body["pagination"]["total"].as_u64()), (200, Some(2)), "{}", said.body);
        said.body["data"][0].clone()
    }

    /// A payment of the oldest invoice that went through.
    async fn paid(&self) -> Value {
        let invoice = self.invoice().await;
        let begun = self.post("/api/payments/initialize", "student", &json!({ "invoice_id": invoice["id"] })).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let reference = text(&begun.body["data"]["payment"]["reference"]);
        assert!(self.gateway.pay(&reference));
        let paid = self.get(&format!("/api/payments/verify/{reference}"), "student").await;
        assert_eq!((paid.status, paid.body["data"]["status"].as_str()), (200, Some("completed")), "{}", paid.body);
        paid.body["data"].clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn cedis(minor: i64) -> Value {
    json!({ "amount_minor": minor, "currency": "GHS" })
}

#[actix_web::test]
async fn a_payment_is_begun_once_however_often_it_is_asked_for_with_one_key() {
    let house = House::with_a_bill().await;
    let body = json!({ "invoice_id": house.invoice().await["id"] });
    let first = house.post_with_key("/api/payments/initialize", "student", "k-1", &body).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let payment = &first.body["data"]["payment"];
    let id = text(&payment["id"]);
    assert_eq!(first.header("location"), format!("/api/payments/{id}"));
    assert_eq!(first.header("etag"), format!("\"{}\"", payment["version"]));
    assert_eq!((payment["status"].as_str(), &payment["amount"]), (Some("pending"), &cedis(45_000)));
    let address = format!("memory:checkout/{}", text(&payment["reference"]));
    assert_eq!(first.body["data"]["authorization_url"], address);

    let again = house.post_with_key("/api/payments/initialize", "student", "k-1", &body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"), "{}", again.body);
    assert_eq!(again.body["data"], first.body["data"]);
    let other = json!({ "booking_id": BOOKING });
    let reused = house.post_with_key("/api/payments/initialize", "student", "k-1", &other).await;
    assert_eq!((reused.status, reused.body["code"].as_str()), (422, Some("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!(house.gateway.calls("initialize"), 1);
    assert_eq!(house.get("/api/payments", "student").await.body["pagination"]["total"], 1);
    assert_eq!(house.get(&format!("/api/payments/{id}"), "student").await.status, 200);
    assert_eq!(house.get(&format!("/api/payments/{id}"), "student-7").await.body["code"], "FORBIDDEN");
}

#[actix_web::test]
async fn while_the_gateway_does_not_answer_the_payment_is_accepted_and_open() {
    let house = House::with_a_bill().await;
    let body = json!({ "invoice_id": house.invoice().await["id"] });
    for trouble in [Trouble::LostBefore, Trouble::LostBefore, Trouble::LostBefore] {
        house.gateway.trouble(trouble);
    }
    let begun = house.post_with_key("/api/payments/initialize", "student", "k-1", &body).await;
    assert_eq!((begun.status, &begun.body["data"]["authorization_url"]), (202, &Value::Null), "{}", begun.body);
    assert_eq!(begun.body["data"]["payment"]["status"], "pending");
    assert!(text(&begun.body["message"]).contains("has not answered"), "{}", begun.body);
    house.gateway.calm();
    let again = house.post_with_key("/api/payments/initialize", "student", "k-1", &body).await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(again.body["data"]["payment"]["id"], begun.body["data"]["payment"]["id"]);
    assert!(again.body["data"]["authorization_url"].is_string());
}

#[actix_web::test]
async fn who_was_declined_is_told_so_with_the_payment() {
    let house = House::with_a_bill().await;
    let begun = house.post("/api/payments/initialize", "student", &json!({ "booking_id": BOOKING })).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let reference = text(&begun.body["data"]["payment"]["reference"]);
    let open = house.get(&format!("/api/payments/verify/{reference}"), "student").await;
    assert_eq!((open.status, open.body["data"]["status"].as_str()), (200, Some("pending")), "{}", open.body);
    assert!(house.gateway.decline(&reference));
    let said = house.get(&format!("/api/v2/payments/verify/{reference}"), "student").await;
    assert_eq!((said.status, said.body["code"].as_str()), (402, Some("PAYMENT_FAILED")), "{}", said.body);
    assert_eq!(said.body["data"]["payment"]["status"], "failed");
    assert_eq!(house.get("/api/payments/verify/dom-nothing", "student").await.status, 404);
}

#[actix_web::test]
async fn half_is_given_back_then_half_and_one_unit_more_is_refused() {
    let house = House::with_a_bill().await;
    let payment = house.paid().await;
    let path = format!("/api/payments/{}/refund", text(&payment["id"]));
    let half = json!({ "amount": cedis(22_500), "reason": "The roof leaked" });
    assert_eq!(house.post(&path, "manager", &half).await.body["code"], "INSUFFICIENT_PERMISSIONS");
    let first = house.post_with_key(&path, "admin", "r-1", &half).await;
    assert_eq!((first.status, first.body["data"]["status"].as_str()), (201, Some("completed")), "{}", first.body);
    let refund = text(&first.body["data"]["id"]);
    assert_eq!(first.header("location"), format!("/api/refunds/{refund}"));
    let replayed = house.post_with_key(&path, "admin", "r-1", &half).await;
    assert_eq!((replayed.status, replayed.header("idempotency-replayed")), (201, "true"), "{}", replayed.body);
    assert_eq!(house.post(&path, "admin", &half).await.status, 201);
    let unit = json!({ "amount": cedis(1), "reason": "One more" });
    let refused = house.post(&path, "admin", &unit).await;
    assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("RESOURCE_CONFLICT")), "{}", refused.body);

    assert_eq!(house.get(&format!("/api/refunds/{refund}"), "student").await.body["data"]["id"], refund);
    let list = format!("/api/payments/{}/refunds", text(&payment["id"]));
    assert_eq!(house.get(&list, "student").await.body["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(house.get(&list, "student-7").await.body["code"], "FORBIDDEN");
    let journals = house.get("/api/admin/ledger/journals?limit=100", "admin").await;
    for journal in journals.body["data"].as_array().unwrap() {
        let amounts =
            journal["entries"].as_array().unwrap().iter().map(|entry| entry["amount"]["amount_minor"].as_i64());
        assert_eq!(amounts.sum::<Option<i64>>(), Some(0), "{journal}");
    }
    assert_eq!(house.get("/api/admin/ledger/journals", "manager").await.body["code"], "INSUFFICIENT_PERMISSIONS");
}

#[actix_web::test]
async fn a_refund_that_needs_attention_is_tried_again_to_an_account() {
    let house = House::with_a_bill().await;
    let payment = house.paid().await;
    house.gateway.refunds_go(RefundMode::NeedsAttention);
    let path = format!("/api/payments/{}/refund", text(&payment["id"]));
    let stuck = house.post(&path, "admin", &json!({ "reason": "Moved out" })).await;
    assert_eq!(stuck.body["data"]["status"], "needs_attention", "{}", stuck.body);
    let retry = format!("/api/refunds/{}/retry", text(&stuck.body["data"]["id"]));
    let account = json!({ "account_number": "0123456789", "bank_id": "gcb" });
    let done = house.post(&retry, "admin", &account).await;
    assert_eq!((done.status, done.body["data"]["status"].as_str()), (200, Some("completed")), "{}", done.body);
    let late = house.post(&retry, "admin", &account).await;
    assert_eq!((late.status, late.body["data"]["current_status"].as_str()), (409, Some("completed")), "{}", late.body);
}

#[actix_web::test]
async fn a_receipt_and_a_statement_are_files_and_their_refusals_are_not() {
    let house = House::with_a_bill().await;
    let begun = house.post("/api/payments/initialize", "student", &json!({ "booking_id": BOOKING })).await;
    let open = format!("/api/payments/{}/receipt", text(&begun.body["data"]["payment"]["id"]));
    let early = house.get(&open, "student").await;
    assert_eq!((early.status, early.body["code"].as_str()), (409, Some("RESOURCE_CONFLICT")), "{}", early.text);

    let payment = house.paid().await;
    let path = format!("/api/v2/payments/{}/receipt", text(&payment["id"]));
    let receipt = house.get(&path, "student").await;
    assert_eq!((receipt.status, receipt.header("content-type")), (200, "application/pdf"), "{}", receipt.text);
    let reference = text(&payment["reference"]);
    let file = format!("attachment; filename=\"receipt-{reference}.pdf\"");
    assert_eq!((receipt.header("content-disposition"), receipt.header("cache-control")), (file.as_str(), "no-store"));
    assert!(receipt.text.contains(&reference), "{}", receipt.text);
    assert_eq!(house.get(&path, "student-7").await.header("content-type"), "application/problem+json");

    let statement = house.get("/api/billing/statement?from=2026-01-01&to=2026-03-31", "student").await;
    assert_eq!((statement.status, statement.header("content-type")), (200, "application/pdf"), "{}", statement.text);
    // It ends today, whatever was asked for.
    let file = "attachment; filename=\"statement-2026-01-01-2026-01-20.pdf\"";
    assert_eq!(statement.header("content-disposition"), file);
    let wrong = house.get("/api/billing/statement?from=2026-03-01&to=2026-01-31", "student").await;
    assert_eq!((wrong.status, wrong.body["errors"][0]["field"].as_str()), (400, Some("to")), "{}", wrong.body);
    let other = house.get("/api/billing/statement?from=2026-01-01&to=2026-03-31&zebra=1", "student").await;
    assert_eq!(other.body["errors"][0]["rule"], "unknown");
}

#[actix_web::test]
async fn a_wallet_pays_what_it_holds_and_not_more() {
    let house = House::with_a_bill().await;
    let invoice = house.invoice().await;
    let short = house.post("/api/wallet/pay", "student", &json!({ "invoice_id": invoice["id"] })).await;
    assert_eq!((short.status, short.body["code"].as_str()), (402, Some("INSUFFICIENT_BALANCE")), "{}", short.body);
    assert_eq!(short.body["data"], json!({ "balance": cedis(0), "needed": cedis(45_000) }));

    let filling = house.post("/api/wallet/topup", "student", &json!({ "amount": cedis(50_000) })).await;
    assert_eq!(filling.status, 201, "{}", filling.body);
    let reference = text(&filling.body["data"]["payment"]["reference"]);
    assert!(house.gateway.pay(&reference));
    assert_eq!(house.get(&format!("/api/payments/verify/{reference}"), "student").await.status, 200);
    assert_eq!(house.get("/api/wallet", "student").await.body["data"]["balance"], cedis(50_000));

    let body = json!({ "invoice_id": invoice["id"] });
    let paid = house.post_with_key("/api/wallet/pay", "student", "w-1", &body).await;
    assert_eq!((paid.status, paid.body["data"]["provider"].as_str()), (201, Some("wallet")), "{}", paid.body);
    assert_eq!(paid.header("location"), format!("/api/payments/{}", text(&paid.body["data"]["id"])));
    let again = house.post_with_key("/api/wallet/pay", "student", "w-1", &body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"), "{}", again.body);
    assert_eq!(house.get("/api/wallet", "student").await.body["data"]["balance"], cedis(5_000));
    let invoice = house.get(&format!("/api/invoices/{}", text(&invoice["id"])), "student").await;
    assert_eq!(invoice.body["data"]["status"], "paid");
}

#[actix_web::test]
async fn terms_that_nobody_decided_have_version_nought() {
    let house = House::with_a_bill().await;
    let before = house.get("/api/billing/terms", "manager").await;
    assert_eq!((before.status, before.header("etag")), (200, "\"0\""), "{}", before.body);
    let change = |role, version: &str| {
        let request = ask(Method::PUT, "/api/billing/terms", role).insert_header(("If-Match", version.to_owned()));
        json(request, r#"{"depositPercent": 100}"#)
    };
    assert_eq!(house.send(change("manager", "0")).await.body["code"], "INSUFFICIENT_PERMISSIONS");
    let after = house.send(change("admin", "\"0\"")).await;
    assert_eq!((after.status, after.header("etag")), (200, "\"1\""), "{}", after.body);
    assert_eq!(after.body["data"]["deposit_percent"], 100);
    let stale = json(ask(Method::PATCH, "/api/billing/terms", "admin"), r#"{"deposit_percent": 0, "version": 0}"#);
    let stale = house.send(stale).await;
    assert_eq!((stale.status, stale.body["code"].as_str()), (409, Some("VERSION_CONFLICT")), "{}", stale.body);
}

#[actix_web::test]
async fn a_bill_is_shown_before_there_is_one() {
    let house = House::with_a_bill().await;
    let stay = house.get(&format!("/api/bookings/{BOOKING}/quote"), "student").await;
    assert_eq!((stay.status, &stay.body["data"]["rent"]), (200, &cedis(90_000)), "{}", stay.body);
    let path = format!("/api/quotes?room_id={ROOM}&checkInDate=2026-03-01&check_out_date=2026-05-01");
    let room = house.get(&path, "student").await;
    assert_eq!((room.status, &room.body["data"]["rent"]), (200, &cedis(90_000)), "{}", room.body);
    let wrong = house.get("/api/quotes", "student").await;
    assert_eq!((wrong.status, wrong.body["errors"].as_array().map(Vec::len)), (400, Some(3)), "{}", wrong.body);
}

#[actix_web::test]
async fn a_deposit_is_answered_by_its_resident_on_the_version_they_saw() {
    let unbilled = House::open(Bench::new());
    let terms = ask(Method::PUT, "/api/billing/terms", "admin").insert_header(("If-Match", "0"));
    assert_eq!(unbilled.send(json(terms, r#"{"deposit_percent": 100}"#)).await.status, 200);
    let house = unbilled.bill().await;
    house.post("/api/payments/initialize", "student", &json!({ "booking_id": BOOKING })).await;
    for reference in house.gateway.references() {
        assert!(house.gateway.pay(&reference));
        assert_eq!(house.get(&format!("/api/payments/verify/{reference}"), "student").await.status, 200);
    }
    let list = house.get(&format!("/api/deposits?booking_id={BOOKING}&status=held"), "student").await;
    let deposit = list.body["data"][0].clone();
    assert_eq!(deposit["held"], cedis(45_000), "{}", list.body);
    let path = format!("/api/deposits/{}", text(&deposit["id"]));
    let seen = house.get(&path, "student").await;
    let early = ask(Method::PATCH, &format!("{path}/settle"), "admin").insert_header(("If-Match", seen.header("etag")));
    let early = house.send(early).await;
    assert_eq!((early.status, early.body["code"].as_str()), (409, Some("RESOURCE_CONFLICT")), "{}", early.body);
    house.stay_is(StayState::MovedOut).await;
    let assess =
        ask(Method::PUT, &format!("{path}/assess"), "manager").insert_header(("If-Match", seen.header("etag")));
    let deductions = json!({ "deductions": [{ "description": "A window", "amount": cedis(5_000) }] });
    let assessed = house.send(json(assess, &deductions.to_string())).await;
    assert_eq!((assessed.status, &assessed.body["data"]["deducted"]), (200, &cedis(5_000)), "{}", assessed.body);
    let stale = json(ask(Method::POST, &format!("{path}/answer"), "student"), r#"{"accepted": true, "version": 1}"#);
    assert_eq!(house.send(stale).await.body["code"], "VERSION_CONFLICT");
    let answer = json!({ "accepted": false, "note": "It was broken", "version": assessed.body["data"]["version"] });
    let answered = house.post(&format!("{path}/answer"), "student", &answer).await;
    assert_eq!(
        (answered.status, answered.body["data"]["status"].as_str()),
        (200, Some("answered")),
        "{}",
        answered.body
    );
    let settle =
        ask(Method::PATCH, &format!("{path}/settle"), "admin").insert_header(("If-Match", answered.header("etag")));
    let settled = house.send(settle).await;
    assert_eq!((settled.status, &settled.body["data"]["returned"]), (200, &cedis(40_000)), "{}", settled.body);
}

#[actix_web::test]
async fn a_house_without_the_feature_takes_no_new_payments_and_ends_those_that_are() {
    let house = House::new();
    for path in ["/api/payments/initialize", "/api/wallet/topup", "/api/wallet/pay"] {
        let said = house.post(path, "student", &json!({})).await;
        assert_eq!((said.status, said.body["data"]["feature"].as_str()), (403, Some("payments")), "{path}");
    }
    assert_eq!(house.get("/api/payments/verify/dom-1", "student").await.status, 404);
    let refund = "/api/payments/0190f5a0-0000-7000-8000-0000000000aa/refund";
    assert_eq!(house.post(refund, "admin", &json!({ "reason": "x" })).await.status, 404);
    assert_eq!(house.send(told("sandbox", "", b"{}".to_vec())).await.status, 401);
}

#[actix_web::test]
async fn ten_payments_are_begun_an_hour_and_what_gateways_tell_is_not_counted() {
    let mut bench = Bench::new();
    bench.shell.limits = Arc::new(Limits::default());
    let house = House::billing(bench).await;
    for left in (0..10).rev() {
        let said = house.post("/api/payments/initialize", "student", &json!({})).await;
        assert_eq!(said.header("ratelimit"), format!("\"initialize-payment\";r={left};t=3600"), "{}", said.body);
        assert_eq!(said.status, 400);
    }
    assert_eq!(house.post("/api/payments/initialize", "student", &json!({})).await.status, 429);
    assert_eq!(house.post("/api/payments/initialize", "student-7", &json!({})).await.status, 400);
    for _ in 0..200 {
        let said = house.send(told("sandbox", "", b"{}".to_vec())).await;
        assert_eq!((said.status, said.header("ratelimit")), (401, ""));
    }
}
