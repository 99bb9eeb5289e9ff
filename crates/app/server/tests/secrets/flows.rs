//! The flows, with a secret wherever one could be.

use domicile_identity::KeyRing;
use domicile_kernel::{HostelId, Role};
use domicile_payments::SecretKey;
use domicile_server::{
    house::{House, key_file},
    system,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    post_office::PostOffice,
    search::{Planted, base64},
    stage::stage,
    support::{Asked, On, Person, TestApp, stay},
};

/// The application, what was planted, and every refusal's body.
struct Walk {
    app: TestApp,
    office: PostOffice,
    planted: Planted,
    refusals: Vec<String>,
    /// What was to be refused and was not.
    let_through: Vec<String>,
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl Walk {
    async fn begin(on: On) -> Self {
        let (office, mut planted) = (PostOffice::open(), Planted::default());
        let token = planted.plant("metrics token", "mt-8f2b61c0a94e-metrics");
        let smtp = format!("smtp://house:{}@{}", planted.plant("smtp password", "smtp-Pw-77f0a1"), office.address);
        let app = TestApp::start_with_settings(on, |settings| {
            settings.metrics_token = Some(token);
            settings.smtp_url = Some(smtp);
        })
        .await;
        let keys: Value =
            serde_json::from_slice(&std::fs::read(key_file(&app.house.settings.data_dir)).unwrap()).unwrap();
        planted.plant("master key", text(&keys["keys"][0]["secret"]));
        Self { app, office, planted, refusals: Vec::new(), let_through: Vec::new() }
    }

    fn post(&self, path: &str, body: Value) -> Asked {
        self.app.post(path).json(body)
    }

    /// Asks, and keeps what is said to a refusal.
    async fn refused(&mut self, asked: Asked) {
        let told = asked.told().await;
        if told.status < 400 {
            self.let_through.push(told.text.clone());
        }
        self.refusals.push(format!("{:?} {}", told.headers, told.text));
    }

    async fn tokens(&mut self, what: &str, asked: Asked) -> (String, String) {
        let told = asked.told().await.is(200);
        let access = self.planted.plant(&format!("access token of {what}"), text(&told.data()["access_token"]));
        let refresh = self.planted.plant(&format!("refresh token of {what}"), text(&told.data()["refresh_token"]));
        (access, refresh)
    }

    /// Registers, proves the address, signs in, refreshes, forgets the password and sets it anew twice.
    async fn account(&mut self, hostel: &str) -> Person {
        let email = "ama.owusu@new.example";
        let first = self.planted.password("first password");
        let phone = self.planted.plant("phone", "+233207654321");
        let weak = self.planted.plant("weak password", "weak7q");
        let long = self.planted.plant("long password", format!("Aa1!{}", "longpassword-q7".repeat(400)));
        let of = |password: &str| json!({ "email": email, "password": password, "first_name": "Ama", "last_name": "Owusu", "hostel_id": hostel, "phone": phone });
        self.refused(self.post("/api/auth/register", of(&weak))).await;
        self.refused(self.post("/api/auth/register", of(&long))).await;
        self.post("/api/auth/register", of(&first)).told().await.is(201);
        let code = self.office.code(email, 1).await;
        self.planted.plant("code", code.clone());
        let wrong = self.planted.plant("wrong code", if code == "907143" { "907144" } else { "907143" });
        self.refused(self.post("/api/auth/verify-otp", json!({ "email": email, "otp": wrong }))).await;
        self.post("/api/auth/verify-otp", json!({ "email": email, "otp": code })).told().await.is(200);

        let wrong = self.planted.password("wrong password");
        self.refused(self.post("/api/auth/login", json!({ "email": email, "password": wrong }))).await;
        let (_, refresh) =
            self.tokens("sign-in", self.post("/api/auth/login", json!({ "email": email, "password": first }))).await;
        let (_, newer) =
            self.tokens("refresh", self.post("/api/auth/refresh-token", json!({ "refresh_token": refresh }))).await;
        let forged = self.planted.plant("forged refresh token", format!("{}tampered", &newer[..newer.len() - 8]));
        self.refused(self.post("/api/auth/refresh-token", json!({ "refresh_token": forged }))).await;

        self.post("/api/auth/forgot-password", json!({ "email": email })).told().await.is(200);
        let code = self.office.code(email, 2).await;
        self.planted.plant("reset code", code.clone());
        let second = self.planted.password("second password");
        let body = json!({ "email": email, "otp": code, "new_password": second });
        self.post("/api/auth/reset-password", body).told().await.is(200);
        let (access, refresh_token) = self
            .tokens("sign-in again", self.post("/api/auth/login", json!({ "email": email, "password": second })))
            .await;
        let me = self.app.get("/api/auth/me").at(hostel.parse::<uuid::Uuid>().unwrap().into());
        let me = Asked(me.0.bearer_auth(&access)).told().await.is(200);
        let id = text(&me.data()["user"]["id"]).parse::<uuid::Uuid>().unwrap();
        Person {
            id: id.into(),
            email: email.to_owned(),
            hostel: Some(hostel.parse::<uuid::Uuid>().unwrap().into()),
            session: uuid::Uuid::nil().into(),
            token: access,
            refresh_token,
        }
    }

    /// Profile, a booking, a ticket, a changed password.
    async fn member(&mut self, person: &Person, room: &str) {
        let phone = self.planted.plant("changed phone", "+233241112223");
        let contact = self.planted.plant("emergency contact", "+233553334445");
        let version = self.app.get("/api/profile").by(person).told().await.is(200).data()["version"].as_i64().unwrap();
        let body = json!({ "phone": phone, "emergency_contact": contact });
        self.app.put("/api/profile").by(person).seen(version).json(body).told().await.is(200);

        let mut asked = stay(room, 1, 4);
        asked["emergency_contact_phone"] = json!(self.planted.plant("contact of a stay", "+233206667778"));
        let key = self.planted.plant("idempotency key", "idem-key-51c09be2");
        let asked = || self.app.post("/api/bookings").by(person).header("idempotency-key", &key).json(asked.clone());
        asked().told().await.is(201);
        asked().told().await.is(201);

        let told = self.app.post("/api/auth/ws-ticket").by(person).told().await.is(200);
        let ticket = told.data().as_object().unwrap().values().filter_map(Value::as_str).max_by_key(|text| text.len());
        self.planted.plant("ticket of a socket", ticket.unwrap());

        let (old, new) = (self.planted.password("not the old password"), self.planted.password("third password"));
        let body = json!({ "current_password": old, "new_password": new });
        let asked = self.app.put("/api/auth/password").by(person).json(body);
        self.refused(asked).await;
    }

    /// Everything that is wrong, with something secret in it.
    async fn strangers(&mut self, person: &Person) {
        let card = self.planted.plant("card number", "4929 1758 2231 9984");
        let cvv = self.planted.plant("card's own code", "cvv-913-cvv");
        let profile = |app: &TestApp, body: Value| app.put("/api/profile").by(person).seen(1).json(body);
        for body in [
            json!({ "card_number": card }),
            json!({ "phone": card }),
            json!({ "phone": { "number": card, "cvv": cvv } }),
            json!({ "first_name": [card, cvv] }),
            json!({ "emergency_contact": { "card": card } }),
        ] {
            let asked = profile(&self.app, body);
            self.refused(asked).await;
        }
        let role = self.planted.plant("text for a choice", "role-5105105105105100");
        let asked = self.app.post("/api/rooms").by(person).json(json!({ "room_type": role, "name": role }));
        self.refused(asked).await;

        let broken = self.planted.password("password in broken JSON");
        let asked =
            self.app.post("/api/auth/login").raw(format!("{{\"email\": \"a@b.example\", \"password\": \"{broken}\""));
        self.refused(asked).await;
        let typed = self.planted.password("password of another type");
        self.refused(self.post("/api/auth/login", json!({ "email": "a@b.example", "password": { "is": typed } })))
            .await;
        let form = self.planted.password("password in a form");
        let asked = self.app.post("/api/auth/login").header("content-type", "application/x-www-form-urlencoded");
        self.refused(Asked(asked.0.body(format!("email=a%40b.example&password={form}")))).await;
        let twice = self.planted.password("password given twice");
        let asked = self.app.post("/api/auth/login");
        let asked =
            asked.raw(format!("{{\"email\":\"a@b.example\",\"password\":\"{twice}\",\"password\":\"{twice}\"}}"));
        self.refused(asked).await;
        let unknown = self.planted.password("password under another name");
        self.refused(self.post("/api/auth/login", json!({ "email": "a@b.example", "pass_word": unknown }))).await;

        let basic = self.planted.password("password of Basic");
        let basic = self.planted.plant("Basic", base64(format!("ama:{basic}").as_bytes()));
        let digest = self.planted.plant("Digest", "response-6629fae49393a05397450978507c4ef1");
        let garbage = self.planted.plant("garbage for a token", "tok-31f0-not-a-jwt");
        let tampered = self.planted.plant("tampered token", format!("{}AAAA", person.token));
        for value in [
            format!("Basic {basic}"),
            format!("Digest {digest}"),
            format!("Bearer {garbage}"),
            format!("Bearer {tampered}"),
            garbage.clone(),
        ] {
            let asked = self.app.get("/api/rooms").header("authorization", &value);
            self.refused(asked).await;
        }
        let of_header = |planted: &mut Planted, name: &str| {
            let secret = planted.plant(&format!("secret in {name}"), format!("hdr {name} 7c1e"));
            (name.to_owned(), secret)
        };
        for name in [
            "cookie",
            "x-api-key",
            "x-hostel-id",
            "if-match",
            "traceparent",
            "x-request-id",
            "idempotency-key",
            "proxy-authorization",
        ] {
            let (name, secret) = of_header(&mut self.planted, name);
            let asked = self.app.put("/api/profile").header("authorization", &format!("Bearer {}", person.token));
            let asked = asked.header(&name, &secret).json(json!({ "nothing": 1 }));
            self.refused(asked).await;
        }
        let query = self.planted.plant("token in a query", "qry-0d1f-token");
        for path in [format!("/api/rooms?token={query}"), format!("/api/nowhere?access_token={query}")] {
            let asked = self.app.get(&path).by(person);
            self.refused(asked).await;
        }
        let scrape = self.planted.plant("wrong metrics token", "mt-wrong-55aa0c");
        let asked = self.app.get("/metrics").header("authorization", &format!("Bearer {scrape}"));
        self.refused(asked).await;
        // Known, and not allowed: these stand in the audit trail.
        for (method, path) in
            [(Method::POST, "/api/users"), (Method::GET, "/api/admin/audit"), (Method::PUT, "/api/settings")]
        {
            let asked =
                self.app.ask(method, path).by(person).header("cookie", "theme=dark").json(json!({ "card": card }));
            self.refused(asked).await;
        }
    }

    /// Pays, is paid back, disputes, and is told things by gateways and by those who pretend to be one.
    async fn money(&mut self, hostel: HostelId, person: &Person, room: &str) {
        let admin = self.app.member(hostel, Role::Admin).await;
        self.planted.plant("admin's token", admin.token.clone());
        let keys = std::fs::read_to_string(key_file(&self.app.house.settings.data_dir)).unwrap();
        let secret = KeyRing::parse(&keys).unwrap().sandbox_secret();
        let key = SecretKey::new(self.planted.plant("webhook secret", secret.as_str())).unwrap();
        let terms = self.app.put("/api/billing/terms").by(&admin).seen(0).json(json!({ "deposit_percent": 100 }));
        terms.told().await.is(200);
        let mut today = stay(room, 6, 8);
        (today["check_in_date"], today["check_out_date"]) = (json!("2026-01-20"), json!("2026-02-20"));
        let asked = self.app.post("/api/bookings").by(person).json(today).told().await.is(201);
        let booking = text(&asked.data()["id"]);
        let approve = self.app.put(&format!("/api/bookings/{booking}/approve")).by(&admin).seen(1);
        approve.told().await.is(200);
        let bills = self.app.get(&format!("/api/invoices?booking_id={booking}")).by(person).told().await.is(200);
        let idempotency = self.planted.plant("key of a payment", "idem-pay-77e1c0d4");
        let body = json!({ "invoice_id": bills.data()[0]["id"] });
        let begin = self.app.post("/api/payments/initialize").by(person).header("idempotency-key", &idempotency);
        let begun = begin.json(body).told().await.is(201);
        let url = text(&begun.data()["authorization_url"]);
        self.planted.plant("proof of a checkout page", url.rsplit('~').next().unwrap());
        let page = self.app.client.get(&url).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200);
        let form = self.app.client.post(&url).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(form.body("action=pay").send().await.unwrap().status().as_u16(), 200);
        let reference = text(&begun.data()["payment"]["reference"]);
        self.app.get(&format!("/api/payments/verify/{reference}")).by(person).told().await.is(200);

        // As gateways do, with more than anybody asked for.
        let card = self.planted.plant("card in a webhook", "4084 0840 8408 4081");
        let authorization = self.planted.plant("authorization code", "AUTH_8dfhjjdt9q");
        let mail = self.planted.plant("payer in a webhook", "card.holder@bank.example");
        let event = json!({ "event": "charge.success", "data": {
            "id": 1, "domain": "test", "status": "success", "reference": reference, "amount": 1, "currency": "GHS",
            "authorization": { "authorization_code": authorization, "card": card }, "customer": { "email": mail },
            "metadata": { "note": card },
        } });
        let webhook = "/api/payments/webhook/sandbox";
        let deliver = |signature: &str, body: &str| {
            self.app.post(webhook).header("x-sandbox-signature", signature).raw(body.to_owned())
        };
        let signature = key.sign(event.to_string().as_bytes());
        deliver(&signature, &event.to_string()).told().await.is(200);
        let broken = format!("{{\"event\":\"charge.success\",\"data\":{{\"card\":\"{card}\"");
        deliver(&key.sign(broken.as_bytes()), &broken).told().await.is(200);
        let forged = self.planted.plant("forged signature", "5e1f".repeat(32));
        let body = event.to_string();
        let asked = self.app.post(webhook).header("x-sandbox-signature", &forged).raw(body.clone());
        self.refused(asked).await;
        let asked = self.app.post("/api/payments/webhook/paystack").header("x-paystack-signature", &forged).raw(body);
        self.refused(asked).await;
        let guessed = self.planted.plant("guessed ticket", format!("{reference}~0badc0de0badc0de0badc0de0badc0de"));
        let asked = self.app.post(&format!("/sandbox/checkout/{guessed}"));
        let asked = asked.header("content-type", "application/x-www-form-urlencoded");
        self.refused(Asked(asked.0.body(format!("action=pay&card={}", card.replace(' ', "+"))))).await;

        let path = format!("/api/payments/{}", text(&begun.data()["payment"]["id"]));
        for (field, secret) in [("card_number", &card), ("reason", &card)] {
            let asked = self.app.post(&format!("{path}/refund")).by(person).json(json!({ field: secret }));
            self.refused(asked).await;
        }
        for (verb, version) in [("check-in", 2), ("check-out", 3)] {
            let moved = self.app.put(&format!("/api/bookings/{booking}/{verb}")).by(&admin).seen(version);
            moved.told().await.is(200);
        }
        let deposit = self.app.get(&format!("/api/deposits?booking_id={booking}")).by(person).told().await.is(200);
        let deposit = &deposit.data()[0];
        let at = |verb: &str| format!("/api/deposits/{}/{verb}", deposit["id"].as_str().unwrap());
        let version = deposit["version"].as_i64().unwrap();
        let body = json!({ "deductions": [{ "description": "A window", "amount": { "amount_minor": 1, "currency": "GHS" } }] });
        let told = self.app.put(&at("assess")).by(&admin).seen(version).json(body).told().await.is(200);
        let version = told.data()["version"].as_i64().unwrap();
        let note = self.planted.plant("note about a deposit", "My neighbour Yaa broke it");
        let body = json!({ "accepted": false, "note": note });
        self.app.put(&at("answer")).by(person).seen(version).json(body).told().await.is(200);
        let body = json!({ "amount": { "amount_minor": 1, "currency": "GHS" }, "reason": "Goodwill" });
        let refund = self.app.post(&format!("{path}/refund")).by(&admin).json(body).told().await.is(201);
        let account = self.planted.plant("account for a refund", "0690000034551");
        let retry = format!("/api/refunds/{}/retry", text(&refund.data()["id"]));
        let asked = self.app.post(&retry).by(&admin).json(json!({ "account_number": account, "bank_id": "9" }));
        self.refused(asked).await;
    }

    /// A database that does not let us in.
    async fn operator(&mut self) {
        let password = self.planted.plant("database password", "db-Pw-90c1f7aa");
        let mut settings = self.app.house.settings.clone();
        settings.database_url = format!("postgres://domicile:{password}@127.0.0.1:1/domicile");
        settings.owner_url = settings.database_url.clone();
        self.refusals.push(format!("{settings:?}"));
        let error = House::over_current_schema(settings, system::ambient()).await.err().unwrap();
        tracing::error!(error = format!("{error:#} {error:?}"), "a command failed");
        self.refusals.push(format!("{error:#} {error:?}"));
    }

    /// Everything that somebody could read afterwards, by name.
    async fn readable(&self) -> Vec<(&'static str, Vec<u8>)> {
        let stage = stage();
        self.app.settle().await;
        stage.running.flush();
        let mut owner = self.app.owner().await;
        let mut rows = Vec::new();
        for sql in [
            "SELECT actor, action, target, CAST(before AS TEXT), CAST(after AS TEXT), ip, request_id FROM audit_log",
            "SELECT actor, kind, aggregate, CAST(data AS TEXT), request_id, trace FROM events",
            "SELECT actor, kind, aggregate, CAST(data AS TEXT), request_id, trace FROM outbox",
            "SELECT kind, key, last_error, request_id, trace FROM jobs",
            "SELECT reference, why, CAST(deliveries AS TEXT) FROM payment_inbox",
            "SELECT message, reason, reference FROM refunds",
            "SELECT note, suspicion FROM payment_quarantine",
        ] {
            rows.push(format!("{:?}", owner.texts(sql).await).into_bytes());
        }
        let audit = rows.remove(0);
        let token = self.app.house.settings.metrics_token.clone().unwrap();
        let metrics = self.app.get("/metrics").header("authorization", &format!("Bearer {token}")).told().await.is(200);
        vec![
            ("the log", stage.lines.bytes()),
            ("spans", stage.spans.bytes()),
            ("error bodies", self.refusals.join("\n").into_bytes()),
            ("the audit trail", audit),
            ("events and jobs", rows.concat()),
            ("metrics", metrics.text.into_bytes()),
        ]
    }
}

async fn nothing_that_was_planted_can_be_read(on: On) {
    stage();
    let mut walk = Walk::begin(on).await;
    let hostel = walk.app.hostel("Adom").await;
    let manager = walk.app.member(hostel, Role::Manager).await;
    walk.planted.plant("manager's token", manager.token.clone());
    let place = walk.app.place(&manager, "A1", 2).await;
    let person = walk.account(&hostel.to_string()).await;
    walk.member(&person, &place.room).await;
    walk.strangers(&person).await;
    walk.money(hostel, &person, &place.room).await;
    walk.operator().await;
    walk.app.post("/api/auth/logout").by(&person).told().await.is(200);

    assert_eq!(walk.let_through, Vec::<String>::new());
    assert!(walk.planted.count() >= 40, "only {} were planted", walk.planted.count());
    let readable = walk.readable().await;
    for (place, bytes) in &readable {
        assert!(!bytes.is_empty(), "{place} is empty");
    }
    // The flows can be followed in each place: else an empty one would prove nothing.
    let log = String::from_utf8_lossy(&readable[0].1).into_owned();
    assert!(log.contains("/api/auth/login") && log.contains("\"TRACE\""), "the log is not at trace");
    let found: Vec<String> = readable.iter().flat_map(|(place, bytes)| walk.planted.found_in(place, bytes)).collect();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    walk.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_planted_can_be_read_on_sqlite() {
    nothing_that_was_planted_can_be_read(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_planted_can_be_read_on_postgres() {
    nothing_that_was_planted_can_be_read(On::Postgres).await;
}
