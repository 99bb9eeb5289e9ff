//! Whose records are whose: one's own, another's in the same hostel, another hostel's (W6).

use domicile_kernel::{HostelId, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Asked, Person, TestApp};

async fn somebody_elses_stay_is_refused_and_never_changed(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let (ama, kofi) = (app.member(hostel, Role::Student).await, app.member(hostel, Role::Student).await);
    let staff = app.member(hostel, Role::Staff).await;
    let stay = app.stay(hostel, ama.id, "2026-03-01").await;
    let path = format!("/api/bookings/{}", stay.id);
    for stranger in [&kofi, &staff] {
        let told = app.get(&path).by(stranger).told().await.refuses(403, "FORBIDDEN");
        assert_eq!(told.json["message"], "You can only access your own bookings");
        app.put(&path)
            .by(stranger)
            .seen(1)
            .json(json!({ "special_requests": "x" }))
            .told()
            .await
            .refuses(403, "FORBIDDEN");
        app.put(&path)
            .by(stranger)
            .seen(1)
            .json(json!({ "status": "cancelled" }))
            .told()
            .await
            .refuses(403, "FORBIDDEN");
        app.put(&format!("{path}/cancel")).by(stranger).seen(1).told().await.refuses(403, "FORBIDDEN");
        let listed = app.get("/api/bookings").by(stranger).told().await.is(200);
        assert_eq!(listed.json["pagination"]["total"], 0);
        // Asking for somebody else's by filter shows nothing either.
        let filtered = app.get(&format!("/api/bookings?user_id={}", ama.id)).by(stranger).told().await;
        assert!(filtered.status == 403 || filtered.data() == &json!([]), "{}", filtered.text);
    }
    let room = app.room(hostel, 1).await;
    let body = json!({
        "room_id": room.id, "check_in_date": "2026-07-01", "check_out_date": "2026-09-01", "terms_accepted": true, "user_id": ama.id,
    });
    app.post("/api/bookings").by(&kofi).json(body.clone()).told().await.refuses(403, "FORBIDDEN");
    // The guest may not decide on their own stay, nor move it to other days.
    app.put(&path)
        .by(&ama)
        .seen(1)
        .json(json!({ "status": "approved" }))
        .told()
        .await
        .refuses(403, "INSUFFICIENT_PERMISSIONS");
    app.put(&path)
        .by(&ama)
        .seen(1)
        .json(json!({ "check_out_date": "2026-07-01" }))
        .told()
        .await
        .refuses(403, "INSUFFICIENT_PERMISSIONS");
    let same = app.get(&path).by(&ama).told().await.is(200);
    assert_eq!(same.data()["version"], 1);
    // One's own id is no other person.
    let mut own = body;
    own["user_id"] = json!(kofi.id);
    app.post("/api/bookings").by(&kofi).json(own).told().await.is(201);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_stay_is_refused_and_never_changed_on_sqlite() {
    somebody_elses_stay_is_refused_and_never_changed(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_stay_is_refused_and_never_changed_on_postgres() {
    somebody_elses_stay_is_refused_and_never_changed(TestApp::postgres().await).await;
}

async fn another_hostels_record_is_as_unknown_as_none(app: TestApp) {
    let (here, there) = (app.hostel("Volta Hall").await, app.hostel("Akosombo House").await);
    let admin = app.member(here, Role::Admin).await;
    let owner = app.super_admin().await;
    let resident = app.member(there, Role::Student).await;
    let (room, stay) = (app.room(there, 1).await, app.stay(there, resident.id, "2026-03-01").await);
    let unknown = app.house.ambient.ids.uuid();
    let questions = [
        (Method::GET, "/api/rooms/{id}", json!(room.id), Value::Null),
        (Method::PUT, "/api/rooms/{id}", json!(room.id), json!({ "floor": 1 })),
        (Method::DELETE, "/api/rooms/{id}", json!(room.id), Value::Null),
        (Method::GET, "/api/bookings/{id}", json!(stay.id), Value::Null),
        (Method::PUT, "/api/bookings/{id}", json!(stay.id), json!({ "special_requests": "x" })),
        (Method::PUT, "/api/bookings/{id}", json!(stay.id), json!({ "status": "approved" })),
        (Method::PUT, "/api/bookings/{id}/approve", json!(stay.id), Value::Null),
        (Method::PUT, "/api/bookings/{id}/reject", json!(stay.id), Value::Null),
        (Method::PUT, "/api/bookings/{id}/cancel", json!(stay.id), Value::Null),
        (Method::PUT, "/api/bookings/{id}/check-in", json!(stay.id), Value::Null),
        (Method::PUT, "/api/bookings/{id}/check-out", json!(stay.id), Value::Null),
        (Method::DELETE, "/api/bookings/{id}", json!(stay.id), Value::Null),
        (Method::GET, "/api/users/{id}", json!(resident.id), Value::Null),
        (Method::PUT, "/api/users/{id}", json!(resident.id), json!({ "first_name": "Esi" })),
    ];
    let ask = async |person: &Person, method: &Method, path: &str, id: &str, body: &Value| {
        let asked = app.ask(method.clone(), &path.replace("{id}", id)).by(person).at_once(here, person).seen(1);
        let asked = if body.is_null() { asked } else { asked.json(body.clone()) };
        asked.told().await
    };
    for (method, path, foreign, body) in &questions {
        for person in [&admin, &owner] {
            let of_foreign = ask(person, method, path, foreign.as_str().unwrap(), body).await;
            let of_none = ask(person, method, path, &unknown.to_string(), body).await;
            assert_eq!(of_foreign.status, 404, "{method} {path}: {}", of_foreign.text);
            assert_eq!(of_foreign.without_who_and_when(), of_none.without_who_and_when(), "{method} {path}");
        }
    }
    // Neither may a foreign room be booked, or a stay be moved to it.
    let guest = app.member(here, Role::Student).await;
    let wish = |room: String| {
        json!({
            "room_id": room, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01", "terms_accepted": true,
        })
    };
    let of_foreign = app.post("/api/bookings").by(&guest).json(wish(room.id.to_string())).told().await.is(404);
    let of_none = app.post("/api/bookings").by(&guest).json(wish(unknown.to_string())).told().await;
    assert_eq!(of_foreign.without_who_and_when(), of_none.without_who_and_when());
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hostels_record_is_as_unknown_as_none_on_sqlite() {
    another_hostels_record_is_as_unknown_as_none(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hostels_record_is_as_unknown_as_none_on_postgres() {
    another_hostels_record_is_as_unknown_as_none(TestApp::postgres().await).await;
}

async fn a_hostel_that_is_not_ones_own_is_as_unknown_as_none(app: TestApp) {
    let (here, there) = (app.hostel("Volta Hall").await, app.hostel("Akosombo House").await);
    let unknown = HostelId::new(app.house.ambient.ids.uuid());
    let admin = app.member(here, Role::Admin).await;
    for path in [
        "/api/rooms",
        "/api/bookings",
        "/api/users",
        "/api/settings",
        "/api/feature-flags",
        "/api/admin/audit",
        "/api/profile",
        "/api/auth/me",
    ] {
        let at = async |hostel: HostelId| {
            let token = format!("Bearer {}", admin.token);
            app.get(path).header("authorization", &token).at(hostel).told().await.refuses(403, "FORBIDDEN")
        };
        let (of_foreign, of_none) = (at(there).await, at(unknown).await);
        assert_eq!(of_foreign.without_who_and_when(), of_none.without_who_and_when(), "{path}");
    }
    let token = format!("Bearer {}", admin.token);
    app.get("/api/rooms").header("authorization", &token).told().await.refuses(400, "INVALID_INPUT");
    for bad in ["1", "", "volta-hall", "00000000-0000-0000-0000-00000000000g"] {
        app.get("/api/rooms")
            .header("authorization", &token)
            .header("x-hostel-id", bad)
            .told()
            .await
            .refuses(400, "INVALID_INPUT");
    }
    // Nobody learns about headers before they are known.
    app.get("/api/rooms").header("x-hostel-id", "1").told().await.refuses(401, "UNAUTHORIZED");
    // The own profile needs no hostel.
    app.get("/api/profile").header("authorization", &token).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostel_that_is_not_ones_own_is_as_unknown_as_none_on_sqlite() {
    a_hostel_that_is_not_ones_own_is_as_unknown_as_none(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostel_that_is_not_ones_own_is_as_unknown_as_none_on_postgres() {
    a_hostel_that_is_not_ones_own_is_as_unknown_as_none(TestApp::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_and_deactivated_members_and_suspended_hostels_stay_out() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
    app.get("/api/rooms").by(&student).told().await.is(200);
    let path = format!("/api/users/{}", student.id);
    app.put(&path).by(&admin).seen(1).json(json!({ "status": "deactivated" })).told().await.is(200);
    app.get("/api/rooms").by(&student).told().await.refuses(403, "FORBIDDEN");
    app.put(&path).by(&admin).seen(2).json(json!({ "status": "active" })).told().await.is(200);
    app.get("/api/rooms").by(&student).told().await.is(200);
    let owner = app.super_admin().await;
    let place = format!("/api/admin/hostels/{hostel}");
    app.put(&place).by(&owner).seen(1).json(json!({ "status": "suspended" })).told().await.is(200);
    app.get("/api/rooms").by(&admin).told().await.refuses(403, "FORBIDDEN");
    app.get("/api/rooms").by(&owner).at(hostel).told().await.is(200);
    app.end().await;
}

impl Asked {
    /// In this hostel, for whoever has none of their own.
    fn at_once(self, hostel: HostelId, person: &Person) -> Self {
        if person.hostel.is_some() { self } else { self.at(hostel) }
    }
}
