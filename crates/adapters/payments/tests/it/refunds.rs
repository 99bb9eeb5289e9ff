//! Refunds at Paystack, which has no reference for them: asking, finding again, trying once more.

use domicile_billing::ports::{AccountDetails, GatewayError, PaymentGateway};
use domicile_kernel::Currency;
use serde_json::{Value, json};

use crate::{
    server::Answer,
    support::{REFERENCE, new_refund, paystack, told_refund},
};

const CHARGE_ID: u64 = 4_099_260_516;

/// An entry of the list.
fn entry(id: u64, note: Value, amount: i64, created: &str) -> Value {
    json!({"integration": 100_007, "transaction": CHARGE_ID, "dispute": null, "settlement": null, "id": id, "domain": "test",
        "currency": "GHS", "amount": amount, "status": "processed", "refunded_at": null, "refunded_by": "office@example.org",
        "customer_note": "", "merchant_note": note, "deducted_amount": amount, "fully_deducted": true, "createdAt": created})
}

fn ours(reference: &str) -> Value {
    json!(format!("domicile refund {reference}"))
}

fn list(entries: &[Value]) -> Answer {
    Answer::json(200, json!({"status": true, "message": "Refunds retrieved", "data": entries}).to_string())
}

fn one(data: &Value) -> Answer {
    Answer::json(200, json!({"status": true, "message": "Refund retrieved", "data": data}).to_string())
}

async fn found(answers: Vec<Answer>) -> String {
    let (gateway, _server) = paystack(answers).await;
    let mut refund = new_refund("ref-b", 20_000);
    refund.charge_gateway_id = Some(CHARGE_ID.to_string());
    told_refund(&gateway.find_refund(&refund).await)
}

const LATER: &str = "2026-02-03T08:00:01.000Z";
const BEFORE: &str = "2026-02-03T07:59:59.000Z";

#[tokio::test]
async fn a_refund_is_asked_for_with_our_reference_in_the_note() {
    let mut answer = entry(3_018_284, ours("ref-b"), 20_000, LATER);
    answer["transaction"] = json!({"id": CHARGE_ID, "reference": REFERENCE});
    let (gateway, server) = paystack([one(&answer)]).await;
    let report = gateway.refund(&new_refund("ref-b", 20_000)).await;
    assert_eq!(told_refund(&report), "Processed GHS20000 id=3018284");
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /refund HTTP/1.1");
    assert_eq!(
        asked[0].json(),
        json!({"transaction": REFERENCE, "amount": 20_000, "currency": "GHS", "customer_note": "Moved out early",
            "merchant_note": "domicile refund ref-b"})
    );
}

#[tokio::test]
async fn nothing_and_less_than_nothing_is_not_refunded() {
    let (gateway, server) = paystack([]).await;
    for amount in [0, -1] {
        assert!(gateway.refund(&new_refund("ref-b", amount)).await.unwrap_err().is_refusal());
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_refund_is_found_by_our_note_among_others_of_the_same_amount() {
    let entries = [
        entry(1, ours("ref-a"), 20_000, LATER),
        entry(2, ours("ref-b"), 20_000, LATER),
        entry(3, json!("Refund for transaction x by office@example.org"), 20_000, LATER),
    ];
    assert_eq!(found(vec![list(&entries)]).await, "Processed GHS20000 id=2");
}

#[tokio::test]
async fn the_charges_id_is_asked_for_where_it_is_not_known() {
    let charge = json!({"id": CHARGE_ID, "domain": "test", "status": "success", "reference": REFERENCE, "amount": 45_000,
        "currency": "GHS"});
    let (gateway, server) = paystack([one(&charge), list(&[entry(2, ours("ref-b"), 20_000, LATER)])]).await;
    let report = gateway.find_refund(&new_refund("ref-b", 20_000)).await;
    assert_eq!(told_refund(&report), "Processed GHS20000 id=2");
    let lines: Vec<String> = server.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        [
            format!("GET /transaction/verify/{REFERENCE} HTTP/1.1"),
            format!("GET /refund?transaction={CHARGE_ID}&perPage=50&page=1 HTTP/1.1"),
        ]
    );
}

#[tokio::test]
async fn a_charge_without_an_id_does_not_mean_that_there_is_no_refund() {
    let charge =
        json!({"domain": "test", "status": "success", "reference": REFERENCE, "amount": 45_000, "currency": "GHS"});
    let (gateway, _server) = paystack([one(&charge)]).await;
    let report = gateway.find_refund(&new_refund("ref-b", 20_000)).await;
    assert_eq!(told_refund(&report), "malformed: Paystack's answer cannot be read: the field `data.id` is missing");
}

#[tokio::test]
async fn refunds_of_other_charges_are_not_looked_at_however_odd_they_are() {
    let mut other = entry(9, ours("ref-b"), 20_000, LATER);
    other["transaction"] = json!(77);
    other["amount"] = json!("lots");
    assert_eq!(found(vec![list(&[other.clone()])]).await, "unknown");
    other["transaction"] = json!({"id": 77});
    assert_eq!(found(vec![list(&[other])]).await, "unknown");
    let mut odd = entry(9, ours("ref-b"), 20_000, LATER);
    odd["amount"] = json!("lots");
    let error = found(vec![list(&[odd])]).await;
    assert_eq!(error, "malformed: Paystack's answer cannot be read: the field `data[0].amount` is not a number");
}

#[tokio::test]
async fn one_without_a_note_is_ours_if_it_was_made_after_we_wanted_it_and_is_alone() {
    let strange = |id, created| entry(id, json!("Refund for transaction x by office@example.org"), 20_000, created);
    // Ours was reserved at 08:00:00.750, and their instants are whole seconds.
    assert_eq!(found(vec![list(&[strange(1, "2026-02-03T08:00:00.000Z")])]).await, "Processed GHS20000 id=1");
    assert_eq!(found(vec![list(&[strange(1, BEFORE)])]).await, "unknown");
    assert_eq!(found(vec![list(&[strange(1, BEFORE), strange(2, LATER)])]).await, "Processed GHS20000 id=2");
    let ambiguous = "malformed: Paystack has refunds of this charge and amount without our note, and it cannot be told which is meant";
    assert_eq!(found(vec![list(&[strange(1, LATER), strange(2, LATER)])]).await, ambiguous);
    let mut timeless = strange(1, LATER);
    timeless.as_object_mut().unwrap().remove("createdAt");
    assert_eq!(found(vec![list(&[timeless])]).await, ambiguous);
    let another = entry(1, json!("by hand"), 19_999, LATER);
    assert_eq!(found(vec![list(&[another])]).await, "unknown");
    assert_eq!(found(vec![list(&[entry(1, ours("ref-a"), 20_000, LATER)])]).await, "unknown");
}

#[tokio::test]
async fn our_note_on_another_amount_is_told_as_it_stands_there() {
    assert_eq!(found(vec![list(&[entry(2, ours("ref-b"), 45_000, LATER)])]).await, "Processed GHS45000 id=2");
}

#[tokio::test]
async fn the_list_is_read_to_its_end() {
    let full: Vec<Value> = (0..50).map(|id| entry(id, ours("ref-a"), 20_000, LATER)).collect();
    let last = vec![entry(99, ours("ref-b"), 20_000, LATER)];
    assert_eq!(found(vec![list(&full), list(&full), list(&last)]).await, "Processed GHS20000 id=99");
    assert_eq!(found(vec![list(&full), list(&[])]).await, "unknown");
    // What was not read to its end does not say that the refund is not there.
    let endless = found((0..30).map(|_| list(&full)).collect()).await;
    assert_eq!(endless, "malformed: Paystack's list of refunds does not end");
}

#[tokio::test]
async fn an_end_that_does_not_come_is_not_taken_for_one() {
    let full: Vec<Value> = (0..50).map(|id| entry(id, ours("ref-a"), 20_000, LATER)).collect();
    assert_eq!(found(vec![list(&full), Answer::json(502, "")]).await, "unreachable: Paystack answered 502");
}

#[tokio::test]
async fn a_refund_whose_id_is_known_is_looked_up_by_it() {
    let mut refund = new_refund("ref-b", 20_000);
    refund.gateway_id = Some("3018284".to_owned());
    let there = entry(3_018_284, ours("ref-b"), 20_000, LATER);
    let another = entry(3_018_285, ours("ref-b"), 20_000, LATER);
    let missing = Answer::json(404, json!({"status": false, "message": "Refund not found"}).to_string());
    let (gateway, server) = paystack([one(&there), one(&another), missing]).await;
    assert_eq!(told_refund(&gateway.find_refund(&refund).await), "Processed GHS20000 id=3018284");
    assert_eq!(
        told_refund(&gateway.find_refund(&refund).await),
        "malformed: Paystack's answer is about another refund"
    );
    assert_eq!(gateway.find_refund(&refund).await, Err(GatewayError::Unknown));
    assert!(server.asked().iter().all(|asked| asked.line == "GET /refund/3018284 HTTP/1.1"));
}

#[tokio::test]
async fn a_refund_that_wants_an_account_is_tried_again_with_one() {
    let account =
        AccountDetails { currency: Currency::GHS, account_number: "0123456789".to_owned(), bank_id: "9".to_owned() };
    let mut retried = entry(3_018_284, ours("ref-b"), 20_000, LATER);
    retried["status"] = json!("processing");
    let refused = json!({"status": false, "message": "Only refunds that need attention", "type": "validation_error", "code": "invalid_params"});
    let (gateway, server) = paystack([one(&retried), Answer::json(422, refused.to_string())]).await;
    let report = gateway.retry_refund("3018284", &account).await;
    assert_eq!(told_refund(&report), "Pending GHS20000 id=3018284");
    let report = gateway.retry_refund("3018284", &account).await;
    assert_eq!(told_refund(&report), "refused invalid_params: Only refunds that need attention");
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /refund/retry_with_customer_details/3018284 HTTP/1.1");
    let details = json!({"currency": "GHS", "account_number": "0123456789", "bank_id": "9"});
    assert_eq!(asked[0].json(), json!({"refund_account_details": details}));
    assert!(gateway.retry_refund("../1", &account).await.unwrap_err().is_refusal());
}
