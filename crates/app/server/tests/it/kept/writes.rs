//! The very next read of the same node sees a write, whatever was kept before.

use domicile_kernel::{HostelId, Role};
use serde_json::{Value, json};

use crate::support::{On, Person, TestApp};

const DATED: &str = "/api/rooms?available_from=2026-03-01&available_to=2026-06-01";

struct Ground {
    app: TestApp,
    hostel: HostelId,
    admin: Person,
    student: Person,
}

impl Ground {
    async fn on(on: On) -> Self {
        let app = TestApp::start(on).await;
        let hostel = app.hostel("Volta Hall").await;
        let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
        Self { app, hostel, admin, student }
    }

    /// Reads as the admin twice, so that what is told is kept.
    async fn told(&self, path: &str) -> Value {
        let first = self.app.get(path).by(&self.admin).told().await.is(200).data().clone();
        assert_eq!(self.app.get(path).by(&self.admin).told().await.is(200).data(), &first);
        first
    }

    async fn profile(&self) -> Value {
        let first = self.app.get("/api/profile").by(&self.student).told().await.is(200).data().clone();
        assert_eq!(self.app.get("/api/profile").by(&self.student).told().await.is(200).data(), &first);
        first
    }
}

async fn rooms_are_told_as_they_are(on: On) {
    let ground = Ground::on(on).await;
    let app = &ground.app;
    assert_eq!(ground.told("/api/rooms").await, json!([]));
    assert_eq!(ground.told(DATED).await, json!([]));
    let room = app.place(&ground.admin, "Attic", 2).await;
    let one = format!("/api/rooms/{}", room.room);
    assert_eq!(ground.told("/api/rooms").await[0]["name"], "Attic");
    assert_eq!(ground.told(DATED).await[0]["available_beds"], 2);
    assert_eq!(ground.told(&one).await["version"], 1);
    for (version, name) in [(1, "Loft"), (2, "Cellar")] {
        app.put(&one).by(&ground.admin).seen(version).json(json!({ "name": name })).told().await.is(200);
        assert_eq!(ground.told("/api/rooms").await[0]["name"], name);
        assert_eq!(ground.told(DATED).await[0]["name"], name);
        assert_eq!(ground.told(&one).await["name"], name);
    }
    app.place(&ground.admin, "Hut", 1).await;
    assert_eq!(ground.told("/api/rooms").await.as_array().unwrap().len(), 2);
    assert_eq!(ground.told(&one).await["name"], "Cellar");

    // A stay changes what is told of nights.
    let body = json!({
        "room_id": room.room, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01",
        "emergency_contact_name": "Kofi Boateng", "emergency_contact_phone": "+233201234567", "terms_accepted": true,
    });
    let cellar = async || {
        let rooms = ground.told(DATED).await;
        rooms.as_array().unwrap().iter().find(|room| room["name"] == "Cellar").unwrap()["available_beds"].clone()
    };
    assert_eq!(cellar().await, 2);
    let booked = app.post("/api/bookings").by(&ground.student).json(body).told().await.is(201);
    assert_eq!(cellar().await, 1);
    let path = format!("/api/bookings/{}/cancel", booked.data()["id"].as_str().unwrap());
    app.put(&path).by(&ground.student).seen(1).json(json!({})).told().await.is(200);
    assert_eq!(cellar().await, 2);

    app.delete(&one).by(&ground.admin).seen(3).told().await.is(200);
    app.get(&one).by(&ground.admin).told().await.refuses(404, "NOT_FOUND");
    assert_eq!(ground.told("/api/rooms").await.as_array().unwrap().len(), 1);
    assert_eq!(ground.told(DATED).await.as_array().unwrap().len(), 1);
    ground.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_told_as_they_are_on_sqlite() {
    rooms_are_told_as_they_are(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_told_as_they_are_on_postgres() {
    rooms_are_told_as_they_are(On::Postgres).await;
}

async fn a_hostel_and_its_people_are_told_as_they_are(on: On) {
    let ground = Ground::on(on).await;
    let app = &ground.app;
    // Settings and flags, each of its own hostel only.
    let version = ground.told("/api/settings").await["version"].as_i64().unwrap();
    let body = json!({ "booking_deadline_hours": 7 });
    app.put("/api/settings").by(&ground.admin).seen(version).json(body).told().await.is(200);
    assert_eq!(ground.told("/api/settings").await["booking_deadline_hours"], 7);
    assert_eq!(ground.told("/api/feature-flags").await["feedback"], true);
    let flags = json!({ "flags": { "feedback": false } });
    app.put("/api/admin/feature-flags").by(&ground.admin).json(flags).told().await.is(200);
    assert_eq!(ground.told("/api/feature-flags").await["feedback"], false);

    // The profile: by its person, with and without a hostel named, …
    let mut version = ground.profile().await["version"].as_i64().unwrap();
    let nowhere = Person { hostel: None, ..ground.student.clone() };
    for (person, name) in [(&ground.student, "Abena"), (&nowhere, "Esi")] {
        let body = json!({ "first_name": name });
        app.put("/api/profile").by(person).seen(version).json(body).told().await.is(200);
        version += 1;
        let profile = ground.profile().await;
        assert_eq!((&profile["first_name"], &profile["version"]), (&json!(name), &json!(version)));
        // What is on no hostel's card outdates it too.
        let body = json!({ "program": name });
        app.put("/api/profile").by(person).seen(version).json(body).told().await.is(200);
        version += 1;
        assert_eq!(ground.profile().await["program"], name);
    }
    // … by the hostel, which makes them something else, …
    let user = format!("/api/users/{}", ground.student.id);
    let seen = app.get(&user).by(&ground.admin).told().await.is(200).data()["version"].as_i64().unwrap();
    app.put(&user).by(&ground.admin).seen(seen).json(json!({ "role": "staff" })).told().await.is(200);
    let profile = ground.profile().await;
    assert_eq!(profile["memberships"][0]["role"], "staff");
    assert!(profile["permissions"].as_array().unwrap().contains(&json!("maintenance:read:all")), "{profile}");
    // … and by the owner, who gives the hostel another name.
    let owner = app.super_admin().await;
    let hostel = format!("/api/admin/hostels/{}", ground.hostel);
    app.put(&hostel).by(&owner).seen(1).json(json!({ "name": "Legon Hall" })).told().await.is(200);
    assert_eq!(ground.profile().await["memberships"][0]["name"], "Legon Hall");
    ground.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostel_and_its_people_are_told_as_they_are_on_sqlite() {
    a_hostel_and_its_people_are_told_as_they_are(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostel_and_its_people_are_told_as_they_are_on_postgres() {
    a_hostel_and_its_people_are_told_as_they_are(On::Postgres).await;
}
