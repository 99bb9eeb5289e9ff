//! What every operation can rely on, whichever context it belongs to.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix_web::{
    http::{Method, StatusCode},
    test::TestRequest,
    web::{self, Data},
};
use domicile_kernel::{Code, Detail, Fault, Feature, Outcome, PageOf, Permission, Refusal, StoreError, page::Cursor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Bench, OTHER_HOSTEL, Said, Well, ask, json};
use crate::{
    Answer, ApiError, Body, Caller, Expected, Filters, Id, KeyKind, Listing, Nothing, Shell, SortField,
    operation::{Access, Operation},
};

const ROOM: &str = "0190f5a0-0000-7000-8000-0000000000aa";

impl Bench {
    async fn send(&self, request: TestRequest) -> Said {
        self.ask(table(), (), request).await
    }
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ThingView {
    id: Uuid,
    name: String,
    version: i64,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
struct MakeThing {
    thing_name: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct ThingFilters {
    colour: Option<String>,
}

impl Filters for ThingFilters {
    const SORTS: &'static [SortField] = &[SortField::new("name", KeyKind::Text)];
    const DEFAULT: (&'static str, bool) = ("name", false);
}

#[derive(Debug, thiserror::Error)]
enum ThingError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("It is already closed")]
    Closed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for ThingError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Closed => Code::ResourceConflict,
            Self::Store(store) => store.code(),
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Refused(refusal) => refusal.detail(),
            Self::Closed => Detail::State("closed".to_owned()),
            Self::Store(store) => store.detail(),
        }
    }

    fn replayed(&self) -> Option<&Outcome> {
        match self {
            Self::Store(store) => store.replayed(),
            Self::Refused(_) | Self::Closed => None,
        }
    }
}

fn thing(name: &str, version: i64) -> ThingView {
    ThingView { id: ROOM.parse().unwrap(), name: name.to_owned(), version }
}

async fn make(
    shell: Data<Shell>,
    Caller(call): Caller,
    Body(command): Body<MakeThing>,
) -> Result<Answer<ThingView>, ApiError> {
    let done = shell
        .run(async move {
            let name = command.thing_name.unwrap_or_default();
            match (name.as_str(), call.idempotency) {
                ("replay", Some(_)) => Err(StoreError::Replayed(Outcome::of(&thing("first", 1))).into()),
                ("broken", _) => Err(StoreError::Other("relation does not exist".into()).into()),
                ("panic", _) => panic!("a bug"),
                ("slow", _) => {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                    Err(ThingError::Closed)
                }
                _ => Ok(thing(&name, 1)),
            }
        })
        .await?;
    Ok(Answer::done(done).created(|made| format!("/things/{}", made.id)).version(|made| made.version))
}

async fn list(Caller(_): Caller, listing: Listing<ThingFilters>) -> Answer<Vec<ThingView>> {
    assert_eq!(listing.filters.colour, None);
    let next = Cursor { key: "a".to_owned(), id: Uuid::from_u128(1) };
    Answer::page(&listing, PageOf { rows: vec![thing("a", 1)], total: Some(21), next: Some(next) })
}

async fn close(
    Id(id): Id<Uuid>,
    Expected(version): Expected,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Answer<ThingView>, ApiError> {
    if version == 9 {
        return Err(ThingError::Closed.into());
    }
    Ok(Answer::of(ThingView { id, ..thing("closed", version + 1) }).version(|view| view.version))
}

async fn remove(shell: Data<Shell>, Expected(_): Expected) -> Result<Answer<()>, ApiError> {
    let done = shell.run(async { Ok::<(), ThingError>(()) }).await?;
    Ok(Answer::gone(done, "Thing deleted"))
}

async fn pay(Caller(_): Caller) -> Answer<()> {
    Answer::nothing("Paid")
}

async fn compute(
    shell: Data<Shell>,
    Caller(_): Caller,
    Body(command): Body<MakeThing>,
) -> Result<Answer<()>, ApiError> {
    let work = move || match command.thing_name.as_deref() {
        Some("panic") => panic!("a bug"),
        Some("slow") => {
            std::thread::sleep(Duration::from_secs(4));
            Ok(())
        }
        Some("closed") => Err(ThingError::Closed),
        _ => Ok(()),
    };
    shell.compute(work).await?;
    Ok(Answer::nothing("Computed"))
}

async fn burst() -> Answer<()> {
    panic!("before the use case")
}

fn table() -> &'static [Operation] {
    static TABLE: OnceLock<Vec<Operation>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut rows = vec![
            Operation::get("things.list", "/things", "T", "List", || web::route().to(list))
                .needs(&[Permission::RoomsRead])
                .lists::<ThingView, ThingFilters>(),
            Operation::create("things.create", "/things", "T", "Make", || web::route().to(make))
                .needs(&[Permission::RoomsCreate])
                .takes::<MakeThing>()
                .answers::<ThingView>(),
            Operation::moves("things.close", "/things/{id}/close", "T", "Close", || web::route().to(close))
                .versioned()
                .takes::<Nothing>()
                .answers::<ThingView>(),
            Operation::delete("things.delete", "/things/{id}", "T", "Delete", || web::route().to(remove)).versioned(),
            Operation::post("things.pay", "/things/pay", "T", "Pay", || web::route().to(pay)).gated(Feature::Payments),
            Operation::post("things.compute", "/things/compute", "T", "Compute", || web::route().to(compute))
                .takes::<MakeThing>(),
            Operation::get("things.burst", "/burst", "T", "Burst", || web::route().to(burst)).access(Access::Account),
        ];
        rows.extend(crate::operations::all().iter().filter(|row| row.bare).cloned());
        rows
    })
}

#[actix_web::test]
async fn one_operation_answers_in_three_spellings_and_three_shapes() {
    let bench = Bench::new();
    for path in ["/api/things", "/api/v1/things", "/v1/things", "/api/things/"] {
        let said = bench.send(ask(Method::GET, path, "student")).await;
        assert_eq!(said.status, 200, "{path} {:?}", said.body);
        assert_eq!(said.body["success"], true);
        assert_eq!(said.body["pagination"], json!({"page": 1, "limit": 20, "total": 21, "total_pages": 2}));
        assert_eq!(said.body["request_id"], said.header("x-request-id"));
        assert_eq!(said.header("cache-control"), "no-store");
        assert_eq!(said.header("x-content-type-options"), "nosniff");
        assert_eq!(said.header("strict-transport-security"), "");
    }
    let current = bench.send(ask(Method::GET, "/api/things?version=v2&limit=1", "student")).await;
    assert_eq!(current.body["data"][0]["name"], "a");
    let cursor = current.body["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let next = bench.send(ask(Method::GET, &format!("/api/v2/things?cursor={cursor}"), "student")).await;
    assert_eq!(next.status, 200);
    let forged = bench.send(ask(Method::GET, "/api/v2/things?cursor=abc", "student")).await;
    assert_eq!((forged.status, forged.body["code"].as_str()), (400, Some("INVALID_INPUT")));
    let old = bench.send(ask(Method::GET, "/api/v0/things", "student")).await;
    assert_eq!(old.body[0]["name"], "a");
    assert_eq!((old.header("deprecation"), old.header("x-total-count")), ("true", "21"));
    let unknown = bench.send(ask(Method::GET, "/api/v3/things", "student")).await;
    assert_eq!(unknown.body["code"], "UNSUPPORTED_API_VERSION");
    assert_eq!(unknown.body["data"]["supported_versions"], json!(["v0", "v1", "v2"]));
}

#[actix_web::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_in_the_envelope() {
    let bench = Bench::new();
    for path in ["/api/nothing", "/nothing", "/api/things/7/close", "/api/things/not-a-uuid", "/API/things"] {
        let said = bench.send(ask(Method::GET, path, "student")).await;
        assert_eq!((said.status, said.body["code"].as_str()), (404, Some("NOT_FOUND")), "{path}");
        assert_eq!(said.body["success"], false);
    }
    let said = bench.send(ask(Method::DELETE, "/api/things", "student")).await;
    assert_eq!((said.status, said.body["code"].as_str()), (405, Some("METHOD_NOT_ALLOWED")));
    assert_eq!(said.header("allow"), "GET, HEAD, POST");
    let current = bench.send(ask(Method::GET, "/api/v2/nothing", "student")).await;
    assert_eq!(current.header("content-type"), "application/problem+json");
    assert_eq!((current.body["status"].as_i64(), current.body["code"].as_str()), (Some(404), Some("NOT_FOUND")));
}

#[actix_web::test]
async fn who_calls_is_settled_before_where_and_where_before_what() {
    let bench = Bench::new();
    let bare = TestRequest::with_uri("/api/things").insert_header(("X-Hostel-ID", "nonsense"));
    let said = bench.send(bare).await;
    assert_eq!((said.status, said.body["code"].as_str()), (401, Some("UNAUTHORIZED")));
    assert!(said.header("www-authenticate").starts_with("Bearer"));
    for hostel in ["", "nonsense"] {
        let request = TestRequest::with_uri("/api/things").insert_header(("Authorization", "Bearer student"));
        let request = if hostel.is_empty() { request } else { request.insert_header(("X-Hostel-ID", hostel)) };
        let said = bench.send(request).await;
        assert_eq!((said.status, said.body["code"].as_str()), (400, Some("INVALID_INPUT")));
    }
    let twice = ask(Method::GET, "/api/things", "student").append_header(("X-Hostel-ID", OTHER_HOSTEL));
    assert_eq!(bench.send(twice).await.status, 400);
    let foreign = TestRequest::with_uri("/api/things")
        .insert_header(("Authorization", "Bearer admin"))
        .insert_header(("X-Hostel-ID", OTHER_HOSTEL));
    let said = bench.send(foreign).await;
    assert_eq!((said.status, said.body["code"].as_str()), (403, Some("FORBIDDEN")));
    let refused = bench.notes.refused.lock().unwrap().clone();
    assert_eq!(refused, [("things.list".to_owned(), "FORBIDDEN")]);
}

#[actix_web::test]
async fn who_may_not_is_told_so_whatever_they_sent_and_it_is_noted() {
    let bench = Bench::new();
    let said = bench.send(json(ask(Method::POST, "/api/things", "student"), "{broken")).await;
    assert_eq!((said.status, said.body["code"].as_str()), (403, Some("INSUFFICIENT_PERMISSIONS")));
    assert_eq!(said.body["data"], json!({"required_permission": "rooms:create", "your_role": "student"}));
    let gated = bench.send(json(ask(Method::POST, "/api/things/pay", "student"), "{broken")).await;
    assert_eq!((gated.status, gated.body["code"].as_str()), (403, Some("FEATURE_DISABLED")));
    let refused = bench.notes.refused.lock().unwrap().clone();
    assert_eq!(refused, [("things.create".to_owned(), "INSUFFICIENT_PERMISSIONS")]);
    assert!(bench.notes.entered.lock().unwrap().is_empty());
    bench.send(ask(Method::GET, "/api/things", "super_admin")).await;
    assert_eq!(*bench.notes.entered.lock().unwrap(), ["things.list"]);
}

#[actix_web::test]
async fn what_only_computes_may_fail_panic_or_be_late() {
    let bench = Bench::new();
    for (name, status) in [("plain", 200), ("closed", 409), ("panic", 500), ("slow", 503)] {
        let body = json!({ "thing_name": name }).to_string();
        let said = bench.send(json(ask(Method::POST, "/api/things/compute", "student"), &body)).await;
        assert_eq!(said.status, status, "{name} {}", said.body);
    }
}

#[actix_web::test]
async fn making_something_tells_where_it_is_and_which_version() {
    let bench = Bench::new();
    let said = bench.send(json(ask(Method::POST, "/api/things", "admin"), r#"{"thingName":"x"}"#)).await;
    assert_eq!(said.status, 201, "{:?}", said.body);
    assert_eq!(said.header("location"), format!("/api/things/{ROOM}"));
    assert_eq!(said.header("etag"), "\"1\"");
    let said = bench.send(json(ask(Method::POST, "/v2/things", "admin"), r#"{"thing_name":"x"}"#)).await;
    assert_eq!(said.header("location"), format!("/api/v2/things/{ROOM}"));
}

#[actix_web::test]
async fn a_repeated_key_replays_the_first_answer() {
    let bench = Bench::new();
    let body = r#"{"thing_name":"replay"}"#;
    let keyed = ask(Method::POST, "/api/things", "admin").insert_header(("Idempotency-Key", "k-1"));
    let said = bench.send(json(keyed, body)).await;
    assert_eq!((said.status, said.header("idempotency-replayed")), (201, "true"));
    assert_eq!(said.body["data"]["name"], "first");
    let bad = ask(Method::POST, "/api/things", "admin").insert_header(("Idempotency-Key", "a b"));
    assert_eq!(bench.send(json(bad, body)).await.body["code"], "INVALID_INPUT");
}

#[actix_web::test]
async fn our_own_faults_are_told_as_ours_and_no_more() {
    let bench = Bench::new();
    for (name, status, code) in
        [("broken", 500, "DATABASE_ERROR"), ("panic", 500, "INTERNAL_ERROR"), ("slow", 503, "SERVICE_UNAVAILABLE")]
    {
        let body = json!({ "thing_name": name }).to_string();
        let said = bench.send(json(ask(Method::POST, "/api/things", "admin"), &body)).await;
        assert_eq!((said.status, said.body["code"].as_str()), (status, Some(code)), "{name}");
        assert!(!said.body.to_string().contains("relation") && !said.body.to_string().contains("bug"));
        assert!(said.body["request_id"].as_str().unwrap().starts_with("req_"));
    }
    let burst = ask(Method::GET, "/api/burst", "student").insert_header(("Origin", "https://app.example.org"));
    let said = bench.send(burst).await;
    assert_eq!((said.status, said.body["code"].as_str()), (500, Some("INTERNAL_ERROR")));
    assert_eq!(said.header("access-control-allow-origin"), "https://app.example.org");
}

#[actix_web::test]
async fn a_move_needs_the_version_and_no_body_and_answers_three_methods() {
    let bench = Bench::new();
    let path = format!("/api/things/{ROOM}/close");
    for method in [Method::PUT, Method::POST, Method::PATCH] {
        let said = bench.send(ask(method.clone(), &path, "admin").insert_header(("If-Match", "\"4\""))).await;
        assert_eq!((said.status, said.header("etag")), (200, "\"5\""), "{method} {:?}", said.body);
    }
    let by_body = bench.send(json(ask(Method::PUT, &path, "admin"), r#"{"version":4}"#)).await;
    assert_eq!(by_body.status, 200);
    let missing = bench.send(ask(Method::PUT, &path, "admin")).await;
    assert_eq!((missing.status, missing.body["code"].as_str()), (428, Some("PRECONDITION_REQUIRED")));
    let both = json(ask(Method::PUT, &path, "admin").insert_header(("If-Match", "5")), r#"{"version":4}"#);
    assert_eq!(bench.send(both).await.body["code"], "INVALID_INPUT");
    let unknown = json(ask(Method::PUT, &path, "admin").insert_header(("If-Match", "4")), r#"{"reason":"x"}"#);
    assert_eq!(bench.send(unknown).await.body["errors"][0]["rule"], "unknown");
    let closed = bench.send(ask(Method::PUT, &path, "admin").insert_header(("If-Match", "9"))).await;
    assert_eq!(closed.body["data"]["current_status"], "closed");
}

#[actix_web::test]
async fn what_is_gone_has_an_envelope_or_nothing() {
    let bench = Bench::new();
    let gone = |path: String| ask(Method::DELETE, &path, "admin").insert_header(("If-Match", "1"));
    let said = bench.send(gone(format!("/api/things/{ROOM}"))).await;
    assert_eq!((said.status, said.body["message"].as_str()), (200, Some("Thing deleted")));
    assert_eq!(said.body["data"], Value::Null);
    assert_eq!(bench.send(gone(format!("/api/v2/things/{ROOM}"))).await.status, 204);
}

#[actix_web::test]
async fn bad_bodies_are_refused_in_the_envelope() {
    let bench = Bench::new();
    let large = format!("{{\"thing_name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let deep = "[".repeat(10_000);
    let cases: &[(&str, &str, u16, &str)] = &[
        ("application/json", "{", 400, "INVALID_INPUT"),
        ("application/json", &deep, 400, "INVALID_INPUT"),
        ("application/json", r#"{"thing_name":1e400}"#, 400, "INVALID_INPUT"),
        ("application/json", "[]", 400, "VALIDATION_ERROR"),
        ("application/json", r#"{"thing_name":5}"#, 400, "VALIDATION_ERROR"),
        ("application/json", r#"{"thing_name":"\u0000"}"#, 400, "VALIDATION_ERROR"),
        ("application/json", r#"{"thing_name":"a","thingName":"b"}"#, 400, "VALIDATION_ERROR"),
        ("application/json", &large, 413, "PAYLOAD_TOO_LARGE"),
        ("text/plain", "x", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ];
    for (kind, body, status, code) in cases {
        let request = ask(Method::POST, "/api/things", "admin").insert_header(("Content-Type", *kind));
        let said = bench.send(request.set_payload((*body).to_owned())).await;
        let shown: String = body.chars().take(40).collect();
        assert_eq!((said.status, said.body["code"].as_str()), (*status, Some(*code)), "{shown}");
        assert_eq!(said.body["success"], false);
    }
}

#[actix_web::test]
async fn a_sane_request_id_is_kept() {
    let bench = Bench::new();
    let sent = ask(Method::GET, "/api/things", "student").insert_header(("X-Request-ID", "abc-123"));
    assert_eq!(bench.send(sent).await.header("x-request-id"), "abc-123");
    let insane = ask(Method::GET, "/api/things", "student").insert_header(("X-Request-ID", "a b"));
    assert!(bench.send(insane).await.header("x-request-id").starts_with("req_"));
}

#[actix_web::test]
async fn only_listed_origins_are_answered_for_browsers() {
    let bench = Bench::new();
    let preflight = |origin: &'static str| {
        TestRequest::with_uri("/api/things")
            .method(Method::OPTIONS)
            .insert_header(("Origin", origin))
            .insert_header(("Access-Control-Request-Method", "PUT"))
            .insert_header(("Access-Control-Request-Headers", "if-match, x-hostel-id"))
    };
    let said = bench.send(preflight("https://app.example.org")).await;
    assert_eq!((said.status, said.header("access-control-allow-origin")), (200, "https://app.example.org"));
    let said = bench.send(preflight("https://evil.example.org")).await;
    assert_eq!(said.header("access-control-allow-origin"), "");
}

#[actix_web::test]
async fn health_is_bare_and_tells_no_causes() {
    let mut bench = Bench::new();
    for (path, key, value) in [
        ("/health", "dbStatus", "connected"),
        ("/api/health", "status", "healthy"),
        ("/v1/health", "status", "healthy"),
        ("/health/ready", "status", "ready"),
        ("/health/live", "status", "alive"),
        ("/", "name", "Domicile"),
        ("/api", "name", "Domicile"),
    ] {
        let said = bench.send(TestRequest::with_uri(path)).await;
        assert_eq!((said.status, said.body[key].as_str()), (200, Some(value)), "{path}");
        assert!(said.body.get("success").is_none());
    }
    bench.shell.health = Arc::new(Well(false));
    for path in ["/health", "/api/health", "/health/ready"] {
        let said = bench.send(TestRequest::with_uri(path)).await;
        assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE.as_u16());
        assert!(said.body.get("success").is_none() && said.body["status"].is_string());
        assert!(!said.body.to_string().contains("10.0.0.1"));
    }
}

#[actix_web::test]
async fn the_documentation_comes_out_of_the_binary() {
    let bench = Bench::new();
    assert_eq!(bench.send(TestRequest::with_uri("/docs")).await.header("location"), "/docs/index.html");
    for file in ["index.html", "swagger-initializer.js", "swagger-ui.css", "swagger-ui-bundle.js"] {
        let said = bench.send(TestRequest::with_uri(&format!("/docs/{file}"))).await;
        assert_eq!(said.status, 200, "{file}");
        assert!(!said.header("content-security-policy").contains("'none'; frame"), "{file}");
    }
    assert_eq!(bench.send(TestRequest::with_uri("/docs/none.js")).await.status, 404);
    for path in ["/api/openapi.json", "/api/v2/openapi.json", "/api/openapi.json?version=v0"] {
        let said = bench.send(TestRequest::with_uri(path)).await;
        assert_eq!(said.body["openapi"], "3.1.0", "{path}");
    }
}
