//! `/admin/performance/*`: the printed names, the window by the clock, and for nobody but a super_admin.

use std::time::Duration;

use domicile_kernel::Role;
use serde_json::json;

use crate::support::{On, PASSWORD, TestApp};

const METRICS: &str = "/api/admin/performance/metrics";
const SLOW: &str = "/api/admin/performance/slow-requests";
const SUMMARY: &str = "/api/admin/performance/summary";

#[tokio::test(flavor = "multi_thread")]
async fn a_window_counts_what_lies_in_it_with_the_printed_names() {
    let app = TestApp::sqlite().await;
    let owner = app.super_admin().await;
    for _ in 0..3 {
        app.get("/api/rooms").told().await.is(401);
    }
    app.get("/api").told().await.is(200);
    let data = app.get(METRICS).by(&owner).told().await.is(200).data().clone();
    assert_eq!((&data["timeWindow"], &data["totalRequests"]), (&json!(300_000), &json!(4)));
    assert_eq!((&data["errorRate"], &data["refusalRate"]), (&json!(0.0), &json!(75.0)));
    assert_eq!(data["requestsPerSecond"], json!(0.01));
    assert_eq!(data["topEndpoints"][0]["endpoint"], "GET /api/rooms");
    assert_eq!(data["topEndpoints"][0]["count"], 3);
    for name in ["averageResponseTime", "p50", "p95", "p99", "slowRequests"] {
        assert!(data[name].is_number(), "{name}");
    }
    assert!(data["topEndpoints"][0]["averageResponseTime"].is_number());
    // In another version the same names stand bare.
    let old = app.get("/api/v0/admin/performance/metrics").by(&owner).told().await.is(200).json;
    assert_eq!(old["totalRequests"], 5);

    app.clock.advance(Duration::from_secs(30));
    app.get("/api").told().await.is(200);
    for (asked, expected) in [("timeWindow=10000", 1), ("time_window=300000", 8)] {
        let told = app.get(&format!("{METRICS}?{asked}")).by(&owner).told().await.is(200);
        assert_eq!(told.data()["totalRequests"], expected, "{asked}");
    }
    app.clock.advance(Duration::from_mins(6));
    let fresh = app.session_of(owner.id, owner.email.clone(), None).await;
    let summary = app.get(SUMMARY).by(&fresh).told().await.is(200).data().clone();
    assert_eq!(summary["last5Minutes"]["totalRequests"], 0);
    assert_eq!(summary["lastHour"]["totalRequests"], 9);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_tells_memory_uptime_and_every_alert_rule() {
    let app = TestApp::sqlite().await;
    let owner = app.super_admin().await;
    app.clock.advance(Duration::from_mins(1));
    let data = app.get(SUMMARY).by(&owner).told().await.is(200).data().clone();
    assert_eq!((&data["uptime"], &data["errorRate"]), (&json!(60_000), &json!(0.0)));
    assert!(data["memory"]["residentBytes"].as_u64().unwrap() > 0);
    assert!(data["memory"]["systemMemory"]["usagePercent"].is_number());
    let rules: Vec<_> =
        data["alerts"].as_array().unwrap().iter().map(|alert| alert["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["error_rate", "response_time_p95", "memory_usage"]);
    assert_eq!(
        data["alerts"][0],
        json!({
            "rule": "error_rate", "state": "ok", "value": 0.0, "threshold": 5.0, "unit": "percent",
        })
    );
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_requests_are_remembered_by_their_pattern_and_id() {
    let app = TestApp::start_with_settings(On::Sqlite, |settings| settings.slow_request_ms = 5).await;
    let (owner, hostel) = (app.super_admin().await, app.hostel("Adom").await);
    app.member_with_password(hostel, Role::Student, "ama@test.example").await;
    let body = json!({ "email": "ama@test.example", "password": PASSWORD });
    // A password takes longer than five milliseconds, on any machine.
    app.post("/api/auth/login").header("x-request-id", "slow-one").json(body).told().await.is(200);
    let told = app.get(&format!("{SLOW}?limit=100")).by(&owner).told().await.is(200);
    let slow = told.data().as_array().unwrap();
    let login = slow.iter().find(|one| one["requestId"] == "slow-one").unwrap();
    assert_eq!(login["endpoint"], "POST /api/auth/login");
    assert_eq!((&login["statusCode"], &login["timestamp"]), (&json!(200), &json!("2026-01-20T10:30:00Z")));
    assert!(login["responseTime"].as_f64().unwrap() >= 5.0);
    let one = app.get(&format!("{SLOW}?limit=1")).by(&owner).told().await.is(200);
    assert_eq!(one.data().as_array().unwrap().len(), 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_bounds_is_a_wrong_field() {
    let app = TestApp::sqlite().await;
    let owner = app.super_admin().await;
    for (path, field) in [
        (format!("{METRICS}?timeWindow=999"), "timeWindow"),
        (format!("{METRICS}?timeWindow=3600001"), "timeWindow"),
        (format!("{METRICS}?timeWindow=-1"), "time_window"),
        (format!("{METRICS}?timeWindow=soon"), "time_window"),
        (format!("{METRICS}?window=1000"), "window"),
        (format!("{METRICS}?timeWindow=1000&timeWindow=2000"), "timeWindow"),
        (format!("{SLOW}?limit=0"), "limit"),
        (format!("{SLOW}?limit=101"), "limit"),
    ] {
        let told = app.get(&path).by(&owner).told().await.is(400);
        assert_eq!((told.code(), &told.json["errors"][0]["field"]), ("VALIDATION_ERROR", &json!(field)), "{path}");
    }
    app.get(&format!("{METRICS}?timeWindow=1000")).by(&owner).told().await.is(200);
    app.get(&format!("{METRICS}?timeWindow=3600000")).by(&owner).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_super_admin_may_look() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Adom").await;
    let admin = app.member(hostel, Role::Admin).await;
    for path in [METRICS, SLOW, SUMMARY] {
        app.get(path).told().await.is(401);
        let told = app.get(path).by(&admin).told().await.is(403);
        assert_eq!(told.data()["required_permission"], "performance:read");
    }
    app.end().await;
}
