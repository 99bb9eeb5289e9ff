//! Running a hostel over HTTP: features (J12), settings (J15), people (J16), the audit trail (J17).

use domicile_db::relay::ChainCheck;
use domicile_kernel::{HostelId, Role};
use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn features_start_as_printed_and_are_switched_audited_and_enforced() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.super_admin().await;
    let (manager, student) = (app.member(hostel, Role::Manager).await, app.member(hostel, Role::Student).await);
    let admin = app.member(hostel, Role::Admin).await;
    let printed = json!({
        "room_booking": true, "shuttle_booking": false, "maintenance_requests": true, "payments": true, "feedback": true,
        "support": true, "notifications": true, "profile_editing": true,
    });
    let flags = app.get("/api/feature-flags").by(&student).told().await.is(200);
    assert_eq!(*flags.data(), printed);
    let switch = |flags: serde_json::Value| app.put("/api/admin/feature-flags").json(json!({ "flags": flags }));
    let told = switch(json!({ "shuttle_booking": true, "feedback": false })).by(&manager).told().await.is(200);
    let mut expected = printed.clone();
    expected["shuttle_booking"] = json!(true);
    expected["feedback"] = json!(false);
    assert_eq!((told.data(), &told.json["message"]), (&expected, &json!("Feature flags updated successfully")));
    assert_eq!(*app.get("/api/feature-flags").by(&student).told().await.data(), expected);
    for bad in [json!({ "teleport": true }), json!({}), json!({ "feedback": "no" }), json!([])] {
        switch(bad).by(&manager).told().await.refuses(400, "VALIDATION_ERROR");
    }
    assert_eq!(*app.get("/api/feature-flags").by(&student).told().await.data(), expected);
    // The trail knows who, and what it was before.
    let trail = app.get("/api/admin/audit?action=feature_flags.update").by(&admin).told().await.is(200);
    let row = &trail.data()[0];
    assert_eq!((&row["actor"], &row["actor_role"]), (&json!(manager.id), &json!("manager")));
    assert_eq!((&row["before"]["feedback"], &row["before"]["shuttle_booking"]), (&json!(true), &json!(false)));
    assert!(row["after"].to_string().contains("\"feedback\":false"), "{row}");
    let mut database = app.owner().await;
    let by = database.texts("SELECT CAST(count(*) AS TEXT) FROM feature_flags WHERE updated_by IS NOT NULL").await;
    assert_eq!(by.concat(), ["2"]);

    // Switched off: after signing in, before anything else is judged; reads go on.
    let stay = app.stay(hostel, student.id, "2026-03-01").await;
    let path = format!("/api/bookings/{}", stay.id);
    switch(json!({ "room_booking": false, "profile_editing": false })).by(&owner).at(hostel).told().await.is(200);
    for person in [&student, &manager, &admin] {
        let told = app.post("/api/bookings").by(person).raw("not json").told().await.refuses(403, "FEATURE_DISABLED");
        assert_eq!(told.data()["feature"], "room_booking");
        app.put(&format!("{path}/cancel")).by(person).told().await.refuses(403, "FEATURE_DISABLED");
        app.put(&path).by(person).json(json!({ "x": 1 })).told().await.refuses(403, "FEATURE_DISABLED");
        let told =
            app.put("/api/profile").by(person).json(json!({ "x": 1 })).told().await.refuses(403, "FEATURE_DISABLED");
        assert_eq!(told.data()["feature"], "profile_editing");
        app.get(&path).by(person).told().await.is(200);
        app.get("/api/bookings").by(person).told().await.is(200);
        app.get("/api/profile").by(person).told().await.is(200);
    }
    for verb in ["approve", "reject", "check-in", "check-out"] {
        app.put(&format!("{path}/{verb}")).by(&manager).seen(1).told().await.refuses(403, "FEATURE_DISABLED");
    }
    app.delete(&path).by(&admin).seen(1).told().await.refuses(403, "FEATURE_DISABLED");
    app.post("/api/bookings").raw("not json").told().await.refuses(401, "UNAUTHORIZED");
    // Who may not is told so first.
    app.put(&format!("{path}/approve")).by(&student).seen(1).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    // Another hostel's features are its own.
    let other = app.hostel("Legon Hall").await;
    let elsewhere = app.member(other, Role::Student).await;
    assert_eq!(*app.get("/api/feature-flags").by(&elsewhere).told().await.data(), printed);
    switch(json!({ "room_booking": true })).by(&admin).told().await.is(200);
    app.put(&format!("{path}/approve")).by(&manager).seen(1).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_society_starts_without_beds_and_shuttle() {
    let app = TestApp::sqlite().await;
    let owner = app.super_admin().await;
    let made = app
        .post("/api/admin/societies")
        .by(&owner)
        .json(json!({ "name": "Palm Court", "kind": "SOCIETY" }))
        .told()
        .await
        .is(201);
    assert_eq!(made.data()["kind"], "society");
    let society: HostelId = made.data()["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().into();
    let flags = app.get("/api/feature-flags").by(&owner).at(society).told().await.is(200);
    let off: Vec<_> = flags
        .data()
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, on)| **on == json!(false))
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(off, ["room_booking", "shuttle_booking"]);
    let resident = app.member(society, Role::Resident).await;
    assert_eq!(app.get("/api/feature-flags").by(&resident).told().await.is(200).data()["payments"], true);
    app.post("/api/bookings").by(&owner).at(society).json(json!({})).told().await.refuses(403, "FEATURE_DISABLED");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_writes_the_operational_settings_and_the_owner_all() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (owner, admin) = (app.super_admin().await, app.member(hostel, Role::Admin).await);
    let read = app.get("/api/settings").by(&admin).told().await.is(200);
    let settings = read.data();
    for (field, value) in [
        ("currency", json!("GHS")),
        ("time_zone", json!("Africa/Accra")),
        ("minimum_stay_months", json!(1)),
        ("approval_required", json!(true)),
        ("entry_request_expiry_minutes", json!(15)),
        ("pending_hold_hours", json!(72)),
        ("registration", json!("open")),
        ("default_country", json!("GH")),
        ("proration", json!("calendar_days")),
        ("version", json!(1)),
    ] {
        assert_eq!(settings[field], value, "{field}");
    }
    let operational = [
        json!({ "entry_request_expiry_minutes": 20 }),
        json!({ "pending_hold_hours": 48 }),
        json!({ "booking_deadline_hours": 2 }),
        json!({ "cancellation_deadline_hours": 12 }),
        json!({ "maintenance_sla_hours": { "urgent": 2 } }),
        json!({ "quiet_hours": { "start": "23:00" } }),
    ];
    let mut version = 1;
    for body in operational {
        let told = app.put("/api/settings").by(&admin).seen(version).json(body).told().await.is(200);
        version += 1;
        assert_eq!(told.data()["version"], version);
    }
    let printed = [
        json!({ "currency": "USD" }),
        json!({ "time_zone": "Asia/Kolkata" }),
        json!({ "minimum_stay_months": 0 }),
        json!({ "approval_required": false }),
        json!({ "registration": "closed" }),
        json!({ "default_country": "IN" }),
        json!({ "proration": "whole_months" }),
    ];
    for body in printed {
        let told = app
            .put("/api/settings")
            .by(&admin)
            .seen(version)
            .json(body.clone())
            .told()
            .await
            .refuses(403, "INSUFFICIENT_PERMISSIONS");
        assert_eq!(
            (&told.data()["required_permission"], &told.data()["your_role"]),
            (&json!("settings:update"), &json!("admin"))
        );
        let mut mixed = body.clone();
        mixed["pending_hold_hours"] = json!(24);
        app.put("/api/settings")
            .by(&admin)
            .seen(version)
            .json(mixed)
            .told()
            .await
            .refuses(403, "INSUFFICIENT_PERMISSIONS");
        app.put("/api/settings").by(&owner).at(hostel).seen(version).json(body).told().await.is(200);
        version += 1;
    }
    let after = app.get("/api/settings").by(&admin).told().await.is(200);
    assert_eq!((&after.data()["pending_hold_hours"], &after.data()["currency"]), (&json!(48), &json!("USD")));
    assert_eq!(after.data()["quiet_hours"], json!({ "start": "23:00", "end": "07:00" }));
    for bad in [
        json!({}),
        json!({ "pending_hold_hours": 0 }),
        json!({ "quiet_hours": { "start": "24:00" } }),
        json!({ "booking_deadline_hours": -1 }),
    ] {
        app.put("/api/settings").by(&admin).seen(version).json(bad).told().await.refuses(400, "VALIDATION_ERROR");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_or_takes_a_role_at_or_above_their_own() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (owner, admin, peer) =
        (app.super_admin().await, app.member(hostel, Role::Admin).await, app.member(hostel, Role::Admin).await);
    let person =
        |email: &str, role: &str| json!({ "email": email, "first_name": "Ama", "last_name": "Owusu", "role": role });
    for role in ["student", "resident", "professional", "guard", "staff", "manager"] {
        let told =
            app.post("/api/users").by(&admin).json(person(&format!("{role}@new.example"), role)).told().await.is(201);
        assert_eq!((&told.data()["role"], &told.data()["status"]), (&json!(role), &json!("active")));
    }
    app.post("/api/users").by(&admin).json(person("a@new.example", "admin")).told().await.refuses(403, "FORBIDDEN");
    for role in ["super_admin", "customer", "owner", ""] {
        app.post("/api/users")
            .by(&admin)
            .json(person("a@new.example", role))
            .told()
            .await
            .refuses(400, "VALIDATION_ERROR");
        app.post("/api/users")
            .by(&owner)
            .at(hostel)
            .json(person("a@new.example", role))
            .told()
            .await
            .refuses(400, "VALIDATION_ERROR");
    }
    app.post("/api/users").by(&owner).at(hostel).json(person("a@new.example", "admin")).told().await.is(201);
    app.post("/api/users")
        .by(&admin)
        .json(person("a@new.example", "student"))
        .told()
        .await
        .refuses(409, "ALREADY_EXISTS");

    let change = async |who: &crate::support::Person, id: &str, version: i64, body: serde_json::Value| {
        let asked = app.put(&format!("/api/users/{id}")).by(who);
        let asked = if who.hostel.is_none() { asked.at(hostel) } else { asked };
        asked.seen(version).json(body).told().await
    };
    let staff = app.member(hostel, Role::Staff).await.id.to_string();
    change(&admin, &staff, 1, json!({ "role": "manager" })).await.is(200);
    change(&admin, &staff, 2, json!({ "role": "admin" })).await.refuses(403, "FORBIDDEN");
    change(&admin, &peer.id.to_string(), 1, json!({ "role": "student" })).await.refuses(403, "FORBIDDEN");
    change(&admin, &peer.id.to_string(), 1, json!({ "status": "deactivated" })).await.refuses(403, "FORBIDDEN");
    change(&admin, &admin.id.to_string(), 1, json!({ "role": "student" })).await.refuses(403, "FORBIDDEN");
    change(&admin, &admin.id.to_string(), 1, json!({ "status": "deactivated" })).await.refuses(403, "FORBIDDEN");
    change(&admin, &admin.id.to_string(), 1, json!({ "first_name": "Esi" })).await.is(200);
    change(&owner, &staff, 2, json!({ "role": "admin" })).await.is(200);
    change(&owner, &peer.id.to_string(), 1, json!({ "role": "student" })).await.is(200);
    // A role that was taken is gone at once, in the middle of a session.
    app.get("/api/settings").by(&peer).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_invited_found_and_deleted() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (owner, admin) = (app.super_admin().await, app.member(hostel, Role::Admin).await);
    let student = app.member(hostel, Role::Student).await;
    let email = "esi@new.example";
    let body = json!({ "email": email, "first_name": "Esi", "last_name": "Boateng", "role": "student", "phone": "+233201234567" });
    let made = app.post("/api/users").by(&admin).json(body).told().await.is(201);
    let id = made.data()["id"].as_str().unwrap().to_owned();
    // Invited: the code in the mail chooses a password, and proves the address.
    let otp = app.code(email, 1).await;
    assert!(app.mails(email, 1).await[0].contains("Volta Hall"));
    app.post("/api/auth/reset-password")
        .json(json!({ "email": email, "otp": otp, "new_password": PASSWORD }))
        .told()
        .await
        .is(200);
    let login = app.post("/api/auth/login").json(json!({ "email": email, "password": PASSWORD })).told().await.is(200);
    let token = format!("Bearer {}", login.data()["access_token"].as_str().unwrap());

    for (query, total) in
        [("search=boateng", 1), ("role=ADMIN", 1), ("status=active&role=student", 2), ("search=nobody", 0)]
    {
        let told = app.get(&format!("/api/users?{query}")).by(&admin).told().await.is(200);
        assert_eq!(told.json["pagination"]["total"], total, "{query}");
    }
    // Oneself by id; others only with the permission.
    app.get(&format!("/api/users/{}", student.id)).by(&student).told().await.is(200);
    app.get(&format!("/api/users/{id}")).by(&student).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    // Deleted by the owner of the installation only; then the session, the login and the personal fields are gone.
    let path = format!("/api/users/{id}");
    app.delete(&path).by(&admin).seen(1).told().await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    app.delete(&path).by(&owner).at(hostel).seen(7).told().await.refuses(409, "VERSION_CONFLICT");
    app.delete(&path).by(&owner).at(hostel).seen(1).told().await.is(200);
    app.get("/api/auth/me").header("authorization", &token).told().await.refuses(401, "TOKEN_REVOKED");
    app.post("/api/auth/login")
        .json(json!({ "email": email, "password": PASSWORD }))
        .told()
        .await
        .refuses(401, "UNAUTHORIZED");
    assert_eq!(app.get("/api/users?search=boateng").by(&admin).told().await.json["pagination"]["total"], 0);
    let mut database = app.owner().await;
    assert_eq!(database.number(format!("SELECT count(*) FROM accounts WHERE email = '{email}'")).await, 0);
    app.end().await;
}

async fn the_trail_shows_before_and_after_and_cannot_be_bent(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let made = app.room(hostel, 1).await;
    let path = format!("/api/rooms/{}", made.id);
    app.put(&path)
        .by(&admin)
        .seen(1)
        .header("x-request-id", "req_trail")
        .json(json!({ "floor": 4 }))
        .told()
        .await
        .is(200);
    app.put(&path).by(&admin).seen(1).json(json!({ "floor": 5 })).told().await.refuses(409, "VERSION_CONFLICT");
    app.settle().await;
    let trail =
        app.get(&format!("/api/admin/audit?target_id={}&action=room.update", made.id)).by(&admin).told().await.is(200);
    assert_eq!(trail.json["pagination"]["total"], 1, "what did not happen leaves no row: {}", trail.text);
    let row = &trail.data()[0];
    assert_eq!(
        (&row["actor"], &row["actor_role"], &row["request_id"]),
        (&json!(admin.id), &json!("admin"), &json!("req_trail"))
    );
    assert_eq!(
        (&row["target"], &row["ip"], &row["at"]),
        (&json!("room"), &json!("127.0.0.1"), &json!("2026-01-20T10:30:00Z"))
    );
    assert_eq!((&row["before"]["floor"], &row["after"]["floor"]), (&json!(null), &json!(4)), "{row}");
    assert!(row["seq"].is_i64() && row["hash"].is_string(), "{row}");
    for bad in ["from=yesterday", "target_id=1", "colour=red"] {
        app.get(&format!("/api/admin/audit?{bad}")).by(&admin).told().await.refuses(400, "VALIDATION_ERROR");
    }
    assert_eq!(
        app.get("/api/admin/audit?from=2026-01-20T10:30:01Z").by(&admin).told().await.json["pagination"]["total"],
        0
    );

    let check = async || app.house.database.check_audit_chain(Some(hostel), app.house.seal.as_ref()).await.unwrap();
    let ChainCheck::Whole(rows) = check().await else { panic!("the chain is broken") };
    assert!(rows >= 3, "{rows}");
    // Whoever bends a row past the application is found out.
    let mut database = app.owner().await;
    let bend = "UPDATE audit_log SET actor = 'nobody' WHERE request_id = 'req_trail'";
    if database.try_run(bend).await.is_ok() {
        assert_eq!(check().await, ChainCheck::BrokenAt(row["seq"].as_i64().unwrap()));
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_shows_before_and_after_and_cannot_be_bent_on_sqlite() {
    the_trail_shows_before_and_after_and_cannot_be_bent(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_shows_before_and_after_and_cannot_be_bent_on_postgres() {
    the_trail_shows_before_and_after_and_cannot_be_bent(TestApp::postgres().await).await;
}
