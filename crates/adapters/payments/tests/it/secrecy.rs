//! The key, which shows nowhere: not in what fails, not in what is printed, not in what a server sends back of it.

use domicile_billing::ports::{GatewayError, PaymentGateway};
use domicile_payments::{SecretKey, paystack::PaystackConfig};
use serde_json::json;

use crate::{
    server::{Answer, Manner},
    support::{KEY, REFERENCE, new_charge, new_refund, paystack, paystack_at, sandbox},
};

#[tokio::test]
async fn no_failure_of_a_call_shows_the_key() {
    let echoing = |status, field: &str| {
        Answer::json(status, json!({"status": false, field: format!("no: Bearer {KEY}")}).to_string())
    };
    let bare = Answer::json(400, json!({"status": false, "message": "no", "code": KEY}).to_string());
    let mut type_of_key = Answer::json(200, "{}");
    type_of_key.content_type = KEY;
    let answers = vec![
        echoing(400, "message"),
        echoing(400, "code"),
        echoing(401, "message"),
        echoing(500, "message"),
        bare,
        type_of_key,
        Answer::json(200, format!("{{\"{KEY}\": ")),
        Answer::json(
            200,
            json!({"status": true, "data": {"status": KEY, "reference": KEY, "currency": KEY}}).to_string(),
        ),
        Answer::json(200, "{}").manner(Manner::Drop),
    ];
    let count = answers.len();
    let (gateway, server) = paystack(answers).await;
    for _ in 0..count {
        shows_nothing(&gateway.initialize(&new_charge()).await.unwrap_err());
    }
    assert_eq!(server.asked().len(), count);
    shows_nothing(&gateway.refund(&new_refund(KEY, 1)).await.unwrap_err());
    shows_nothing(&paystack_at("http://127.0.0.1:1").verify(REFERENCE).await.unwrap_err());
}

fn shows_nothing(error: &GatewayError) {
    assert!(!format!("{error} {error:?}").contains("thekeyofnobody"), "{error:?}");
}

#[test]
fn nothing_that_is_set_up_with_a_key_prints_it() {
    assert_eq!(format!("{:?}", SecretKey::new(KEY).unwrap()), "SecretKey(…)");
    assert!(!format!("{:?}", PaystackConfig::new(KEY).unwrap()).contains("thekeyofnobody"));
}

#[test]
fn what_is_wrong_with_a_notice_is_said_without_its_content() {
    let gateway = paystack_at("http://127.0.0.1:9");
    for body in [
        json!({"event": "charge.success", "data": {"currency": "hunter2", "domain": "hunter2"}}),
        json!({"event": "charge.success", "data": {"currency": "GHS", "reference": "pay-1", "status": "hunter2"}}),
        json!({"event": "charge.success", "data": "hunter2"}),
        json!(["hunter2"]),
    ] {
        let error = gateway.read(body.to_string().as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let error = gateway.read(b"{\"hunter2\": hunter2").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn the_sandboxs_key_is_in_no_page_address_or_notice() {
    let play = sandbox();
    let checkout = play.gateway.initialize(&new_charge()).await.unwrap();
    let page = play.gateway.post(checkout.access_code.as_deref().unwrap(), b"action=pay").await.unwrap();
    let notices = play.gateway.pending_notices(10).await.unwrap();
    let all = format!("{checkout:?} {page:?} {notices:?}");
    assert!(!all.contains("the-sandbox-signs-with-this"));
}
