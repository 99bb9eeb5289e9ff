//! What the audit trail keeps of refusals and of entries (J17).

use std::time::Duration;

use domicile_kernel::Role;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_known_accounts_and_entries_of_the_owner_are_in_the_trail() {
    let app = TestApp::sqlite().await;
    let (here, there) = (app.hostel("Volta Hall").await, app.hostel("Akosombo House").await);
    let (ama, kofi) = (app.member(here, Role::Student).await, app.member(here, Role::Student).await);
    let (admin, owner) = (app.member(here, Role::Admin).await, app.super_admin().await);
    let stay = app.stay(here, ama.id, "2026-03-01").await;
    app.put(&format!("/api/bookings/{}/approve", stay.id))
        .by(&kofi)
        .seen(1)
        .header("x-request-id", "req_permission")
        .told()
        .await
        .is(403);
    app.get(&format!("/api/bookings/{}", stay.id))
        .by(&kofi)
        .header("x-request-id", "req_ownership")
        .told()
        .await
        .is(403);
    let token = format!("Bearer {}", kofi.token);
    app.get("/api/rooms")
        .header("authorization", &token)
        .at(there)
        .header("x-request-id", "req_door")
        .told()
        .await
        .is(403);
    app.get("/api/admin/hostels").by(&admin).header("x-request-id", "req_outside").told().await.is(403);
    app.get("/api/rooms").by(&owner).at(here).header("x-request-id", "req_entry").told().await.is(200);
    app.get("/api/rooms").told().await.is(401);

    let mut database = app.owner().await;
    let expected = [
        ("req_door", "access.denied", kofi.id, "FORBIDDEN"),
        ("req_entry", "hostel.enter", owner.id, ""),
        ("req_outside", "access.denied", admin.id, "INSUFFICIENT_PERMISSIONS"),
        ("req_ownership", "access.denied", kofi.id, "FORBIDDEN"),
        ("req_permission", "access.denied", kofi.id, "INSUFFICIENT_PERMISSIONS"),
    ];
    let mut rows = Vec::new();
    for _ in 0..200 {
        let sql = "SELECT request_id, action, actor, after FROM audit_log WHERE action IN ('access.denied', 'hostel.enter') ORDER BY request_id";
        rows = database.texts(sql).await;
        if rows.len() >= expected.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows.len(), expected.len(), "{rows:?}");
    for (row, (request, action, actor, code)) in rows.iter().zip(expected) {
        assert_eq!((row[0].as_str(), row[1].as_str(), &row[2]), (request, action, &actor.to_string()), "{rows:?}");
        assert!(row[3].contains(code), "{row:?}");
    }
    // Those at this hostel's door are read by its admin; what happened elsewhere is not.
    let seen = app.get("/api/admin/audit?action=access.denied").by(&admin).told().await.is(200);
    let requests: Vec<_> =
        seen.data().as_array().unwrap().iter().map(|row| row["request_id"].as_str().unwrap()).collect();
    assert!(requests.contains(&"req_permission") && requests.contains(&"req_ownership"), "{requests:?}");
    assert!(!requests.contains(&"req_door"), "{requests:?}");
    app.end().await;
}
