//! What reading costs, and who gets what.

use domicile_kernel::Role;
use serde_json::{Value, json};

use crate::{
    kept::node::Node,
    support::{On, Person, TestApp},
};

const DATED: &str = "/api/rooms?available_from=2026-03-01&available_to=2026-06-01";

/// How many round trips asking so often makes.
async fn trips(node: &Node, path: &str, person: &Person, times: u64, status: u16) -> u64 {
    let before = node.house.database.round_trips();
    for _ in 0..times {
        node.get(path, person).await.is(status);
    }
    node.house.database.round_trips() - before
}

async fn each_kept_answer_is_loaded_once(on: On) {
    const TIMES: u64 = 10;
    let app = TestApp::start(on).await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let room = app.room(hostel, 2).await;
    let node = Node::quiet(&app).await;
    // What cannot be read as a question is refused after the door and before any use case: the door's part of the cost.
    let wrong = "/api/rooms?limit=0";
    let door = trips(&node, wrong, &admin, TIMES, 400).await;
    let one = format!("/api/rooms/{}", room.id);
    for path in ["/api/rooms", DATED, &one, "/api/profile", "/api/settings", "/api/feature-flags"] {
        let cold = trips(&node, path, &admin, 1, 200).await;
        assert!(cold > trips(&node, wrong, &admin, 1, 400).await, "{path} is not kept from before");
        assert_eq!(trips(&node, path, &admin, TIMES, 200).await, door, "{path} asks the database when it is kept");
    }
    let never = trips(&node, "/api/bookings", &admin, TIMES, 200).await;
    assert!(never >= door + TIMES, "a list that is not kept is loaded each time: {never}, the door {door}");
    node.end().await;
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kept_answer_is_loaded_once_on_sqlite() {
    each_kept_answer_is_loaded_once(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kept_answer_is_loaded_once_on_postgres() {
    each_kept_answer_is_loaded_once(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_told_like_a_fresh_one_in_each_version() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let room = app.room(hostel, 2).await;
    let mut paths = vec!["/rooms".to_owned(), format!("/rooms/{}", room.id)];
    paths.extend(["/profile", "/settings", "/feature-flags"].map(str::to_owned));
    // Many rooms make a list that goes to the socket in pieces.
    for _ in 0..30 {
        app.room(hostel, 4).await;
    }
    for path in &paths {
        for version in ["v0", "v1", "v2"] {
            let path = format!("/api/{version}{path}");
            let shown = async || {
                let told = app.get(&path).by(&admin).told().await.is(200);
                let mut body = told.json.clone();
                if let Some(body) = body.as_object_mut() {
                    body.remove("timestamp");
                    body.remove("request_id");
                }
                (body, ["etag", "content-type", "x-total-count"].map(|name| told.header(name).to_owned()))
            };
            let first = shown().await;
            assert_eq!(first, shown().await, "{path}");
            let head = app.ask(reqwest::Method::HEAD, &path).by(&admin).told().await.is(200);
            assert_eq!((head.header("etag"), head.text.as_str()), (first.1[0].as_str(), ""), "{path}");
        }
    }
    // The kept ETag is good for a write.
    let path = format!("/api/rooms/{}", room.id);
    let tag = app.get(&path).by(&admin).told().await.is(200).header("etag").to_owned();
    assert_eq!(tag, "\"1\"");
    app.put(&path).by(&admin).header("if-match", &tag).json(json!({"name": "Attic"})).told().await.is(200);
    assert_eq!(app.get(&path).by(&admin).told().await.header("etag"), "\"2\"");
    app.end().await;
}

async fn nobody_gets_the_bytes_of_another_hostel(on: On) {
    let app = TestApp::start(on).await;
    let (ours, theirs) = (app.hostel("Ours").await, app.hostel("Theirs").await);
    let (we, they) = (app.member(ours, Role::Admin).await, app.member(theirs, Role::Admin).await);
    let owner = app.super_admin().await;
    let room = app.room(ours, 2).await;
    let one = format!("/api/rooms/{}", room.id);
    let paths = ["/api/rooms", DATED, &one, "/api/profile", "/api/settings", "/api/feature-flags"];
    for path in paths {
        // Twice: loaded, then kept.
        for _ in 0..2 {
            app.get(path).by(&we).told().await.is(200);
            app.get(path).by(&owner).at(ours).told().await.is(200);
        }
    }
    for path in ["/api/rooms", DATED] {
        assert_eq!(app.get(path).by(&they).told().await.is(200).data(), &json!([]), "{path}");
        assert_eq!(app.get(path).by(&owner).at(theirs).told().await.is(200).data(), &json!([]), "{path}");
        assert_eq!(app.get(path).by(&we).told().await.data().as_array().unwrap().len(), 1);
    }
    for person in [&they, &owner] {
        app.get(&one).by(person).at(theirs).told().await;
        let told = Asking { app: &app, person }.at(theirs, &one).await;
        assert_eq!(told.0, 404, "{}", told.1);
    }
    for (path, of) in [("/api/settings", "hostel_id"), ("/api/profile", "id")] {
        let (own, other) = (app.get(path).by(&we).told().await, app.get(path).by(&they).told().await);
        assert_ne!(own.data()[of], other.data()[of], "{path}");
    }
    assert_eq!(app.get("/api/settings").by(&they).told().await.data()["hostel_id"], json!(theirs));
    // A header that names a house of others opens nothing, whatever is kept of it.
    for path in paths {
        let told = Asking { app: &app, person: &they }.at(ours, path).await;
        assert_eq!(told.0, 403, "{path} {}", told.1);
    }
    app.end().await;
}

/// Somebody who names a hostel of their choice, instead of their own.
struct Asking<'a> {
    app: &'a TestApp,
    person: &'a Person,
}

impl Asking<'_> {
    async fn at(&self, hostel: domicile_kernel::HostelId, path: &str) -> (u16, Value) {
        let person = Person { hostel: Some(hostel), ..self.person.clone() };
        let told = self.app.get(path).by(&person).told().await;
        (told.status, told.json)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_bytes_of_another_hostel_on_sqlite() {
    nobody_gets_the_bytes_of_another_hostel(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_bytes_of_another_hostel_on_postgres() {
    nobody_gets_the_bytes_of_another_hostel(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_opens_no_door() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (admin, guard) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Guard).await);
    let student = app.member(hostel, Role::Student).await;
    let one = format!("/api/rooms/{}", app.room(hostel, 1).await.id);
    for path in ["/api/rooms", DATED, &one, "/api/settings"] {
        app.get(path).by(&admin).told().await.is(200);
        app.get(path).by(&guard).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
        app.get(path).at(hostel).told().await.refuses(401, "UNAUTHORIZED");
    }
    app.get("/api/settings").by(&student).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    app.get("/api/rooms").by(&student).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_shows_what_its_reader_is_where_they_stand() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let nowhere = Person { hostel: None, ..manager.clone() };
    let (owner, student) = (app.super_admin().await, app.member(hostel, Role::Student).await);
    for _ in 0..3 {
        let inside = app.get("/api/profile").by(&manager).told().await.is(200);
        assert!(inside.data()["permissions"].as_array().unwrap().contains(&json!("rooms:create")));
        let outside = app.get("/api/profile").by(&nowhere).told().await.is(200);
        assert_eq!((&outside.data()["permissions"], &outside.data()["id"]), (&json!([]), &json!(manager.id)));
        let told = app.get("/api/profile").by(&student).told().await.is(200);
        assert!(!told.data()["permissions"].as_array().unwrap().contains(&json!("rooms:create")));
        assert_eq!(told.data()["id"], json!(student.id));
        let told = app.get("/api/profile").by(&owner).at(hostel).told().await.is(200);
        assert_eq!((&told.data()["super_admin"], &told.data()["id"]), (&json!(true), &json!(owner.id)));
    }
    app.end().await;
}
