//! The main job from end to end, as its people live it, on both databases.

use domicile_kernel::Role;
use serde_json::json;

use crate::support::TestApp;

async fn a_student_asks_and_a_manager_approves(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let (manager, student) = (app.member(hostel, Role::Manager).await, app.member(hostel, Role::Student).await);
    let room = json!({
        "name": "Attic", "room_type": "double", "floor": 3, "bed_count": 2,
        "monthly_price": {"amount_minor": 45_000, "currency": "GHS"}, "amenities": ["Wi-Fi"],
    });
    let room = app.post("/api/rooms").by(&manager).json(room).told().await.is(201);
    assert_eq!(room.header("location"), format!("/api/rooms/{}", room.data()["id"].as_str().unwrap()));
    assert_eq!(room.header("etag"), "\"1\"");

    let stay = json!({
        "room_id": room.data()["id"], "check_in_date": "2026-02-01", "check_out_date": "2026-06-01",
        "emergency_contact_name": "Kofi", "emergency_contact_phone": "+233201234567", "terms_accepted": true,
    });
    let asked = app.post("/api/bookings").by(&student).json(stay).told().await.is(201);
    assert_eq!(asked.data()["status"], "pending");
    assert_eq!(asked.data()["total_price"]["amount_minor"], 180_000);
    let path = format!("/api/bookings/{}", asked.data()["id"].as_str().unwrap());

    app.put(&format!("{path}/approve")).by(&student).seen(1).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    app.put(&format!("{path}/approve")).by(&manager).told().await.refuses(428, "PRECONDITION_REQUIRED");
    let approved = app.put(&format!("{path}/approve")).by(&manager).seen(1).told().await.is(200);
    assert_eq!((approved.data()["status"].as_str(), approved.header("etag")), (Some("approved"), "\"2\""));
    app.put(&format!("{path}/reject")).by(&manager).seen(1).told().await.refuses(409, "RESOURCE_CONFLICT");

    app.settle().await;
    let mut owner = app.owner().await;
    let kinds = owner.texts("SELECT kind FROM events WHERE aggregate = 'booking' ORDER BY seq").await.concat();
    assert_eq!(kinds, ["booking.created", "booking.approved"]);
    drop(owner);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_asks_and_a_manager_approves_on_sqlite() {
    a_student_asks_and_a_manager_approves(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_asks_and_a_manager_approves_on_postgres() {
    a_student_asks_and_a_manager_approves(TestApp::postgres().await).await;
}
