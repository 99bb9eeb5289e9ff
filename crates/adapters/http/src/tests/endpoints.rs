//! The endpoints, joined to the contexts' use cases over memory: that each row reaches its handler and each handler its
//! use case. What the use cases decide is tested where they live.

use std::sync::Arc;

use actix_web::{http::Method, test::TestRequest};
use domicile_access::{Directory, OwnAccount, SignIn, memory::Memory};
use domicile_billing::{
    Bursar,
    memory::{MemoryBilling, MemoryGateway, PlainPrinter},
    ports::Gateways,
};
use domicile_booking::{FrontDesk, memory::MemoryBookings, model::HouseTerms};
use domicile_kernel::{AccountId, Currency, Flags, HostelId};
use domicile_tenancy::{Tenancy, memory::MemoryTenancy};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Bench, Doorman, HOSTEL, Said, ask, json};
use crate::{
    AppState,
    operation::{Access, BodyKind, CacheClass, IfMatch, Mount, Operation},
    operations,
    ports::Topic,
};

/// The application with a hostel in which the doorman's account is a member.
pub(super) struct House {
    pub(super) bench: Bench,
    pub(super) state: AppState,
    /// Where its money is written down.
    pub(super) money: MemoryBilling,
    /// Who takes it.
    pub(super) gateway: Arc<MemoryGateway>,
}

impl House {
    pub(super) fn new() -> Self {
        Self::on(Bench::new())
    }

    /// Where every feature is on.
    pub(super) fn open(mut bench: Bench) -> Self {
        bench.shell.gate = Arc::new(Doorman(Flags::all()));
        Self::on(bench)
    }

    pub(super) fn on(bench: Bench) -> Self {
        let hostel: HostelId = HOSTEL.parse().unwrap();
        let bookings = MemoryBookings::new();
        bookings.open_hostel(hostel, HouseTerms::default());
        bookings.enrol(hostel, AccountId::new(Uuid::from_u128(5)));
        let people = Memory::at("2026-01-20T10:30:00Z");
        let tenancy = MemoryTenancy::new();
        let ambient = bench.shell.ambient.clone();
        let money = MemoryBilling::new();
        money.open_hostel(hostel, "Attic Hostel", Currency::GHS);
        money.enrol(AccountId::new(Uuid::from_u128(5)), "kofi@example.com");
        let gateway = Arc::new(MemoryGateway::new("sandbox"));
        let bursar = Bursar::new(
            Arc::new(money.clone()),
            Arc::new(money.clone()),
            Gateways::new().with(gateway.clone()),
            Arc::new(PlainPrinter),
            ambient.clone(),
        );
        let state = AppState {
            shell: bench.shell.clone(),
            tenancy: Tenancy::new(tenancy.uows(), tenancy.queries(), ambient.clone()),
            sign_in: SignIn::new(people.parts.clone()),
            own: OwnAccount::new(people.parts.clone()),
            directory: Directory::new(people.parts.clone()),
            desk: FrontDesk::new(Arc::new(bookings.clone()), Arc::new(bookings), ambient),
            bursar,
            checkout: None,
            presence: Arc::new(super::Nobody),
        };
        Self { bench, state, money, gateway }
    }

    pub(super) async fn send(&self, request: TestRequest) -> Said {
        self.bench.ask(operations::all(), self.state.clone(), request).await
    }

    async fn make_room(&self) -> Value {
        let body = json!({
            "name": "Attic", "roomType": "double", "bedCount": 2,
            "monthlyPrice": {"amountMinor": 45_000, "currency": "GHS"},
        });
        let said = self.send(json(ask(Method::POST, "/api/rooms", "manager"), &body.to_string())).await;
        assert_eq!(said.status, 201, "{}", said.body);
        assert_eq!(said.header("etag"), "\"1\"");
        assert_eq!(said.header("location"), format!("/api/rooms/{}", said.body["data"]["id"].as_str().unwrap()));
        said.body["data"].clone()
    }

    async fn ask_for_a_bed(&self, room: &Value) -> Said {
        let body = json!({
            "room_id": room["id"], "check_in_date": "2026-02-01", "check_out_date": "2026-06-01", "terms_accepted": true,
        });
        self.send(json(ask(Method::POST, "/api/bookings", "student"), &body.to_string())).await
    }
}

fn concrete(row: &Operation) -> String {
    [
        ("{id}", "0190f5a0-0000-7000-8000-00000000ffff"),
        ("{file}", "index.html"),
        ("{reference}", "dom-0190f5a0"),
        ("{ticket}", "dom-0190f5a0~00"),
        ("{provider}", "sandbox"),
    ]
    .iter()
    .fold(row.full_path(), |path, (name, value)| path.replace(name, value))
}

#[actix_web::test]
async fn whoever_is_nobody_is_told_so_by_every_operation_that_is_not_public() {
    let house = House::new();
    for row in operations::all().iter().filter(|row| row.access != Access::Public) {
        for method in row.methods() {
            let said = house.send(TestRequest::with_uri(&concrete(row)).method(method.clone())).await;
            assert_eq!(said.status, 401, "{method} {}", row.id);
        }
    }
}

#[actix_web::test]
async fn every_operation_names_the_fields_it_does_not_know() {
    let house = House::open(Bench::new());
    for row in operations::all() {
        if row.request.is_some() && row.body == BodyKind::Json {
            let request = ask(row.method.clone(), &concrete(row), "super_admin").insert_header(("If-Match", "1"));
            let said = house.send(json(request, r#"{"zebra":1}"#)).await;
            assert_eq!((said.status, said.body["code"].as_str()), (400, Some("VALIDATION_ERROR")), "{}", row.id);
            assert_eq!(said.body["errors"][0]["field"], "zebra", "{}", row.id);
        }
        if row.filters.is_some() {
            let path = format!("{}?zebra=1&limit=5", concrete(row));
            let said = house.send(ask(row.method.clone(), &path, "super_admin")).await;
            assert_eq!((said.status, said.body["errors"][0]["rule"].as_str()), (400, Some("unknown")), "{}", row.id);
        }
    }
}

#[actix_web::test]
async fn every_operation_that_needs_a_version_says_so() {
    let house = House::new();
    for row in operations::all().iter().filter(|row| row.if_match == IfMatch::Required) {
        let said = house.send(ask(row.method.clone(), &concrete(row), "super_admin")).await;
        assert_eq!((said.status, said.body["code"].as_str()), (428, Some("PRECONDITION_REQUIRED")), "{}", row.id);
    }
}

#[actix_web::test]
async fn every_list_answers_by_number_and_by_cursor() {
    let house = House::new();
    for row in operations::all().iter().filter(|row| row.filters.is_some()) {
        let (_, sorts) = row.filters.unwrap();
        for sort in sorts {
            let path = format!("{}?sort=-{}", concrete(row), sort.name);
            let numbered = house.send(ask(Method::GET, &path, "super_admin")).await;
            assert_eq!(numbered.status, 200, "{} {}", row.id, numbered.body);
            assert_eq!(numbered.body["pagination"]["page"], 1);
            let walked = house.send(ask(Method::GET, &path.replace("/api/", "/api/v2/"), "super_admin")).await;
            assert_eq!(walked.body["pagination"]["has_more"], false, "{} {}", row.id, walked.body);
        }
    }
}

#[actix_web::test]
async fn a_bed_is_asked_for_agreed_to_and_given_back() {
    let house = House::new();
    let room = house.make_room().await;
    let asked = house.ask_for_a_bed(&room).await;
    assert_eq!((asked.status, asked.body["data"]["status"].as_str()), (201, Some("pending")), "{}", asked.body);
    let path = format!("/api/bookings/{}", asked.body["data"]["id"].as_str().unwrap());

    let agreed = house.send(json(ask(Method::PUT, &path, "manager"), r#"{"status":"APPROVED","version":1}"#)).await;
    assert_eq!((agreed.status, agreed.body["data"]["status"].as_str()), (200, Some("approved")), "{}", agreed.body);
    assert_eq!(agreed.header("etag"), "\"2\"");

    let stale = ask(Method::PATCH, &format!("{path}/cancel"), "student").insert_header(("If-Match", "1"));
    let stale = house.send(stale).await;
    assert_eq!((stale.status, stale.body["code"].as_str()), (409, Some("VERSION_CONFLICT")));
    assert_eq!(stale.body["data"]["current_version"], 2);
    assert_eq!(stale.body["data"]["latest_data"]["status"], "approved");

    let given = ask(Method::POST, &format!("{path}/cancel"), "student").insert_header(("If-Match", "\"2\""));
    let given = house.send(json(given, r#"{"reason":"A cheaper room"}"#)).await;
    assert_eq!((given.status, given.body["data"]["status"].as_str()), (200, Some("cancelled")), "{}", given.body);

    let late = ask(Method::PUT, &format!("{path}/approve"), "manager").insert_header(("If-Match", "1"));
    let late = house.send(late).await;
    assert_eq!((late.status, late.body["code"].as_str()), (409, Some("RESOURCE_CONFLICT")));
    assert_eq!(late.body["data"]["current_status"], "cancelled");

    let gone = ask(Method::DELETE, &path, "admin").insert_header(("If-Match", "3"));
    assert_eq!(house.send(gone).await.status, 200);
    assert_eq!(house.send(ask(Method::GET, &path, "admin")).await.status, 404);
}

#[actix_web::test]
async fn what_is_said_to_be_kept_is_looked_for_and_nothing_else() {
    let house = House::new();
    for row in operations::all().iter().filter(|row| row.mount == Mount::Api && !row.bare) {
        house.bench.shelf.looks.lock().unwrap().clear();
        house.send(ask(row.method.clone(), &concrete(row), "super_admin")).await;
        let expected: &[Topic] = match row.cache {
            CacheClass::None => &[],
            CacheClass::Rooms => &[Topic::Rooms],
            CacheClass::Room => &[Topic::Room],
            CacheClass::Profile => &[Topic::Profile],
            CacheClass::Settings => &[Topic::Settings],
            CacheClass::Flags => &[Topic::Flags],
        };
        assert_eq!(*house.bench.shelf.looks.lock().unwrap(), expected, "{}", row.id);
    }
    house.bench.shelf.looks.lock().unwrap().clear();
    let dated = "/api/rooms?available_from=2026-03-01&available_to=2026-06-01";
    assert_eq!(house.send(ask(Method::GET, dated, "student")).await.status, 200);
    assert_eq!(*house.bench.shelf.looks.lock().unwrap(), [Topic::Availability]);
}

#[actix_web::test]
async fn one_room_is_kept_with_its_version() {
    let house = House::new();
    let path = format!("/api/rooms/{}", house.make_room().await["id"].as_str().unwrap());
    let (first, again) =
        (house.send(ask(Method::GET, &path, "student")).await, house.send(ask(Method::GET, &path, "manager")).await);
    assert_eq!(*house.bench.shelf.hits.lock().unwrap(), 1);
    assert_eq!((first.header("etag"), again.header("etag")), ("\"1\"", "\"1\""));
    assert_eq!(first.body["data"], again.body["data"]);
    assert!(again.body.get("pagination").is_none());
}

#[actix_web::test]
async fn the_room_list_is_kept_until_its_generation_ends() {
    let house = House::new();
    house.make_room().await;
    let list = |path: &'static str| house.send(ask(Method::GET, path, "student"));
    let first = list("/api/rooms?room_type=double").await;
    let again = list("/api/v1/rooms?roomType=double&page=1").await;
    assert_eq!(*house.bench.shelf.hits.lock().unwrap(), 1);
    assert_eq!((&first.body["data"], &first.body["pagination"]), (&again.body["data"], &again.body["pagination"]));
    assert_eq!(list("/api/v0/rooms?room_type=double").await.body, first.body["data"]);
    assert_eq!(*house.bench.shelf.hits.lock().unwrap(), 2);
    *house.bench.shelf.generation.lock().unwrap() += 1;
    list("/api/rooms?room_type=double").await;
    assert_eq!(*house.bench.shelf.hits.lock().unwrap(), 2);
    let guard = house.send(ask(Method::GET, "/api/rooms?room_type=double", "guard")).await;
    assert_eq!(guard.body["code"], "INSUFFICIENT_PERMISSIONS");
}

#[actix_web::test]
async fn a_printed_schema_answers_with_its_printed_messages() {
    let house = House::new();
    let room = house.make_room().await;
    let body = json!({
        "room_id": room["id"], "check_in_date": "2025-02-30", "check_out_date": "2026-06-01", "terms_accepted": false,
    });
    let said = house.send(json(ask(Method::POST, "/api/v2/bookings", "student"), &body.to_string())).await;
    assert_eq!(said.header("content-type"), "application/problem+json");
    let messages: Vec<_> = said.body["errors"].as_array().unwrap().iter().map(|error| &error["message"]).collect();
    assert!(messages.contains(&&json!("You must accept the terms and conditions")), "{messages:?}");
}

#[actix_web::test]
async fn signing_up_and_signing_in_need_no_token() {
    let house = House::new();
    let post = |path: &str, body: Value| json(TestRequest::with_uri(path).method(Method::POST), &body.to_string());
    let account = json!({
        "email": "ama@example.com", "password": "Kente-cloth-7!", "first_name": "Ama", "lastName": "Owusu",
    });
    let made = house.send(post("/api/auth/register", account)).await;
    assert_eq!((made.status, made.body["data"]["verification_required"].as_bool()), (201, Some(true)), "{}", made.body);
    let early = json!({"identifier": "ama@example.com", "password": "Kente-cloth-7!"});
    let early = house.send(post("/v1/auth/login", early)).await;
    assert_eq!((early.status, early.body["code"].as_str()), (403, Some("EMAIL_NOT_VERIFIED")));
    let wrong = house.send(post("/api/auth/login", json!({"email": "ama@example.com", "password": "x"}))).await;
    assert_eq!((wrong.status, wrong.body["code"].as_str()), (401, Some("UNAUTHORIZED")));
    let garbage = house.send(post("/api/auth/refresh", json!({"refresh_token": "x"}))).await;
    assert_eq!((garbage.status, garbage.body["code"].as_str()), (401, Some("INVALID_REFRESH_TOKEN")));
}

#[actix_web::test]
async fn an_alias_is_its_canonical_operation() {
    let house = House::new();
    let made =
        json(ask(Method::POST, "/api/admin/societies", "super_admin"), r#"{"name":"Green Acres","kind":"SOCIETY"}"#);
    let made = house.send(made).await;
    assert_eq!((made.status, made.body["data"]["kind"].as_str()), (201, Some("society")), "{}", made.body);
    assert!(made.header("location").starts_with("/api/admin/hostels/"));
    for path in ["/api/user", "/api/admin/users", "/v1/users"] {
        assert_eq!(house.send(ask(Method::GET, path, "admin")).await.status, 200, "{path}");
    }
    let own = house.send(ask(Method::PUT, "/api/user", "student")).await;
    assert_eq!(own.body["code"], "PRECONDITION_REQUIRED");
}
