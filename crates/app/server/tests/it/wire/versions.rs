//! Editable records say which version they are, and ask which one was seen (W7).

use domicile_kernel::Role;
use serde_json::{Value, json};

use crate::support::{Person, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn every_editable_record_asks_which_version_was_seen() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.super_admin().await;
    let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
    let (made, stay, other) =
        (app.room(hostel, 1).await, app.stay(hostel, student.id, "2026-03-01").await, app.hostel("Legon Hall").await);
    // Terms that nobody decided have the version 0.
    let terms = app.put("/api/billing/terms").by(&admin).json(json!({ "answer_days": 10 }));
    assert_eq!(terms.seen(0).told().await.is(200).data()["version"], 1);
    let records: [(String, &Person, Value); 8] = [
        ("/api/billing/terms".to_owned(), &admin, json!({ "answer_days": 9 })),
        (format!("/api/rooms/{}", made.id), &admin, json!({ "floor": 1 })),
        (format!("/api/bookings/{}", stay.id), &admin, json!({ "special_requests": "x" })),
        (format!("/api/users/{}", student.id), &admin, json!({ "first_name": "Esi" })),
        ("/api/profile".to_owned(), &student, json!({ "program": "Physics" })),
        ("/api/settings".to_owned(), &admin, json!({ "pending_hold_hours": 70 })),
        (format!("/api/admin/hostels/{other}"), &owner, json!({ "name": "Sarbah Hall" })),
        (format!("/api/bookings/{}/approve", stay.id), &admin, json!({})),
    ];
    for (path, person, body) in &records {
        let put = || app.put(path).by(person).json(body.clone());
        let record = path.strip_suffix("/approve").unwrap_or(path);
        let seen = app.get(record).by(person).told().await.is(200);
        let version = seen.data()["version"].as_i64().unwrap();
        assert_eq!(seen.header("etag"), format!("\"{version}\""), "{path}");
        put().told().await.refuses(428, "PRECONDITION_REQUIRED");
        for bad in ["*", "W/\"1\"", "\"1", "-1", "1, 2", "x", "99999999999999999999"] {
            put().header("if-match", bad).told().await.refuses(400, "INVALID_INPUT");
        }
        put().seen(0).told().await.refuses(409, "VERSION_CONFLICT");
        let with = |version: Value| {
            let mut body = body.clone();
            body["version"] = version;
            body
        };
        app.put(path)
            .by(person)
            .seen(version)
            .json(with(json!(version + 1)))
            .told()
            .await
            .refuses(400, "INVALID_INPUT");
        for bad in [json!("1"), json!(-1), json!(1.5), json!([])] {
            app.put(path).by(person).json(with(bad)).told().await.refuses(400, "VALIDATION_ERROR");
        }
        // By the body, as printed; then the same again is stale, and the record as it is comes with the refusal.
        let done = app.put(path).by(person).json(with(json!(version))).told().await.is(200);
        assert_eq!(done.data()["version"], version + 1, "{path}");
        assert_eq!(done.header("etag"), format!("\"{}\"", version + 1), "{path}");
        if path.ends_with("/approve") {
            continue;
        }
        let stale = put().header("if-match", &format!("\"{version}\"")).told().await.refuses(409, "VERSION_CONFLICT");
        assert_eq!(stale.json["message"], "This record has been modified by another user");
        let data = stale.data();
        assert_eq!(
            (data["current_version"].as_i64(), data["your_version"].as_i64()),
            (Some(version + 1), Some(version)),
            "{path}"
        );
        let now = app.get(record).by(person).told().await.is(200);
        assert_eq!(data["latest_data"], *now.data(), "{path}");
        // With both the same, quoted, it goes.
        let both =
            app.put(path).by(person).header("if-match", &format!("\"{}\"", version + 1)).json(with(json!(version + 1)));
        both.told().await.is(200);
        // A version that never was is as stale as an old one.
        put().seen(version + 100).told().await.refuses(409, "VERSION_CONFLICT");
    }
    for path in [&records[1].0, &records[2].0] {
        app.delete(path).by(&owner).at(hostel).told().await.refuses(428, "PRECONDITION_REQUIRED");
    }
    app.delete(&records[1].0).by(&admin).seen(1).told().await.refuses(409, "VERSION_CONFLICT");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_judged_before_version() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
    let stay = app.stay(hostel, student.id, "2026-03-01").await;
    let path = format!("/api/bookings/{}", stay.id);
    let refuses = async |verb: &str, version: i64, state: &str| {
        let told =
            app.put(&format!("{path}/{verb}")).by(&admin).seen(version).told().await.refuses(409, "RESOURCE_CONFLICT");
        assert_eq!(told.data()["current_status"], state, "{verb}");
    };
    // Pending: only what leads on from there, and then the version counts.
    for verb in ["check-in", "check-out"] {
        refuses(verb, 1, "pending").await;
        refuses(verb, 99, "pending").await;
    }
    app.put(&format!("{path}/approve")).by(&admin).seen(99).told().await.refuses(409, "VERSION_CONFLICT");
    app.delete(&path).by(&admin).seen(1).told().await.refuses(409, "RESOURCE_CONFLICT");
    // The same move by the status.
    app.put(&path).by(&admin).json(json!({ "status": "approved", "version": 1 })).told().await.is(200);
    for (verb, version) in [("approve", 1), ("approve", 2), ("reject", 1), ("reject", 2), ("check-out", 1)] {
        refuses(verb, version, "approved").await;
    }
    let told = app
        .put(&path)
        .by(&admin)
        .seen(1)
        .json(json!({ "status": "rejected" }))
        .told()
        .await
        .refuses(409, "RESOURCE_CONFLICT");
    assert_eq!(told.data()["current_status"], "approved");
    app.put(&format!("{path}/cancel")).by(&student).seen(2).json(json!({ "reason": "Ill" })).told().await.is(200);
    for verb in ["approve", "reject", "cancel", "check-in", "check-out"] {
        refuses(verb, 1, "cancelled").await;
    }
    app.put(&path)
        .by(&admin)
        .seen(1)
        .json(json!({ "special_requests": "x" }))
        .told()
        .await
        .refuses(409, "RESOURCE_CONFLICT");
    app.end().await;
}
