//! Every sort of write with a body that is right, for a test to spoil; and what would show that something was written.

use domicile_kernel::{HostelId, Role};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Asked, PASSWORD, Person, TestApp, Told};

/// Everything a request could have written, as one line.
pub(super) async fn written(app: &TestApp) -> String {
    app.settle().await;
    let mut owner = app.owner().await;
    // That the owner entered is noted whatever they then send; it is nothing that the request wrote.
    let noted = "SELECT count(*) FROM audit_log WHERE action NOT IN ('hostel.enter', 'access.denied')";
    let mut counts = vec![format!("audit_log {}", owner.number(noted).await)];
    for table in [
        "hostels",
        "accounts",
        "memberships",
        "sessions",
        "challenges",
        "rooms",
        "beds",
        "bookings",
        "feature_flags",
        "events",
        "outbox",
        "idempotency_keys",
        "invoices",
        "payments",
        "refunds",
        "deposits",
        "journals",
        "payment_inbox",
    ] {
        counts.push(format!("{table} {}", owner.number(format!("SELECT count(*) FROM {table}")).await));
    }
    for table in [
        "hostels",
        "accounts",
        "memberships",
        "rooms",
        "bookings",
        "hostel_settings",
        "billing_terms",
        "payments",
        "deposits",
        "sandbox_charges",
    ] {
        counts.push(format!(
            "{table} {}",
            owner.number(format!("SELECT CAST(coalesce(sum(version), 0) AS BIGINT) FROM {table}")).await
        ));
    }
    counts.join(", ")
}

#[track_caller]
pub(super) fn refused(told: &Told, what: &str) {
    assert!((400..500).contains(&told.status), "{what}: {} {}", told.status, told.text);
    assert_eq!(told.json["success"], false, "{what}: {}", told.text);
    for member in ["code", "message", "request_id", "timestamp"] {
        assert!(told.json[member].as_str().is_some_and(|text| !text.is_empty()), "{what}: {}", told.text);
    }
}

/// A write with a body that is right but for what is done to it.
pub(super) struct Write {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) person: Option<Person>,
}

pub(super) struct Place {
    pub(super) app: TestApp,
    pub(super) hostel: HostelId,
    pub(super) owner: Person,
    pub(super) writes: Vec<Write>,
    /// The checkout page of a payment that was begun.
    pub(super) page: String,
}

impl Place {
    pub(super) async fn set() -> Self {
        let app = TestApp::sqlite().await;
        let hostel = app.hostel("Volta Hall").await;
        let owner = app.super_admin().await;
        let (manager, student) = (app.member(hostel, Role::Manager).await, app.member(hostel, Role::Student).await);
        let room = app.room(hostel, 2).await;
        let stay = app.stay(hostel, student.id, "2026-03-01").await;
        let other = app.hostel("Legon Hall").await;
        let write =
            |method, path: String, person: Option<&Person>, body| Write { method, path, body, person: person.cloned() };
        let price = json!({ "amount_minor": 45_000, "currency": "GHS" });
        let names = json!({ "first_name": "Ama", "last_name": "Owusu" });
        let with = |mut base: Value, more: Value| {
            base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            base
        };
        let writes = vec![
            write(
                Method::POST,
                "/api/bookings".into(),
                Some(&student),
                json!({
                    "room_id": room.id, "bed_id": room.beds[0].id, "user_id": student.id, "check_in_date": "2026-07-01",
                    "check_out_date": "2026-09-01", "emergency_contact_name": "Kofi", "emergency_contact_phone": "+233201234567",
                    "special_requests": "By the window", "terms_accepted": true,
                }),
            ),
            write(
                Method::PUT,
                format!("/api/bookings/{}", stay.id),
                Some(&manager),
                json!({
                    "check_in_date": "2026-03-02", "check_out_date": "2026-07-01", "emergency_contact_name": "Kofi",
                    "emergency_contact_phone": "+233201234567", "special_requests": "x", "room_id": room.id, "bed_id": room.beds[1].id,
                }),
            ),
            write(
                Method::PUT,
                format!("/api/bookings/{}/reject", stay.id),
                Some(&manager),
                json!({ "reason": "Full" }),
            ),
            write(
                Method::POST,
                "/api/rooms".into(),
                Some(&manager),
                json!({
                    "name": "Attic", "room_type": "double", "floor": 3, "bed_count": 2, "monthly_price": price, "amenities": ["Wi-Fi"],
                    "description": "Under the roof",
                }),
            ),
            write(
                Method::PUT,
                format!("/api/rooms/{}", room.id),
                Some(&manager),
                json!({
                    "name": "Attic", "room_type": "double", "floor": 3, "bed_count": 2, "monthly_price": price, "amenities": ["Wi-Fi"],
                    "description": "Under the roof", "status": "closed",
                }),
            ),
            write(
                Method::POST,
                "/api/users".into(),
                Some(&owner),
                with(
                    names.clone(),
                    json!({
                        "email": "new@test.example", "phone": "+233201234568", "role": "staff", "password": PASSWORD,
                    }),
                ),
            ),
            write(
                Method::PUT,
                format!("/api/users/{}", student.id),
                Some(&owner),
                with(
                    names.clone(),
                    json!({
                        "phone": "+233201234568", "role": "staff", "status": "deactivated",
                    }),
                ),
            ),
            write(
                Method::PUT,
                "/api/profile".into(),
                Some(&student),
                with(
                    names.clone(),
                    json!({
                        "phone": "+233201234568", "emergency_contact": "Kofi", "program": "Physics",
                    }),
                ),
            ),
            write(
                Method::PUT,
                "/api/settings".into(),
                Some(&owner),
                json!({
                    "currency": "GHS", "time_zone": "Africa/Accra", "minimum_stay_months": 1, "approval_required": true,
                    "entry_request_expiry_minutes": 15, "pending_hold_hours": 72, "booking_deadline_hours": 0,
                    "cancellation_deadline_hours": 24, "registration": "open", "default_country": "GH",
                    "proration": "calendar_days",
                    "quiet_hours": { "start": "22:00", "end": "07:00" }, "maintenance_sla_hours": { "low": 168 },
                }),
            ),
            write(
                Method::PUT,
                "/api/admin/feature-flags".into(),
                Some(&owner),
                json!({ "flags": { "shuttle_booking": true } }),
            ),
            write(
                Method::POST,
                "/api/admin/hostels".into(),
                Some(&owner),
                json!({
                    "name": "Sarbah Hall", "kind": "hostel", "currency": "GHS", "time_zone": "Africa/Accra",
                }),
            ),
            write(
                Method::PUT,
                format!("/api/admin/hostels/{other}"),
                Some(&owner),
                json!({ "name": "Sarbah Hall", "status": "active" }),
            ),
            write(
                Method::PUT,
                "/api/auth/password".into(),
                Some(&owner),
                json!({ "current_password": PASSWORD, "new_password": "Another-horse-2!" }),
            ),
            write(
                Method::POST,
                "/api/auth/register".into(),
                None,
                with(
                    names,
                    json!({
                        "email": "ama@new.example", "password": PASSWORD, "hostel_id": hostel, "username": "ama_o", "phone": "+233201234569",
                    }),
                ),
            ),
            write(
                Method::POST,
                "/api/auth/login".into(),
                None,
                json!({ "identifier": "nobody@new.example", "password": PASSWORD }),
            ),
            write(
                Method::POST,
                "/api/auth/verify-otp".into(),
                None,
                json!({ "email": "nobody@new.example", "otp": "123456" }),
            ),
            write(
                Method::POST,
                "/api/auth/reset-password".into(),
                None,
                json!({ "email": "nobody@new.example", "otp": "123456", "new_password": PASSWORD }),
            ),
            write(Method::POST, "/api/auth/refresh-token".into(), None, json!({ "refresh_token": "x" })),
        ];
        let (money, page) = money(&app, hostel, &owner, &student).await;
        let writes = writes.into_iter().chain(money).collect();
        Self { app, hostel, owner, writes, page }
    }

    pub(super) fn ask(&self, write: &Write) -> Asked {
        let asked = self.app.ask(write.method.clone(), &write.path);
        match &write.person {
            None => asked,
            Some(person) => {
                let asked = asked.by(person);
                let asked = if person.hostel.is_none() { asked.at(self.hostel) } else { asked };
                if write.method == Method::PUT { asked.seen(1) } else { asked }
            }
        }
    }

    pub(super) async fn send(&self, write: &Write, body: &Value) -> Told {
        self.ask(write).json(body.clone()).told().await
    }
}

/// The writes that are about money, on a bill, a payment and a deposit of the student's.
async fn money(app: &TestApp, hostel: HostelId, owner: &Person, student: &Person) -> (Vec<Write>, String) {
    let at = |asked: Asked| asked.at(hostel);
    let terms = at(app.put("/api/billing/terms").by(owner)).seen(0).json(json!({ "deposit_percent": 100 }));
    terms.told().await.is(200);
    let stay = app.stay(hostel, student.id, "2026-09-01").await;
    at(app.put(&format!("/api/bookings/{}/approve", stay.id)).by(owner)).seen(1).told().await.is(200);
    let one = async |path: String| {
        app.get(&path).by(student).told().await.is(200).data()[0]["id"].as_str().unwrap().to_owned()
    };
    let bill = one(format!("/api/invoices?booking_id={}", stay.id)).await;
    let deposit = one(format!("/api/deposits?booking_id={}", stay.id)).await;
    let begun =
        app.post("/api/payments/initialize").by(student).json(json!({ "invoice_id": bill })).told().await.is(201);
    let payment = format!("/api/payments/{}", begun.data()["payment"]["id"].as_str().unwrap());
    let page = begun.data()["authorization_url"].as_str().unwrap().strip_prefix(&app.base).unwrap().to_owned();
    let amount = json!({ "amount_minor": 100, "currency": "GHS" });
    let refund = format!("/api/refunds/{}", app.house.ambient.ids.uuid());
    let deposit = format!("/api/deposits/{deposit}");
    let write =
        |method, path: String, person: &Person, body| Write { method, path, body, person: Some(person.clone()) };
    let writes = vec![
        write(
            Method::POST,
            "/api/payments/initialize".into(),
            student,
            json!({ "invoice_id": bill, "amount": amount, "provider": "sandbox" }),
        ),
        write(Method::POST, format!("{payment}/refund"), owner, json!({ "amount": amount, "reason": "Closed" })),
        write(Method::POST, format!("{payment}/apply"), owner, json!({ "invoice_id": bill })),
        write(
            Method::POST,
            format!("{refund}/retry"),
            owner,
            json!({ "account_number": "0123456789", "bank_id": "9" }),
        ),
        write(Method::POST, "/api/wallet/topup".into(), student, json!({ "amount": amount, "provider": "sandbox" })),
        write(Method::POST, "/api/wallet/pay".into(), student, json!({ "invoice_id": bill, "amount": amount })),
        write(
            Method::PUT,
            "/api/billing/terms".into(),
            owner,
            json!({
                "deposit_percent": 50, "first_due_days": 3, "advance_allowed": true, "answer_days": 7, "rehousing_hours": 24,
            }),
        ),
        write(
            Method::PUT,
            format!("{deposit}/assess"),
            owner,
            json!({ "deductions": [{ "description": "A window", "amount": amount }] }),
        ),
        write(Method::PUT, format!("{deposit}/answer"), student, json!({ "accepted": true, "note": "Agreed" })),
        write(Method::PUT, format!("{deposit}/settle"), owner, json!({ "to": "wallet" })),
    ];
    (writes, page)
}
