//! The callers of the table, and for each operation a question that would be answered, on records of its own.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use domicile_access::crypto::{AccessClaims, AccessTokens};
use domicile_booking::model::BookingId;
use domicile_http::operation::Operation;
use domicile_identity::{JwtTokens, KeyRing};
use domicile_kernel::{AccountId, HostelId, Role, Scope};
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

use super::table::Who;
use crate::support::{Asked, PASSWORD, Person, TestApp, Told};

/// The application with two hostels and somebody who runs it all.
pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) client: Client,
    pub(super) hostel: HostelId,
    pub(super) foreign: HostelId,
    pub(super) owner: Person,
    /// Questions about money that are put again, to whoever is refused.
    pub(super) shared: Mutex<BTreeMap<&'static str, Question>>,
}

/// Somebody at the door: an account where there is one, and what they send for a token.
pub(super) struct Caller {
    pub(super) person: Option<Person>,
    pub(super) token: Option<String>,
}

/// A question that would be answered, if the caller may ask it.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) version: Option<i64>,
    pub(super) header: Option<(&'static str, String)>,
    pub(super) form: Option<&'static str>,
}

impl Question {
    pub(super) fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), body: None, version: None, header: None, form: None }
    }

    pub(super) fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    pub(super) fn seen(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    pub(super) fn header(self, name: &'static str, value: String) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    pub(super) fn form(self, form: &'static str) -> Self {
        Self { form: Some(form), ..self }
    }
}

impl Stage {
    pub(super) async fn set(app: TestApp) -> Self {
        let (hostel, foreign) = (app.hostel("Volta Hall").await, app.hostel("Akosombo House").await);
        let owner = app.super_admin().await;
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        let stage = Self { app, client, hostel, foreign, owner, shared: Mutex::default() };
        stage.terms_are_set().await;
        stage
    }

    pub(super) fn unique(&self) -> String {
        self.app.house.ambient.ids.uuid().simple().to_string()
    }

    pub(super) async fn owner_again(&self) -> Person {
        self.app.session_of(self.owner.id, self.owner.email.clone(), None).await
    }

    pub(super) async fn caller(&self, who: Who, needs_password: bool) -> Caller {
        let (app, hostel) = (&self.app, self.hostel);
        let member = async |at: HostelId, role: Role| {
            if !needs_password {
                return app.member(at, role).await;
            }
            let email = format!("{}@test.example", self.unique());
            let id = app.member_with_password(at, role, &email).await;
            app.session_of(id, email, Some(at)).await
        };
        let person = match who {
            Who::Anonymous => return Caller { person: None, token: None },
            Who::Garbage => return Caller { person: None, token: Some("not.a.token".to_owned()) },
            Who::Member(role) => member(hostel, role).await,
            Who::ForeignAdmin => member(self.foreign, Role::Admin).await,
            Who::SuperAdmin if needs_password => app.super_admin().await,
            Who::SuperAdmin | Who::Revoked | Who::Expired => self.owner_again().await,
        };
        let token = match who {
            Who::Revoked => {
                app.post("/api/auth/logout").by(&person).told().await.is(200);
                person.token.clone()
            }
            Who::Expired => {
                let keys = std::fs::read_to_string(app.house.settings.data_dir.join("keys.json")).unwrap();
                let now = app.house.ambient.now();
                let (issued_at, expires_at) = (now.minus(Duration::from_hours(1)), now.minus(Duration::from_secs(1)));
                let claims =
                    AccessClaims { account: person.id, session: person.session, generation: 1, issued_at, expires_at };
                JwtTokens::new(&KeyRing::parse(&keys).unwrap()).issue(&claims)
            }
            _ => person.token.clone(),
        };
        Caller { person: Some(person), token: Some(token) }
    }

    pub(super) async fn ask(&self, operation: &Operation, caller: &Caller, question: &Question) -> Told {
        let url = format!("{}{}", self.app.base, question.path);
        let mut asked =
            Asked(self.client.request(operation.method.as_str().parse::<Method>().unwrap(), url)).at(self.hostel);
        if let Some(token) = &caller.token {
            asked = asked.header("authorization", &format!("Bearer {token}"));
        }
        if let Some(version) = question.version {
            asked = asked.seen(version);
        }
        if let Some((name, value)) = &question.header {
            asked = asked.header(name, value);
        }
        if let Some(body) = &question.body {
            asked = asked.json(body.clone());
        }
        if let Some(form) = question.form {
            asked = Asked(asked.header("content-type", "application/x-www-form-urlencoded").0.body(form));
        }
        asked.told().await
    }

    pub(super) async fn registered(&self) -> String {
        let email = format!("{}@new.example", self.unique());
        let body = json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu" });
        self.app.post("/api/auth/register").json(body).told().await.is(201);
        email
    }

    pub(super) async fn stay_of(&self, caller: &Caller, role: Option<Role>, from: &str) -> (String, i64) {
        let guest = self.guest(caller, role).await;
        let stay = self.app.stay(self.hostel, guest, from).await;
        (stay.id.to_string(), stay.version)
    }

    /// The caller, where they live here; else some student.
    pub(super) async fn guest(&self, caller: &Caller, role: Option<Role>) -> AccountId {
        match (&caller.person, role) {
            (Some(person), Some(Role::Student | Role::Staff)) => person.id,
            _ => self.app.member(self.hostel, Role::Student).await.id,
        }
    }

    /// A question for an operation, on records of its own.
    pub(super) async fn question(&self, id: &'static str, who: Who, caller: &Caller) -> Question {
        const LATER: &str = "2026-03-01";
        const TODAY: &str = "2026-01-20";
        let (app, hostel) = (&self.app, self.hostel);
        let desk = &app.house.front_desk;
        let operator = app.house.operator(Scope::Hostel(hostel));
        let role = match who {
            Who::Member(role) => Some(role),
            _ => None,
        };
        match id {
            "platform.root" => Question::at("/"),
            "platform.api" => Question::at("/api"),
            "health.whole" => Question::at("/health"),
            "health.ready" => Question::at("/health/ready"),
            "health.live" => Question::at("/health/live"),
            "health.services" => Question::at("/api/health"),
            "platform.metrics" => Question::at("/metrics"),
            "performance.metrics" => Question::at("/api/admin/performance/metrics?timeWindow=60000"),
            "performance.slow_requests" => Question::at("/api/admin/performance/slow-requests?limit=5"),
            "performance.summary" => Question::at("/api/admin/performance/summary"),
            "docs.openapi" => Question::at("/api/openapi.json"),
            "docs.door" => Question::at("/docs"),
            "docs.errors" => Question::at("/docs/errors"),
            "docs.file" => Question::at("/docs/index.html"),
            "live.socket" => Question::at("/ws"),
            "live.page" => Question::at("/docs/live"),
            "auth.register" => {
                let email = format!("{}@new.example", self.unique());
                let body = json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu", "hostel_id": hostel });
                Question::at("/api/auth/register").with(body)
            }
            "auth.login" => {
                Question::at("/api/auth/login").with(json!({ "email": self.owner.email, "password": PASSWORD }))
            }
            "auth.verify_otp" => {
                let email = self.registered().await;
                let otp = app.code(&email, 1).await;
                Question::at("/api/auth/verify-otp").with(json!({ "email": email, "otp": otp }))
            }
            "auth.resend_otp" => Question::at("/api/auth/resend-otp").with(json!({ "email": "nobody@new.example" })),
            "auth.forgot_password" => {
                Question::at("/api/auth/forgot-password").with(json!({ "email": "nobody@new.example" }))
            }
            "auth.reset_password" => {
                let email = app.member(hostel, Role::Student).await.email;
                app.post("/api/auth/forgot-password").json(json!({ "email": email })).told().await.is(200);
                let otp = app.code(&email, 1).await;
                let body = json!({ "email": email, "otp": otp, "new_password": "Another-horse-2!" });
                Question::at("/api/auth/reset-password").with(body)
            }
            "auth.refresh" => {
                let person = self.owner_again().await;
                Question::at("/api/auth/refresh-token").with(json!({ "refresh_token": person.refresh_token }))
            }
            "auth.logout" => Question::at("/api/auth/logout"),
            "auth.me" => Question::at("/api/auth/me"),
            "auth.sessions.list" => Question::at("/api/auth/sessions"),
            "auth.ws_ticket" => Question::at("/api/auth/ws-ticket"),
            "auth.sessions.revoke_others" => Question::at("/api/auth/sessions"),
            "auth.sessions.revoke" => {
                let person = caller.person.as_ref().unwrap_or(&self.owner);
                let other = app.session_of(person.id, person.email.clone(), person.hostel).await;
                Question::at(format!("/api/auth/sessions/{}", other.session))
            }
            "auth.password" => Question::at("/api/auth/password")
                .with(json!({ "current_password": PASSWORD, "new_password": "Another-horse-2!" })),
            "profile.get" => Question::at("/api/profile"),
            "profile.update" => {
                // One account of the owner serves many cells, so its version moves on.
                let person = caller.person.as_ref().unwrap_or(&self.owner);
                let seen =
                    app.get("/api/profile").header("authorization", &format!("Bearer {}", person.token)).told().await;
                let version = seen.data()["version"].as_i64().unwrap_or(1);
                Question::at("/api/profile").with(json!({ "program": "Physics" })).seen(version)
            }
            "users.list" => Question::at("/api/users"),
            "users.create" => {
                let email = format!("{}@new.example", self.unique());
                let body = json!({ "email": email, "first_name": "Ama", "last_name": "Owusu", "role": "student" });
                Question::at("/api/users").with(body)
            }
            "users.get" | "users.update" | "users.delete" => {
                let member = app.member(hostel, Role::Student).await;
                let path = Question::at(format!("/api/users/{}", member.id));
                match id {
                    "users.get" => path,
                    "users.update" => path.with(json!({ "first_name": "Esi" })).seen(1),
                    _ => path.seen(1),
                }
            }
            "audit.list" => Question::at("/api/admin/audit"),
            "hostels.mine" => Question::at("/api/hostels"),
            "hostels.list" => Question::at("/api/admin/hostels"),
            "hostels.create" => Question::at("/api/admin/hostels").with(json!({ "name": "Legon Hall" })),
            "hostels.get" => Question::at(format!("/api/admin/hostels/{}", self.foreign)),
            "hostels.update" => {
                let made = app.hostel("Commonwealth Hall").await;
                Question::at(format!("/api/admin/hostels/{made}")).with(json!({ "name": "Sarbah Hall" })).seen(1)
            }
            "settings.get" => Question::at("/api/settings"),
            "settings.update" => {
                let version = app.house.tenancy.settings(&operator).await.unwrap().version;
                Question::at("/api/settings").with(json!({ "pending_hold_hours": 72 })).seen(version)
            }
            "flags.get" => Question::at("/api/feature-flags"),
            "flags.update" => {
                Question::at("/api/admin/feature-flags").with(json!({ "flags": { "shuttle_booking": true } }))
            }
            "presence.list" => Question::at("/api/presence"),
            "rooms.list" => Question::at("/api/rooms"),
            "rooms.create" => {
                let price = json!({ "amount_minor": 45_000, "currency": "GHS" });
                let body =
                    json!({ "name": self.unique(), "room_type": "single", "bed_count": 1, "monthly_price": price });
                Question::at("/api/rooms").with(body)
            }
            "rooms.get" | "rooms.update" | "rooms.delete" => {
                let room = app.room(hostel, 1).await;
                let path = Question::at(format!("/api/rooms/{}", room.id));
                match id {
                    "rooms.get" => path,
                    "rooms.update" => path.with(json!({ "floor": 2 })).seen(1),
                    _ => path.seen(1),
                }
            }
            "bookings.list" => Question::at("/api/bookings"),
            "bookings.create" => {
                let room = app.room(hostel, 1).await;
                let mut body = json!({
                    "room_id": room.id, "check_in_date": LATER, "check_out_date": "2026-06-01", "terms_accepted": true,
                });
                if role != Some(Role::Student) {
                    body["user_id"] = json!(self.guest(caller, None).await);
                }
                Question::at("/api/bookings").with(body)
            }
            "bookings.get" => {
                let (id, _) = self.stay_of(caller, role, LATER).await;
                Question::at(format!("/api/bookings/{id}"))
            }
            "bookings.update" => {
                let (id, version) = self.stay_of(caller, role, LATER).await;
                Question::at(format!("/api/bookings/{id}"))
                    .with(json!({ "special_requests": "By the window" }))
                    .seen(version)
            }
            "bookings.cancel" => {
                let (id, version) = self.stay_of(caller, role, LATER).await;
                Question::at(format!("/api/bookings/{id}/cancel")).seen(version)
            }
            "bookings.approve" | "bookings.reject" => {
                let (stay, version) = self.stay_of(caller, role, LATER).await;
                let verb = if id == "bookings.approve" { "approve" } else { "reject" };
                Question::at(format!("/api/bookings/{stay}/{verb}")).seen(version)
            }
            "bookings.delete" => {
                let (stay, version) = self.stay_of(caller, role, LATER).await;
                let key: BookingId = stay.parse::<uuid::Uuid>().unwrap().into();
                let ended =
                    desk.reject_booking(&operator, key, version, domicile_booking::RejectBooking::default()).await;
                Question::at(format!("/api/bookings/{stay}")).seen(ended.unwrap().version)
            }
            "bookings.check_in" | "bookings.check_out" => {
                let (stay, version) = self.stay_of(caller, role, TODAY).await;
                let key: BookingId = stay.parse::<uuid::Uuid>().unwrap().into();
                let approved = desk.approve_booking(&operator, key, version).await.unwrap();
                if id == "bookings.check_in" {
                    return Question::at(format!("/api/bookings/{stay}/check-in")).seen(approved.version);
                }
                let inside = desk.check_in_booking(&operator, key, approved.version).await.unwrap();
                Question::at(format!("/api/bookings/{stay}/check-out")).seen(inside.version)
            }
            other => match self.question_of_money(other, who, caller).await {
                Some(question) => question,
                None => panic!("nobody wrote a question for {other}"),
            },
        }
    }
}
