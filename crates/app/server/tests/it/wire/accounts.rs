//! Registering, signing in, codes out of the mails, sessions and passwords, as a client lives them (A1, J4a, J4c).

use std::time::Duration;

use domicile_kernel::Role;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, Told};

const NEW_PASSWORD: &str = "Another-horse-2!";

/// What is said, without who asked when.
fn said(told: &Told) -> String {
    let mut body = told.json.clone();
    let object = body.as_object_mut().unwrap();
    assert!(object.remove("timestamp").is_some() && object.remove("request_id").is_some(), "{}", told.text);
    format!("{} {body}", told.status)
}

impl TestApp {
    async fn register(&self, email: &str, more: Value) -> Told {
        let mut body = json!({ "email": email, "password": PASSWORD, "first_name": "Ama", "last_name": "Owusu" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/api/auth/register").json(body).told().await
    }

    async fn verify(&self, email: &str, otp: &str) -> Told {
        self.post("/api/auth/verify-otp").json(json!({ "email": email, "otp": otp })).told().await
    }

    async fn login(&self, identifier: &str, password: &str) -> Told {
        self.post("/api/auth/login").json(json!({ "identifier": identifier, "password": password })).told().await
    }

    async fn me(&self, login: &Told) -> Told {
        let token = login.data()["access_token"].as_str().unwrap();
        self.get("/api/auth/me").header("authorization", &format!("Bearer {token}")).told().await
    }

    async fn refresh(&self, login: &Told) -> Told {
        self.post("/api/auth/refresh-token")
            .json(json!({ "refresh_token": login.data()["refresh_token"] }))
            .told()
            .await
    }
}

/// Six digits that are not these.
fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_proves_the_address_and_signs_in_by_any_of_their_names() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let email = "Ama.Owusu@new.example";
    let more = json!({ "hostel_id": hostel, "username": "ama_o", "phone": "+233 20 123 4567" });
    let registered = app.register(email, more).await.is(201);
    assert_eq!(registered.data()["verification_required"], true);
    assert!(registered.data().get("otp").is_none() && !registered.text.contains("token"), "{}", registered.text);

    let email = "ama.owusu@new.example";
    app.login(email, PASSWORD).await.refuses(403, "EMAIL_NOT_VERIFIED");
    // Without the password nobody learns even that.
    app.login(email, "Wrong-horse-1!").await.refuses(401, "UNAUTHORIZED");
    let code = app.code(email, 1).await;
    assert_eq!(app.verify(email, &code).await.is(200).data()["verified"], true);
    // A code works once.
    app.verify(email, &code).await.refuses(400, "VALIDATION_ERROR");

    for identifier in
        [email, "AMA.OWUSU@NEW.EXAMPLE", "ama_o", "Ama_O", "+233201234567", "+233 20 123-4567", "00233201234567"]
    {
        let told = app.login(identifier, PASSWORD).await.is(200);
        let data = told.data();
        assert_eq!((&data["token_type"], &data["user"]["email"]), (&json!("Bearer"), &json!(email)), "{identifier}");
        assert!(data["expires_in"].as_u64().is_some_and(|seconds| seconds > 0));
        assert_eq!(
            data["hostels"],
            json!([{ "id": hostel, "name": "Volta Hall", "role": "student", "status": "active" }])
        );
        app.me(&told).await.is(200);
    }
    let by_email =
        app.post("/api/auth/login").json(json!({ "email": email, "password": PASSWORD })).told().await.is(200);
    assert_eq!(app.me(&by_email).await.data()["user"]["username"], "ama_o");
    // One answer for a wrong password, an unknown address, and somebody without a password.
    let guest = app.member(hostel, Role::Student).await;
    let wrong = said(&app.login(email, "Wrong-horse-1!").await.refuses(401, "UNAUTHORIZED"));
    for identifier in ["nobody@new.example", "nobody", "+233200000000", "", guest.email.as_str()] {
        assert_eq!(said(&app.login(identifier, PASSWORD).await), wrong, "{identifier}");
    }
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_is_answered_like_a_new_one_and_its_owner_is_told() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let email = "ama@new.example";
    let new = app.register(email, json!({ "hostel_id": hostel })).await.is(201);
    let first = app.code(email, 1).await;
    // Not proved yet: another code, and the old one is dead.
    let unproved = app.register(email, json!({ "hostel_id": hostel })).await.is(201);
    let second = app.code(email, 2).await;
    assert_eq!(said(&unproved), said(&new));
    if first != second {
        app.verify(email, &first).await.refuses(400, "VALIDATION_ERROR");
    }
    app.verify(email, &second).await.is(200);
    // Proved: the owner hears of it, and neither password nor name changed.
    let body = json!({ "hostel_id": hostel, "password": NEW_PASSWORD, "first_name": "Mallory" });
    let known = app.register(email, body).await.is(201);
    assert_eq!(said(&known), said(&new));
    let mails = app.mails(email, 3).await;
    assert!(mails[2].contains("You already have an account") && !mails[2].contains("Your code"), "{}", mails[2]);
    app.login(email, NEW_PASSWORD).await.refuses(401, "UNAUTHORIZED");
    let login = app.login(email, PASSWORD).await.is(200);
    assert_eq!(login.data()["user"]["first_name"], "Ama");
    // Asking for codes tells as little.
    for path in ["/api/auth/forgot-password", "/api/auth/resend-otp"] {
        let ask = async |email: &str| {
            let told = app.post(path).json(json!({ "email": email })).told().await.is(200);
            said(&told).replace(email, "…")
        };
        assert_eq!(ask(email).await, ask("nobody@new.example").await, "{path}");
    }
    assert_eq!(app.owner().await.number("SELECT count(*) FROM accounts").await, 1);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_are_the_end_of_a_code_and_so_is_time() {
    let app = TestApp::sqlite().await;
    let email = "ama@new.example";
    app.register(email, json!({})).await.is(201);
    let code = app.code(email, 1).await;
    for _ in 0..4 {
        app.verify(email, &another(&code)).await.refuses(400, "VALIDATION_ERROR");
    }
    app.verify(email, &another(&code)).await.refuses(429, "TOO_MANY_ATTEMPTS");
    let dead = app.verify(email, &code).await;
    assert!(
        matches!((dead.status, dead.code()), (429, "TOO_MANY_ATTEMPTS") | (400, "VALIDATION_ERROR")),
        "{}",
        dead.text
    );
    app.login(email, PASSWORD).await.refuses(403, "EMAIL_NOT_VERIFIED");
    // A new code makes up for it, for so long.
    let resend = async || app.post("/api/auth/resend-otp").json(json!({ "email": email })).told().await.is(200);
    resend().await;
    let late = app.code(email, 2).await;
    app.clock.advance(Duration::from_mins(11));
    app.verify(email, &late).await.refuses(400, "VALIDATION_ERROR");
    resend().await;
    let code = app.code(email, 3).await;
    for bad in ["12345", "1234567", "abcdef", ""] {
        app.verify(email, bad).await.refuses(400, "VALIDATION_ERROR");
    }
    // What is no code is no guess; spaces are what mail programs add.
    app.verify(email, &format!(" {} {} ", &code[..3], &code[3..])).await.is(200);
    app.login(email, PASSWORD).await.is(200);
    // Nobody unknown has codes to guess.
    app.verify("nobody@new.example", "123456").await.refuses(400, "VALIDATION_ERROR");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let email = "ama@test.example";
    app.member_with_password(hostel, Role::Student, email).await;
    let sessions = [app.login(email, PASSWORD).await.is(200), app.login(email, PASSWORD).await.is(200)];
    app.post("/api/auth/forgot-password").json(json!({ "email": email })).told().await.is(200);
    let code = app.code(email, 1).await;
    let reset = async |otp: &str, password: &str| {
        app.post("/api/auth/reset-password")
            .json(json!({ "email": email, "otp": otp, "new_password": password }))
            .told()
            .await
    };
    // A code to choose a password proves no address, and the other way round.
    app.verify(email, &code).await.refuses(400, "VALIDATION_ERROR");
    reset(&another(&code), NEW_PASSWORD).await.refuses(400, "VALIDATION_ERROR");
    reset(&code, "short").await.refuses(400, "VALIDATION_ERROR");
    reset(&code, NEW_PASSWORD).await.is(200);
    reset(&code, NEW_PASSWORD).await.refuses(400, "VALIDATION_ERROR");
    for session in &sessions {
        app.me(session).await.refuses(401, "TOKEN_REVOKED");
        let told = app.refresh(session).await;
        assert!(
            told.status == 401 && ["TOKEN_REVOKED", "INVALID_REFRESH_TOKEN"].contains(&told.code()),
            "{}",
            told.text
        );
    }
    app.login(email, PASSWORD).await.refuses(401, "UNAUTHORIZED");
    app.me(&app.login(email, NEW_PASSWORD).await.is(200)).await.is(200);
    let mails = app.mails(email, 2).await;
    assert!(mails.iter().any(|mail| mail.contains("Subject: Your password was changed")), "{mails:?}");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_by_their_owner_only() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let (email, foreign) = ("ama@test.example", "kofi@test.example");
    app.member_with_password(hostel, Role::Student, email).await;
    app.member_with_password(hostel, Role::Student, foreign).await;
    let device = json!({ "identifier": email, "password": PASSWORD, "device_info": { "name": "phone" } });
    let phone =
        app.post("/api/auth/login").header("user-agent", "Domicile for phones").json(device).told().await.is(200);
    let (laptop, tablet) = (app.login(email, PASSWORD).await.is(200), app.login(email, PASSWORD).await.is(200));
    let stranger = app.login(foreign, PASSWORD).await.is(200);
    let bearer = |login: &Told| format!("Bearer {}", login.data()["access_token"].as_str().unwrap());
    let list =
        async |login: &Told| app.get("/api/auth/sessions").header("authorization", &bearer(login)).told().await.is(200);

    let mine = list(&phone).await;
    let sessions = mine.data().as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let current = sessions.iter().find(|session| session["current"] == true).unwrap();
    assert_eq!(
        (&current["device_info"]["name"], &current["user_agent"]),
        (&json!("phone"), &json!("Domicile for phones"))
    );
    assert!(!mine.text.contains("token"), "{}", mine.text);
    let of_laptop = list(&laptop).await;
    let laptop_id =
        of_laptop.data().as_array().unwrap().iter().find(|session| session["current"] == true).unwrap()["id"].clone();
    let path = format!("/api/auth/sessions/{}", laptop_id.as_str().unwrap());
    // Somebody else's session is as unknown as none.
    let of_foreign =
        app.delete(&path).header("authorization", &bearer(&stranger)).told().await.refuses(404, "NOT_FOUND");
    let none = format!("/api/auth/sessions/{}", app.house.ambient.ids.uuid());
    assert_eq!(said(&of_foreign), said(&app.delete(&none).header("authorization", &bearer(&stranger)).told().await));
    app.me(&laptop).await.is(200);

    app.delete(&path).header("authorization", &bearer(&phone)).told().await.is(200);
    app.me(&laptop).await.refuses(401, "TOKEN_REVOKED");
    app.delete(&path).header("authorization", &bearer(&phone)).told().await.refuses(404, "NOT_FOUND");
    let ended = app.delete("/api/auth/sessions").header("authorization", &bearer(&phone)).told().await.is(200);
    assert_eq!(ended.data()["ended"], 1);
    app.me(&tablet).await.refuses(401, "TOKEN_REVOKED");
    app.me(&phone).await.is(200);
    app.me(&stranger).await.is(200);
    app.post("/api/auth/logout").header("authorization", &bearer(&phone)).told().await.is(200);
    app.me(&phone).await.refuses(401, "TOKEN_REVOKED");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_password_ends_every_other_session() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let email = "ama@test.example";
    app.member_with_password(hostel, Role::Student, email).await;
    let (one, two) = (app.login(email, PASSWORD).await.is(200), app.login(email, PASSWORD).await.is(200));
    let change = async |current: &str| {
        let token = format!("Bearer {}", one.data()["access_token"].as_str().unwrap());
        let body = json!({ "current_password": current, "new_password": NEW_PASSWORD });
        app.put("/api/auth/password").header("authorization", &token).json(body).told().await
    };
    change("Wrong-horse-1!").await.refuses(400, "VALIDATION_ERROR");
    app.me(&two).await.is(200);
    assert_eq!(change(PASSWORD).await.is(200).data()["ended"], 1);
    app.me(&one).await.is(200);
    app.me(&two).await.refuses(401, "TOKEN_REVOKED");
    app.login(email, PASSWORD).await.refuses(401, "UNAUTHORIZED");
    app.login(email, NEW_PASSWORD).await.is(200);
    assert!(app.mails(email, 1).await[0].contains("Your password was changed"));
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_follows_the_hostels_setting() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let owner = app.super_admin().await;
    let set = async |word: &str, version: i64| {
        app.put("/api/settings")
            .by(&owner)
            .at(hostel)
            .seen(version)
            .json(json!({ "registration": word }))
            .told()
            .await
            .is(200)
    };
    set("approval", 1).await;
    let email = "ama@new.example";
    app.register(email, json!({ "hostel_id": hostel })).await.is(201);
    app.verify(email, &app.code(email, 1).await).await.is(200);
    let login = app.login(email, PASSWORD).await.is(200);
    assert_eq!(login.data()["hostels"][0]["status"], "pending");
    let token = format!("Bearer {}", login.data()["access_token"].as_str().unwrap());
    app.get("/api/rooms").header("authorization", &token).at(hostel).told().await.refuses(403, "FORBIDDEN");
    let admin = app.member(hostel, Role::Admin).await;
    let path = format!("/api/users/{}", login.data()["user"]["id"].as_str().unwrap());
    app.put(&path).by(&admin).seen(1).json(json!({ "status": "active" })).told().await.is(200);
    app.get("/api/rooms").header("authorization", &token).at(hostel).told().await.is(200);
    set("closed", 2).await;
    let closed = app.register("kofi@new.example", json!({ "hostel_id": hostel })).await.refuses(403, "FORBIDDEN");
    let unknown = app.register("kofi@new.example", json!({ "hostel_id": app.house.ambient.ids.uuid() })).await;
    assert_eq!(said(&closed), said(&unknown));
    app.end().await;
}
