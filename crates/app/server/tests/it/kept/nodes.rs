//! What one node writes, another tells soon: its relay has a quarter of a second, the other's follower half a second more,
//! should every wake-up be lost.

use std::time::{Duration, Instant};

use domicile_kernel::Role;
use serde_json::{Value, json};

use crate::{
    kept::node::Node,
    support::{Person, TestApp},
};

/// The promise, and what a busy machine of tests needs on top.
const SOON: Duration = Duration::from_secs(5);

/// Waits until the node tells something, which it must do soon.
async fn tells(node: &Node, path: &str, person: &Person, pointer: &str, expected: Value) {
    let asked = Instant::now();
    loop {
        let told = node.get(path, person).await.is(200);
        if told.data().pointer(pointer) == Some(&expected) {
            return;
        }
        assert!(asked.elapsed() < SOON, "{path} still tells {}", told.data());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_on_one_node_is_told_by_the_other_soon() {
    const DATED: &str = "/api/rooms?available_from=2026-03-01&available_to=2026-06-01";
    let app = TestApp::postgres().await;
    let hostel = app.hostel("Volta Hall").await;
    let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
    let owner = app.super_admin().await;
    let room = app.place(&admin, "Old", 2).await;
    let one = format!("/api/rooms/{}", room.room);
    let other = Node::beside(&app).await;
    for path in ["/api/rooms", DATED, &one, "/api/profile", "/api/settings", "/api/feature-flags"] {
        for _ in 0..2 {
            other.get(path, &admin).await.is(200);
        }
    }
    let loads = other.house.cache.counts().misses;
    other.get("/api/rooms", &admin).await.is(200);
    assert_eq!(other.house.cache.counts().misses, loads, "it is kept there");

    app.put(&one).by(&admin).seen(1).json(json!({ "name": "New" })).told().await.is(200);
    tells(&other, "/api/rooms", &admin, "/0/name", json!("New")).await;
    tells(&other, &one, &admin, "/name", json!("New")).await;
    tells(&other, DATED, &admin, "/0/name", json!("New")).await;
    app.post("/api/bookings")
        .by(&student)
        .json(json!({
            "room_id": room.room, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01",
            "emergency_contact_name": "Kofi Boateng", "emergency_contact_phone": "+233201234567", "terms_accepted": true,
        }))
        .told()
        .await
        .is(201);
    tells(&other, DATED, &admin, "/0/available_beds", json!(1)).await;
    let body = json!({ "booking_deadline_hours": 7 });
    app.put("/api/settings").by(&admin).seen(1).json(body).told().await.is(200);
    tells(&other, "/api/settings", &admin, "/booking_deadline_hours", json!(7)).await;
    let flags = json!({ "flags": { "feedback": false } });
    app.put("/api/admin/feature-flags").by(&admin).json(flags).told().await.is(200);
    tells(&other, "/api/feature-flags", &admin, "/feedback", json!(false)).await;
    let profile = app.get("/api/profile").by(&admin).told().await.is(200);
    let version = profile.data()["version"].as_i64().unwrap();
    let nowhere = Person { hostel: None, ..admin.clone() };
    let body = json!({ "program": "Architecture" });
    app.put("/api/profile").by(&nowhere).seen(version).json(body).told().await.is(200);
    tells(&other, "/api/profile", &admin, "/program", json!("Architecture")).await;
    let hostel = format!("/api/admin/hostels/{hostel}");
    app.put(&hostel).by(&owner).seen(1).json(json!({ "name": "Legon Hall" })).told().await.is(200);
    tells(&other, "/api/profile", &admin, "/memberships/0/name", json!("Legon Hall")).await;
    other.end().await;
    app.end().await;
}
