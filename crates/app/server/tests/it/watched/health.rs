//! `/api/health` as one document prints it, `/health` as another, with values that are alive.

use domicile_payments::paystack::PaystackConfig;
use domicile_server::settings::Provider;
use serde_json::json;

use crate::{
    money::stage::until,
    support::{On, TestApp},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_document_has_its_shape_and_the_values_are_alive() {
    let app = TestApp::sqlite().await;
    app.clock.advance(std::time::Duration::from_secs(90));
    let services = app.get("/api/health").told().await.is(200).json;
    assert_eq!(services["status"], "healthy");
    assert_eq!(services["timestamp"], "2026-01-20T10:31:30Z");
    assert_eq!(services["uptime_seconds"], 90);
    assert_eq!(services["services"]["database"]["status"], "up");
    assert!(services["services"]["database"]["response_time_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(services["services"]["redis"], json!({ "status": "not_configured" }));
    // Asked once from the start on, beside everything else.
    until("the gateway was asked", async || {
        let services = app.get("/api/health").told().await.is(200).json;
        let gateway = &services["services"]["payment_gateway"];
        assert!(gateway["status"] == "up" || gateway["status"] == "unknown", "{gateway}");
        gateway["status"] == "up" && gateway["last_check"].as_str().is_some_and(|at| at.starts_with("2026-01-20T10:3"))
    })
    .await;
    assert!(services["services"]["websocket"]["status"].is_string());
    assert!(services["version"].is_string());

    let whole = app.get("/health").told().await.is(200).json;
    assert_eq!((&whole["status"], &whole["uptime"]), (&json!("healthy"), &json!(90_000)));
    let memory = &whole["checks"]["memory"];
    assert_eq!(memory["status"], "healthy");
    assert!(memory["responseTime"].is_number());
    let percent = memory["details"]["systemMemory"]["usagePercent"].as_f64().unwrap();
    assert!((0.0..=100.0).contains(&percent), "{percent}");
    assert!(memory["details"]["residentBytes"].as_u64().unwrap() > 1_000_000);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_does_not_answer_is_down_and_the_house_is_well() {
    let with = |url: &'static str| {
        TestApp::start_with_settings(On::Sqlite, move |settings| {
            let config = PaystackConfig::new("sk_test_0123456789abcdef0123456789").unwrap().at(url).unwrap();
            settings.payments.provider = Provider::Paystack(Box::new(config));
        })
    };
    // Nobody listens there.
    let app = with("http://127.0.0.1:9").await;
    until("the gateway was asked", async || {
        let services = app.get("/api/health").told().await.is(200).json;
        assert_eq!(services["status"], "healthy");
        services["services"]["payment_gateway"]["status"] == "down"
    })
    .await;
    app.get("/health/ready").told().await.is(200);
    app.end().await;
    let app = TestApp::start_with_settings(On::Sqlite, |settings| settings.payments.provider = Provider::None).await;
    let services = app.get("/api/health").told().await.is(200).json;
    assert_eq!(services["services"]["payment_gateway"], json!({ "status": "not_configured" }));
    app.end().await;
}
