//! The shape of every answer: versions, envelopes, aliases, unknown paths and methods, request ids, headers (W1, W2, W4, W10,
//! W11).

use domicile_kernel::Role;
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

use crate::support::{Asked, TestApp, Told};

fn room(name: &str) -> Value {
    let price = json!({ "amount_minor": 45_000, "currency": "GHS" });
    json!({ "name": name, "room_type": "single", "bed_count": 1, "monthly_price": price })
}

/// The keys of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn path_beats_header_beats_query_and_none_means_v1() {
    let app = TestApp::sqlite().await;
    for (path, header, expected) in [
        ("/api/auth/me", "", "v1"),
        ("/api/v0/auth/me", "", "v0"),
        ("/api/v1/auth/me", "", "v1"),
        ("/v1/auth/me", "", "v1"),
        ("/v2/auth/me", "", "v2"),
        ("/api/v2/auth/me?version=v1", "v0", "v2"),
        ("/api/v1/auth/me?version=v9", "v8", "v1"),
        ("/api/auth/me?version=v1", "v2", "v2"),
        ("/api/auth/me?version=v0", "", "v0"),
        ("/api/auth/me/", "", "v1"),
    ] {
        let asked = app.get(path);
        let asked = if header.is_empty() { asked } else { asked.header("api-version", header) };
        let told = asked.told().await.is(401);
        assert_eq!(told.header("api-version"), expected, "{path} {header}");
        assert_eq!(
            told.header("content-type").starts_with("application/problem+json"),
            expected == "v2",
            "{path} {header}"
        );
    }
    for (path, header) in [
        ("/api/v3/rooms", ""),
        ("/v10/rooms", ""),
        ("/api/rooms?version=v7", ""),
        ("/api/rooms", "2"),
        ("/api/rooms", "v"),
    ] {
        let asked = app.get(path);
        let asked = if header.is_empty() { asked } else { asked.header("api-version", header) };
        let told = asked.told().await.refuses(400, "UNSUPPORTED_API_VERSION");
        assert_eq!(told.data()["supported_versions"], json!(["v0", "v1", "v2"]), "{path} {header}");
    }
    // The case is exact, and only one slash is dropped.
    for path in ["/API/rooms", "/api/V1/rooms", "/api/rooms//", "/apiary", "/api/Rooms"] {
        app.get(path).told().await.refuses(404, "NOT_FOUND");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_shows_the_same_data_in_its_own_shape() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let made = app.room(hostel, 2).await;
    let path = format!("rooms/{}", made.id);
    let ask =
        async |version: &str, path: &str| app.get(&format!("/api/{version}/{path}")).by(&admin).told().await.is(200);

    let (v0, v1, v2) = (ask("v0", &path).await, ask("v1", &path).await, ask("v2", &path).await);
    assert_eq!(v0.json, json!(made));
    assert_eq!(v1.json["data"], json!(made));
    assert_eq!(v2.json, json!({ "data": made }));
    let mut v1_keys = keys(&v1.json);
    v1_keys.sort_unstable();
    assert_eq!(v1_keys, ["data", "request_id", "success", "timestamp"]);
    assert_eq!((&v1.json["success"], &v1.json["timestamp"]), (&json!(true), &json!("2026-01-20T10:30:00Z")));
    for told in [&v0, &v1, &v2] {
        assert_eq!(told.header("etag"), "\"1\"");
        assert!(told.header("content-type").starts_with("application/json"));
    }
    // Only v0 says that it ends.
    assert_eq!(v0.header("deprecation"), "true");
    assert!(v0.header("sunset").ends_with("GMT"), "{}", v0.header("sunset"));
    assert!(v0.header("link").contains("rel=\"deprecation\""));
    assert!(v0.header("warning").starts_with("299 - "), "{}", v0.header("warning"));
    for told in [&v1, &v2] {
        for name in ["deprecation", "sunset", "link", "warning"] {
            assert_eq!(told.header(name), "");
        }
    }

    let (v0, v1, v2) = (ask("v0", "rooms").await, ask("v1", "rooms").await, ask("v2", "rooms").await);
    assert_eq!((v0.json.clone(), v0.header("x-total-count")), (json!([made]), "1"));
    assert_eq!(v1.json["pagination"], json!({ "page": 1, "limit": 20, "total": 1, "total_pages": 1 }));
    assert_eq!(
        v2.json,
        json!({ "data": [made], "pagination": { "limit": 20, "next_cursor": null, "has_more": false } })
    );

    // Refusals: an envelope, and in v2 a problem document.
    for version in ["v0", "v1"] {
        let told = app
            .post(&format!("/api/{version}/rooms"))
            .by(&admin)
            .json(json!({}))
            .told()
            .await
            .refuses(400, "VALIDATION_ERROR");
        assert_eq!((&told.json["success"], &told.json["message"]), (&json!(false), &json!("Validation failed")));
        assert_eq!(told.json["errors"][0]["field"], "name");
        assert_eq!(told.json["errors"][0]["message"], told.json["errors"][0]["msg"]);
        assert!(told.json["timestamp"].is_string() && told.json["request_id"].is_string());
    }
    let told = app.post("/api/v2/rooms").by(&admin).json(json!({})).told().await.refuses(400, "VALIDATION_ERROR");
    assert_eq!((&told.json["status"], &told.json["title"]), (&json!(400), &json!("Bad Request")));
    assert!(told.json["type"].is_string() && told.json["detail"].is_string() && told.json["request_id"].is_string());
    assert_eq!((&told.json["instance"], &told.json["errors"][0]["field"]), (&json!("/api/rooms"), &json!("name")));
    assert!(told.json.get("success").is_none() && told.json.get("timestamp").is_none());

    // Made: 201, at an address in the caller's own spelling.
    for (prefix, name) in [("/api", "One"), ("/api/v1", "Two"), ("/api/v2", "Three"), ("/api/v0", "Four")] {
        let told = app.post(&format!("{prefix}/rooms")).by(&admin).json(room(name)).told().await.is(201);
        let data = if prefix == "/api/v0" { &told.json } else { &told.json["data"] };
        assert_eq!(told.header("location"), format!("{prefix}/rooms/{}", data["id"].as_str().unwrap()));
    }
    // Gone: 200 with a body, and in v2 204 without one.
    for (version, status) in [("v0", 200), ("v1", 200), ("v2", 204)] {
        let room = app.room(hostel, 1).await;
        let told = app.delete(&format!("/api/{version}/rooms/{}", room.id)).by(&admin).seen(1).told().await.is(status);
        match version {
            "v0" => assert_eq!(told.text, "null"),
            "v1" => assert_eq!((&told.json["success"], &told.json["data"]), (&json!(true), &Value::Null)),
            _ => assert_eq!(told.text, ""),
        }
        app.get(&format!("/api/rooms/{}", room.id)).by(&admin).told().await.refuses(404, "NOT_FOUND");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alias_answers_as_its_canonical_path() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.super_admin().await;
    let member = app.member(hostel, Role::Student).await;
    let table = domicile_http::aliases();
    assert!(!table.is_empty());
    for (method, alias, canonical) in table {
        // A prefix is tried with nothing behind it and with an id, as reads.
        let pairs = match method {
            "*" => vec![
                ("GET", String::new()),
                ("GET", format!("/{}", if canonical == "/users" { member.id.to_string() } else { hostel.to_string() })),
            ],
            verb => vec![(verb, String::new())],
        };
        for (verb, behind) in pairs {
            for prefix in ["/api", "/api/v1", "/v1"] {
                let ask = async |path: &str| {
                    let asked = app
                        .ask(verb.parse::<Method>().unwrap(), &format!("{prefix}{path}{behind}"))
                        .by(&owner)
                        .at(hostel);
                    // Writes are refused alike for what is missing, and so change nothing.
                    let asked = if verb == "GET" { asked } else { asked.json(json!({})) };
                    asked.told().await
                };
                let (by_alias, by_name) = (ask(alias).await, ask(canonical).await);
                assert!(!matches!(by_alias.status, 404 | 405), "{verb} {prefix}{alias}{behind}: {}", by_alias.text);
                let told = |told: &Told| {
                    (told.status, told.code().to_owned(), told.data().clone(), told.json["errors"].clone())
                };
                assert_eq!(told(&by_alias), told(&by_name), "{verb} {prefix}{alias}{behind}");
            }
        }
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_told_in_the_envelope() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    for path in [
        "/nowhere",
        "/api/nowhere",
        "/api/v2/nowhere",
        "/api/rooms/1",
        "/api/rooms/not-a-uuid",
        "/api/bookings/1/approve",
        "/api/booking",
        "/.env",
        "/docs/../secret",
    ] {
        let told = app.get(path).by(&admin).told().await.refuses(404, "NOT_FOUND");
        assert!(told.json["request_id"].is_string(), "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/rooms", "GET, HEAD, POST"),
        (Method::POST, "/api/profile", "GET, HEAD, PUT, PATCH"),
        (Method::GET, "/api/auth/login", "POST"),
        (Method::DELETE, "/health", "GET, HEAD"),
        (Method::PUT, "/api/v2/rooms", "GET, HEAD, POST"),
        (Method::TRACE, "/api/rooms", "GET, HEAD, POST"),
    ] {
        let told = app.ask(method.clone(), path).by(&admin).told().await.refuses(405, "METHOD_NOT_ALLOWED");
        let mut found: Vec<_> = told.header("allow").split(", ").collect();
        let mut expected: Vec<_> = allow.split(", ").collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{method} {path}");
    }
    // HEAD is GET without the body.
    let head = app.ask(Method::HEAD, "/api/rooms").by(&admin).told().await.is(200);
    assert_eq!(head.text, "");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_answers_put_post_and_patch_alike() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    for method in [Method::PUT, Method::POST, Method::PATCH] {
        let student = app.member(hostel, Role::Student).await;
        let stay = app.stay(hostel, student.id, "2026-03-01").await;
        let told =
            app.ask(method, &format!("/api/bookings/{}/approve", stay.id)).by(&manager).seen(1).told().await.is(200);
        assert_eq!(told.data()["status"], "approved");
        let patched = app.ask(Method::PATCH, &format!("/api/bookings/{}", stay.id)).by(&manager).seen(2);
        patched.json(json!({ "special_requests": "By the door" })).told().await.is(200);
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sane_request_id_is_kept_and_any_other_is_made() {
    let app = TestApp::sqlite().await;
    for path in ["/", "/health", "/api/auth/me", "/nowhere", "/api/v9/rooms", "/docs", "/api/openapi.json"] {
        let kept = app.get(path).header("x-request-id", "req_kept-1.2:3").told().await;
        assert_eq!(kept.header("x-request-id"), "req_kept-1.2:3", "{path}");
        if kept.json.get("request_id").is_some() {
            assert_eq!(kept.json["request_id"], "req_kept-1.2:3", "{path}");
        }
        let long = "x".repeat(129);
        for bad in ["", "a b", "a\"b", long.as_str()] {
            let made = app.get(path).header("x-request-id", bad).told().await;
            assert!(made.header("x-request-id").starts_with("req_"), "{path} {bad}");
        }
        let (one, two) = (app.get(path).told().await, app.get(path).told().await);
        assert!(one.header("x-request-id").starts_with("req_"));
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn security_headers_are_on_every_answer() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    for path in [
        "/",
        "/api",
        "/api/rooms",
        "/api/v2/rooms",
        "/api/v0/nowhere",
        "/health",
        "/docs",
        "/docs/index.html",
        "/docs/errors",
        "/api/openapi.json",
        "/api/v9/x",
    ] {
        let told = Asked(client.get(format!("{}{path}", app.base))).by(&admin).told().await;
        assert_eq!(told.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(told.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(told.header("referrer-policy"), "no-referrer", "{path}");
        assert!(told.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!told.header("cache-control").is_empty(), "{path}");
        assert_eq!(told.header("server"), "", "{path}");
        assert_eq!(told.header("access-control-allow-origin"), "", "{path}");
    }
    // Nobody else's page may read answers, least of all with credentials.
    let told = app.get("/api/rooms").by(&admin).header("origin", "https://evil.example").told().await;
    assert_eq!(told.header("access-control-allow-origin"), "");
    assert_eq!(told.header("access-control-allow-credentials"), "");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_name_stand_bare_in_the_printed_shapes() {
    let app = TestApp::sqlite().await;
    for path in ["/health", "/health/ready", "/health/live", "/api/health", "/v1/health", "/", "/api"] {
        let told = app.get(path).told().await.is(200);
        assert!(told.json.is_object(), "{path}: {}", told.text);
        assert!(told.json.get("request_id").is_none() && told.json.get("data").is_none(), "{path}: {}", told.text);
    }
    let told = app.get("/health").told().await;
    assert!(told.json.get("dbStatus").is_some() && told.json.get("status").is_some(), "{}", told.text);
    assert!(app.get("/api/health").told().await.json["services"].is_object());
    app.end().await;
}
