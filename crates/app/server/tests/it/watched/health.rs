//! `/api/health` as one document prints it, `/health` as another, with values that are alive.

use serde_json::json;

use crate::support::TestApp;

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
    assert_eq!(services["services"]["payment_gateway"], json!({ "status": "not_configured" }));
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
