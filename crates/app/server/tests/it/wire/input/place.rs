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
    ] {
        counts.push(format!("{table} {}", owner.number(format!("SELECT count(*) FROM {table}")).await));
    }
    for table in ["hostels", "accounts", "memberships", "rooms", "bookings", "hostel_settings"] {
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
        Self { app, hostel, owner, writes }
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
