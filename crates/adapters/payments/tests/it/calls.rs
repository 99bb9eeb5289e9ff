//! How calls to Paystack go, and how they go wrong: what is sent, how long is waited, how much is read.

use std::time::{Duration, Instant};

use domicile_billing::ports::{GatewayError, PaymentGateway};
use domicile_kernel::{Currency, Money, ports::fixed::FixedClock};
use domicile_payments::paystack::{PaystackConfig, PaystackGateway};
use serde_json::json;

use crate::{
    server::{Answer, Manner},
    support::{KEY, NOW, REFERENCE, cedis, new_charge, paystack, paystack_at},
};

fn opened() -> Answer {
    let data =
        json!({"authorization_url": "https://checkout.paystack.com/a1", "access_code": "a1", "reference": REFERENCE});
    Answer::json(200, json!({"status": true, "message": "", "data": data}).to_string())
}

fn success() -> Answer {
    let data = json!({"id": 1, "domain": "test", "status": "success", "reference": REFERENCE, "amount": 45_000,
        "requested_amount": 45_000, "currency": "GHS"});
    Answer::json(200, json!({"status": true, "message": "", "data": data}).to_string())
}

#[tokio::test]
async fn opening_a_charge_sends_what_paystack_documents_and_the_key() {
    let (gateway, server) = paystack([opened()]).await;
    let checkout = gateway.initialize(&new_charge()).await.unwrap();
    assert_eq!(checkout.authorization_url, "https://checkout.paystack.com/a1");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /transaction/initialize HTTP/1.1");
    assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    let metadata = json!({"custom_fields": [{"display_name": "For", "variable_name": "for", "value": "Invoice 2026-02, Attic Hostel"}]});
    assert_eq!(
        asked[0].json(),
        json!({"email": "ama@example.org", "amount": 45_000, "currency": "GHS", "reference": REFERENCE,
            "callback_url": "https://attic.example.org/paid?a=1&b=2", "metadata": metadata})
    );
}

#[tokio::test]
async fn a_charge_that_cannot_be_is_not_even_sent() {
    let (gateway, server) = paystack([]).await;
    let changed = [
        ("amount", {
            let mut charge = new_charge();
            charge.amount = cedis(0);
            charge
        }),
        ("amount", {
            let mut charge = new_charge();
            charge.amount = cedis(-1);
            charge
        }),
        ("amount", {
            let mut charge = new_charge();
            charge.amount = Money::new(1, Currency::EUR);
            charge
        }),
        ("reference", {
            let mut charge = new_charge();
            charge.reference = "a/../b".to_owned();
            charge
        }),
    ];
    for (what, charge) in changed {
        let error = gateway.initialize(&charge).await.unwrap_err();
        assert!(
            matches!(&error, GatewayError::Refused { code, message } if code == "unsendable" && message.contains(what)),
            "{error}"
        );
    }
    for reference in ["", "..", "../refund", "a b", "a?b", "a%2fb"] {
        assert!(gateway.verify(reference).await.unwrap_err().is_refusal(), "{reference}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_base_with_a_path_keeps_it() {
    let server = crate::server::Server::start([success()]).await;
    let gateway = paystack_at(&format!("{}/proxy/paystack/", server.url));
    gateway.verify(REFERENCE).await.unwrap();
    assert_eq!(server.asked()[0].line, format!("GET /proxy/paystack/transaction/verify/{REFERENCE} HTTP/1.1"));
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_timeout_and_is_asked_once() {
    for manner in [Manner::Hang, Manner::Drip(Duration::from_millis(200))] {
        let (gateway, server) = paystack([opened().manner(manner), opened()]).await;
        let since = Instant::now();
        let error = gateway.initialize(&new_charge()).await.unwrap_err();
        assert_eq!(error, GatewayError::Timeout, "{manner:?}");
        let waited = since.elapsed();
        assert!(waited >= Duration::from_millis(1_900) && waited < Duration::from_secs(8), "{manner:?}: {waited:?}");
        assert_eq!(server.asked().len(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_early_is_no_answer_and_is_not_tried_again() {
    for manner in [Manner::Drop, Manner::Cut] {
        let (gateway, server) = paystack([opened().manner(manner), opened()]).await;
        let error = gateway.initialize(&new_charge()).await.unwrap_err();
        assert!(matches!(error, GatewayError::Unreachable(_)), "{manner:?}: {error}");
        assert_eq!(server.asked().len(), 1, "{manner:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = paystack_at(&url).verify(REFERENCE).await.unwrap_err();
    assert!(
        matches!(&error, GatewayError::Unreachable(why) if why.starts_with("Paystack could not be reached")),
        "{error}"
    );
}

#[tokio::test]
async fn their_fault_leaves_everything_open_whatever_the_body_says() {
    for status in [500, 502, 503, 504, 520, 599, 408, 425] {
        let (gateway, _server) = paystack([Answer::json(
            status,
            r#"{"status":false,"code":"duplicate_reference","message":"Duplicate Transaction Reference"}"#,
        )])
        .await;
        let error = gateway.initialize(&new_charge()).await.unwrap_err();
        assert_eq!(error, GatewayError::Unreachable(format!("Paystack answered {status}")));
    }
}

#[tokio::test]
async fn who_asks_for_patience_is_told_on_with_the_seconds() {
    let mut busy = Answer::json(429, "{}");
    busy.headers.push(("retry-after", "17".to_owned()));
    let (gateway, _server) = paystack([busy]).await;
    let error = gateway.verify(REFERENCE).await.unwrap_err();
    assert_eq!(error, GatewayError::Unreachable("Paystack asks for patience (17 s)".to_owned()));
}

#[tokio::test]
async fn a_key_that_is_not_accepted_decides_nothing() {
    for status in [401, 403] {
        let (gateway, _server) = paystack([Answer::json(status, r#"{"status":false,"message":"Invalid key"}"#)]).await;
        let error = gateway.initialize(&new_charge()).await.unwrap_err();
        assert_eq!(error, GatewayError::Unreachable("Paystack does not accept the secret key".to_owned()), "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_json_by_its_own_word_is_not_read() {
    for content_type in ["text/html", "text/plain; charset=utf-8", "application/xml", "application/jsonp", ""] {
        let mut answer = success();
        answer.content_type = content_type;
        let (gateway, _server) = paystack([answer]).await;
        let error = gateway.verify(REFERENCE).await.unwrap_err();
        assert_eq!(
            error,
            GatewayError::Malformed { what: "Paystack's answer (200) is not JSON".to_owned() },
            "{content_type}"
        );
    }
}

#[tokio::test]
async fn a_page_in_between_that_says_404_does_not_mean_that_there_is_no_charge() {
    let mut page = Answer::json(404, "<h1>Not found</h1>");
    page.content_type = "text/html";
    let (gateway, _server) = paystack([page]).await;
    let error = gateway.verify(REFERENCE).await.unwrap_err();
    assert_eq!(error, GatewayError::Malformed { what: "Paystack's answer (404) is not JSON".to_owned() });
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, target) = paystack([success()]).await;
    for status in [301, 302, 303, 307, 308] {
        let mut redirect = Answer::json(status, "{}");
        redirect.headers.push(("location", format!("{}/transaction/verify/{REFERENCE}", target.url)));
        let (gateway, _server) = paystack([redirect]).await;
        let error = gateway.verify(REFERENCE).await.unwrap_err();
        assert_eq!(error, GatewayError::Malformed { what: format!("Paystack's answer ({status}) is not JSON") });
    }
    assert!(target.asked().is_empty(), "the key was carried elsewhere");
    elsewhere.verify(REFERENCE).await.unwrap();
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_mebibyte() {
    let padded = |bytes: usize| {
        let mut answer = success();
        answer.body.resize(bytes, b' ');
        answer
    };
    let (gateway, _server) = paystack([padded(1024 * 1024), padded(1024 * 1024 + 1)]).await;
    gateway.verify(REFERENCE).await.unwrap();
    let too_large = GatewayError::Malformed { what: "Paystack's answer is too large".to_owned() };
    assert_eq!(gateway.verify(REFERENCE).await.unwrap_err(), too_large);
    // Without a length, it is the reading that stops.
    let (gateway, _server) = paystack([success().manner(Manner::Flood(1024 * 1024 * 1024))]).await;
    let since = Instant::now();
    assert_eq!(gateway.verify(REFERENCE).await.unwrap_err(), too_large);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

#[tokio::test]
async fn the_gateway_says_what_it_is() {
    let test = paystack_at("http://127.0.0.1:9");
    let config = PaystackConfig::new("sk_live_thekeyofnobody0123456789").unwrap();
    let config = config.with_session(Duration::from_mins(15)).with_currencies(vec![Currency::GHS]);
    let live = PaystackGateway::new(config, FixedClock::at(NOW)).unwrap();
    assert_eq!((test.provider(), live.provider()), ("paystack", "paystack"));
    assert_eq!(test.domain(), domicile_billing::ports::Domain::Test);
    assert_eq!(live.domain(), domicile_billing::ports::Domain::Live);
    assert_eq!((test.session_length(), live.session_length()), (Duration::from_hours(1), Duration::from_mins(15)));
    let naira = Currency::parse("NGN").unwrap();
    assert!(test.takes(naira) && test.takes(Currency::GHS) && !test.takes(Currency::EUR));
    assert!(!live.takes(naira) && live.takes(Currency::GHS));
}

#[tokio::test]
async fn the_accounts_own_limit_on_paying_can_be_asked_for() {
    let said = |seconds: serde_json::Value| {
        Answer::json(
            200,
            json!({"status": true, "message": "", "data": {"payment_session_timeout": seconds}}).to_string(),
        )
    };
    let (gateway, server) = paystack([said(json!(1_800)), said(json!(0)), said(json!("soon"))]).await;
    assert_eq!(gateway.account_session().await, Ok(Some(Duration::from_mins(30))));
    assert_eq!(gateway.account_session().await, Ok(None));
    let error = gateway.account_session().await.unwrap_err();
    assert!(error.to_string().contains("`data.payment_session_timeout`"), "{error}");
    assert_eq!(server.asked()[0].line, "GET /integration/payment_session_timeout HTTP/1.1");
}
