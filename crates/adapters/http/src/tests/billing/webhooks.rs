//! What payment gateways tell: raw bytes, a signature, and an answer that says whether to come again.

use std::sync::Arc;

use actix_web::{http::Method, test::TestRequest};
use async_trait::async_trait;
use domicile_billing::{
    Bursar,
    memory::PlainPrinter,
    ports::{BillingUow, BillingUows, Gateways},
};
use domicile_kernel::{Call, StoreError};
use serde_json::json;

use super::{BOOKING, text};
use crate::tests::endpoints::House;

/// What a gateway tells: without a token, without a hostel, without a version in its path.
pub(super) fn told(provider: &str, signature: &str, body: Vec<u8>) -> TestRequest {
    TestRequest::with_uri(&format!("/api/payments/webhook/{provider}"))
        .method(Method::POST)
        .insert_header(("Content-Type", "application/json"))
        .insert_header(("x-memory-signature", signature.to_owned()))
        .set_payload(body)
}

#[actix_web::test]
async fn what_a_gateway_tells_is_kept_as_it_came_and_only_with_its_signature() {
    let house = House::with_a_bill().await;
    let begun = house.post("/api/payments/initialize", "student", &json!({ "booking_id": BOOKING })).await;
    let reference = text(&begun.body["data"]["payment"]["reference"]);
    assert!(house.gateway.pay(&reference));
    let (signature, body) = house.gateway.webhook(&reference).unwrap();

    let mut bent = body.clone();
    bent[0] ^= 1;
    for (signature, body) in [(signature.as_str(), bent), ("", body.clone()), ("0", body.clone())] {
        let said = house.send(told("sandbox", signature, body)).await;
        assert_eq!((said.status, said.body["code"].as_str()), (401, Some("UNAUTHORIZED")), "{}", said.body);
    }
    let twice = told("sandbox", &signature, body.clone()).append_header(("x-memory-signature", signature.clone()));
    assert_eq!(house.send(twice).await.status, 401);
    assert_eq!(house.send(told("nobody", &signature, body.clone())).await.status, 404);
    assert_eq!(house.send(told("SAND%20BOX", &signature, body.clone())).await.status, 404);
    let large = vec![b' '; crate::endpoints::payments::webhook::BODY_LIMIT + 1];
    assert_eq!(house.send(told("sandbox", &signature, large)).await.body["code"], "PAYLOAD_TOO_LARGE");
    assert!(house.money.inbox().is_empty());

    // Whatever the type says, and however often; a key that comes with it means nothing.
    for kind in ["application/json", "text/plain", "application/json; charset=latin1"] {
        let request = told("sandbox", &signature, body.clone()).insert_header(("Content-Type", kind));
        let said = house.send(request.insert_header(("Idempotency-Key", "k k"))).await;
        assert_eq!(said.status, 200, "{}", said.body);
    }
    let inbox = house.money.inbox();
    assert_eq!((inbox.len(), &inbox[0].entry.body), (1, &body));
    assert!(inbox[0].entry.headers.contains(&format!("x-memory-signature: {signature}")), "{}", inbox[0].entry.headers);
}

/// A store that is not there.
struct Broken;

#[async_trait]
impl BillingUows for Broken {
    async fn begin(&self, _call: &Call) -> Result<Box<dyn BillingUow>, StoreError> {
        Err(StoreError::Other("disk I/O error".into()))
    }
}

#[actix_web::test]
async fn what_cannot_be_kept_is_not_acknowledged_so_that_it_comes_again() {
    let mut house = House::with_a_bill().await;
    let begun = house.post("/api/payments/initialize", "student", &json!({ "booking_id": BOOKING })).await;
    let reference = text(&begun.body["data"]["payment"]["reference"]);
    let (signature, body) = house.gateway.webhook(&reference).unwrap();
    house.state.bursar = Bursar::new(
        Arc::new(Broken),
        Arc::new(house.money.clone()),
        Gateways::new().with(house.gateway.clone()),
        Arc::new(PlainPrinter),
        house.bench.shell.ambient.clone(),
    );
    let said = house.send(told("sandbox", &signature, body)).await;
    assert_eq!((said.status, said.body["code"].as_str()), (503, Some("SERVICE_UNAVAILABLE")), "{}", said.body);
    assert_eq!(said.header("retry-after"), "1");
    assert!(!said.text.contains("disk"), "{}", said.text);
}
