//! The printed messages (J7), what is stored of a text (J8), and bodies that are too large (W11).

use domicile_kernel::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::place::{Place, refused, written};
use crate::support::{PASSWORD, TestApp, Told};

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_messages_are_told_word_for_word() {
    let place = Place::set().await;
    let app = &place.app;
    let student = app.member(place.hostel, Role::Student).await;
    let room = app.room(place.hostel, 1).await;
    let pairs = |told: &Told| -> Vec<(String, String)> {
        assert_eq!(
            (told.status, told.code(), &told.json["message"]),
            (400, "VALIDATION_ERROR", &json!("Validation failed")),
            "{}",
            told.text
        );
        let errors = told.json["errors"].as_array().unwrap().iter();
        errors
            .map(|error| (error["field"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned()))
            .collect()
    };
    let is = |found: Vec<(String, String)>, expected: &[(&str, &str)]| {
        let expected: Vec<_> =
            expected.iter().map(|(field, message)| ((*field).to_owned(), (*message).to_owned())).collect();
        assert_eq!(found, expected);
    };
    let body =
        json!({ "room_id": "x", "check_in_date": "2026-01-19", "check_out_date": "soon", "terms_accepted": false });
    let told = app.post("/api/bookings").by(&student).json(body).told().await;
    is(
        pairs(&told),
        &[
            ("room_id", "Invalid room ID"),
            ("check_in_date", "Check-in date must be today or in the future"),
            ("check_out_date", "Invalid date format"),
            ("terms_accepted", "You must accept the terms and conditions"),
        ],
    );
    // The printed example.
    let body = json!({ "room_id": room.id, "check_in_date": "2025-12-31", "check_out_date": "2026-06-01" });
    let told = app.post("/api/bookings").by(&student).json(body).told().await;
    is(
        pairs(&told),
        &[
            ("check_in_date", "Check-in date must be today or in the future"),
            ("terms_accepted", "You must accept the terms and conditions"),
        ],
    );
    let stay = |from: &str, to: &str| json!({ "room_id": room.id, "check_in_date": from, "check_out_date": to, "terms_accepted": true });
    let told = app.post("/api/bookings").by(&student).json(stay("2026-02-01", "2026-02-28")).told().await;
    is(pairs(&told), &[("check_out_date", "Minimum booking duration is 1 month")]);
    // The printed formula counts months by their numbers; today is not the past.
    app.post("/api/bookings").by(&student).json(stay("2026-01-20", "2026-02-01")).told().await.is(201);

    let told = app.put("/api/profile").by(&student).seen(1).json(json!({})).told().await;
    assert_eq!(pairs(&told)[0].1, "At least one field must be provided for update");
    let told = app
        .put("/api/profile")
        .by(&student)
        .seen(1)
        .json(json!({ "first_name": "A", "phone": "020", "program": "x".repeat(101) }))
        .told()
        .await;
    assert_eq!(
        pairs(&told).iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
        ["first_name", "phone", "program"]
    );

    let change = async |body: Value| app.put("/api/auth/password").by(&place.owner).json(body).told().await;
    is(
        pairs(&change(json!({ "current_password": "", "new_password": "short" })).await),
        &[
            ("current_password", "Current password is required"),
            ("new_password", "Password must be at least 8 characters"),
            ("new_password", "Password must contain at least one uppercase letter"),
            ("new_password", "Password must contain at least one number"),
            ("new_password", "Password must contain at least one special character"),
        ],
    );
    is(
        pairs(&change(json!({ "current_password": PASSWORD, "new_password": PASSWORD })).await),
        &[("new_password", "New password must be different from current password")],
    );
    place.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_stored_clean_and_secrets_as_they_are() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let price = json!({ "amount_minor": 45_000, "currency": "GHS" });
    let body = json!({
        "name": "  <b>Tom & Jerry</b><script>alert(1)</script><!-- x --> \u{202e}5 < 6 ", "room_type": "single", "bed_count": 1,
        "monthly_price": price, "description": "<style>p{}</style>Quiet\u{7}<img src=x onerror=alert(1)> &lt;b&gt;", "amenities": ["<i>Wi-Fi</i>"],
    });
    let made = app.post("/api/rooms").by(&manager).json(body).told().await.is(201);
    let mut owner = app.owner().await;
    let stored = owner.texts("SELECT name, description, amenities FROM rooms").await.concat();
    assert_eq!((stored[0].as_str(), stored[1].as_str()), ("Tom & Jerry 5 < 6", "Quiet &lt;b&gt;"));
    assert!(stored[2].contains("Wi-Fi") && !stored[2].contains("<i>"), "{stored:?}");
    assert_eq!(
        (made.data()["name"].as_str(), made.data()["amenities"][0].as_str()),
        (Some("Tom & Jerry 5 < 6"), Some("Wi-Fi"))
    );
    let (secret, email) = (" <b>Right</b>-1! ", "secret@test.example");
    let body =
        json!({ "email": email, "first_name": "Ama", "last_name": "Owusu", "role": "student", "password": secret });
    let admin = app.member(hostel, Role::Admin).await;
    app.post("/api/users").by(&admin).json(body).told().await.is(201);
    app.post("/api/auth/login").json(json!({ "email": email, "password": secret.trim() })).told().await.is(401);
    app.post("/api/auth/login").json(json!({ "email": email, "password": secret })).told().await.is(200);
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_announced_or_not() {
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let before = written(&app).await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    refused(
        &app.post("/api/rooms").by(&manager).raw(large.clone()).told().await.refuses(413, "PAYLOAD_TOO_LARGE"),
        "announced",
    );
    // In chunks, so that nobody is told how much comes.
    let stream = tokio::net::TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nX-Hostel-ID: {hostel}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        manager.token
    );
    let writer = tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await.unwrap();
        for chunk in large.as_bytes().chunks(16 * 1024) {
            let piece = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            // The server may hang up on somebody who goes on.
            if writing.write_all(&piece).await.is_err() {
                return writing;
            }
        }
        drop(writing.write_all(b"0\r\n\r\n").await);
        writing
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains("request_id\"") {
        let count = reading.read(&mut buffer).await.unwrap();
        assert!(count > 0, "no answer but {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..count]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    drop(writer.await);
    // Just under the limit it is read, and judged by its fields.
    let near = format!(r#"{{"name":"{}"}}"#, "x".repeat(1024 * 1024 - 100));
    app.post("/api/rooms").by(&manager).raw(near).told().await.refuses(400, "VALIDATION_ERROR");
    assert_eq!(written(&app).await, before);
    app.end().await;
}
