//! Whatever comes in, the answer is a refusal that names what is wrong, and nothing is written (W3, W5, W11).

mod place;
mod text;

use domicile_http::{operation::BodyKind, operations};
use reqwest::Method;
use serde_json::{Map, Value, json};

use self::place::{Place, refused, written};

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}

fn in_camel_case(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            object.iter().map(|(key, value)| (camel(key), in_camel_case(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_is_refused_everywhere_and_nothing_is_written() {
    let place = Place::set().await;
    let before = written(&place.app).await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_object = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let corpus: [&[u8]; 14] = [
        b"{",
        b"{\"a\":}",
        b"{'a':1}",
        b"{\"a\":1,}",
        b"nonsense",
        b"{} {}",
        b"{\"name\":\"\xff\xfe\"}",
        b"\xff\xfe\x00\x01",
        b"{\"a\":1e400}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\\ud800\"}",
        b"\0",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];
    let mut asked = 0;
    let reads_json = |operation: &&domicile_http::operation::Operation| operation.body == BodyKind::Json;
    for operation in operations::all().iter().filter(|operation| !operation.method.is_safe()).filter(reads_json) {
        let path = operation.full_path().replace("{id}", &place.app.house.ambient.ids.uuid().to_string());
        let method: Method = operation.method.as_str().parse().unwrap();
        let ask = || place.app.ask(method.clone(), &path).by(&place.owner).at(place.hostel).seen(1);
        for bytes in corpus {
            let told = ask().raw(bytes).told().await;
            refused(&told, &format!("{} {:?}", operation.id, String::from_utf8_lossy(&bytes[..bytes.len().min(20)])));
            assert_eq!((told.status, told.code()), (400, "INVALID_INPUT"), "{}: {}", operation.id, told.text);
            asked += 1;
        }
        for body in ["[]", "1", "\"x\"", "null", "true"] {
            let told = ask().raw(body).told().await.refuses(400, "VALIDATION_ERROR");
            assert_eq!(told.json["errors"][0]["field"], "body", "{} {body}", operation.id);
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json; charset=latin1",
        ] {
            let told = ask().header("content-type", kind);
            refused(
                &crate::support::Asked(told.0.body("{}")).told().await.refuses(415, "UNSUPPORTED_MEDIA_TYPE"),
                operation.id,
            );
        }
    }
    assert!(asked > 300, "only {asked} bodies were tried");
    // Those that read something else are named here: what a gateway signs, and the form of a page.
    let others = operations::all().iter().filter(|operation| operation.body != BodyKind::Json).map(|one| one.id);
    assert_eq!(others.collect::<Vec<_>>(), ["payments.webhook", "sandbox.press"]);
    for bytes in corpus {
        let told = place.app.post("/api/payments/webhook/sandbox").raw(bytes).told().await;
        refused(&told.refuses(401, "UNAUTHORIZED"), "payments.webhook");
        let told = place.app.post(&place.page).raw(bytes).told().await;
        let expected = if bytes.len() > 1_024 { 413 } else { 415 };
        assert_eq!(told.status, expected, "sandbox.press: {}", told.text);
        let form = place.app.post(&place.page).header("content-type", "application/x-www-form-urlencoded");
        let told = crate::support::Asked(form.0.body(bytes.to_vec())).told().await;
        assert!((400..500).contains(&told.status), "sandbox.press: {}", told.text);
    }
    assert_eq!(written(&place.app).await, before);
    place.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_wrong_is_named_and_nothing_is_written() {
    let place = Place::set().await;
    let before = written(&place.app).await;
    for write in &place.writes {
        let fields = write.body.as_object().unwrap();
        for (field, right) in fields {
            let with = |value: Value| {
                let mut body = write.body.clone();
                body[field.as_str()] = value;
                body
            };
            let same_type = |other: &Value| std::mem::discriminant(other) == std::mem::discriminant(right);
            let wrong = [json!(7.5), json!("x"), json!(true), json!([1]), json!({ "x": 1 }), json!([[]])];
            for value in wrong.into_iter().filter(|value| !same_type(value)) {
                let told = place.send(write, &with(value.clone())).await;
                refused(&told, &format!("{} {field} = {value}", write.path));
                assert_eq!(
                    (told.status, told.code()),
                    (400, "VALIDATION_ERROR"),
                    "{} {field} = {value}: {}",
                    write.path,
                    told.text
                );
                let named = told.json["errors"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|error| error["field"].as_str().unwrap().starts_with(field.as_str()));
                assert!(named, "{} {field} = {value}: {}", write.path, told.text);
            }
            if right.is_string() {
                for text in ["a\0b".to_owned(), "x".repeat(10_000)] {
                    let told = place.send(write, &with(json!(text))).await;
                    refused(&told, &format!("{} {field}", write.path));
                }
            }
            if right.is_number() {
                for number in [json!(-1_000_000), json!(i64::MAX), json!(u64::MAX), json!(1.5)] {
                    refused(
                        &place.send(write, &with(number.clone())).await,
                        &format!("{} {field} = {number}", write.path),
                    );
                }
            }
            if field.contains('_') {
                let mut both = write.body.clone();
                both[camel(field)] = right.clone();
                let told = place.send(write, &both).await.refuses(400, "VALIDATION_ERROR");
                assert_eq!(told.json["errors"][0]["rule"], "repeated", "{} {field}", write.path);
            }
        }
        for unknown in ["colour", "__proto__", "Name", "id", "hostelid"] {
            let mut body = write.body.clone();
            body[unknown] = json!("x");
            let told = place.send(write, &body).await.refuses(400, "VALIDATION_ERROR");
            assert_eq!(
                (&told.json["errors"][0]["field"], &told.json["errors"][0]["rule"]),
                (&json!(unknown), &json!("unknown")),
                "{}",
                write.path
            );
        }
    }
    assert_eq!(written(&place.app).await, before);
    place.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_days_and_words_are_read_strictly() {
    let place = Place::set().await;
    let app = &place.app;
    let before = written(app).await;
    let rooms = place.writes.iter().find(|write| write.path == "/api/rooms").unwrap();
    for price in [
        json!(450),
        json!(450.5),
        json!("450.00"),
        json!({ "amount_minor": -1, "currency": "GHS" }),
        json!({ "amount_minor": 450.5, "currency": "GHS" }),
        json!({ "amount_minor": 450 }),
        json!({ "currency": "GHS" }),
        json!({ "amount_minor": 450, "currency": "XYZ" }),
        json!({ "amount_minor": 450, "currency": "USD" }),
        json!({ "amount_minor": 450, "currency": "GHS", "x": 1 }),
        json!({ "amount_minor": "450", "currency": "GHS" }),
        json!({ "amount_minor": i64::MAX, "currency": "GHS" }),
    ] {
        let mut body = rooms.body.clone();
        body["monthly_price"] = price.clone();
        let told = place.send(rooms, &body).await.refuses(400, "VALIDATION_ERROR");
        let error = &told.json["errors"][0];
        assert!(error["field"].as_str().unwrap().starts_with("monthly_price"), "{price}: {}", told.text);
        if !price.is_object() {
            assert!(
                error["message"].as_str().unwrap().contains(r#"{"amount_minor": 45000, "currency": "GHS"}"#),
                "{price}: {}",
                told.text
            );
        }
    }
    let bookings = place.writes.iter().find(|write| write.path == "/api/bookings").unwrap();
    for day in [
        "2025-02-30",
        "2026-13-01",
        "2026-02-29",
        "tomorrow",
        "",
        "2026-3-1",
        "2026-03-01T00:00:00Z",
        "0000-00-00",
        "99999-01-01",
    ] {
        for field in ["check_in_date", "check_out_date"] {
            let mut body = bookings.body.clone();
            body[field] = json!(day);
            let told = place.send(bookings, &body).await.refuses(400, "VALIDATION_ERROR");
            assert_eq!(told.json["errors"][0]["field"], field, "{day}: {}", told.text);
        }
    }
    for name in ["x".repeat(10_000), "<b></b>".to_owned(), "   ".to_owned(), "\u{202e}".to_owned()] {
        let mut body = rooms.body.clone();
        body["name"] = json!(name);
        let told = place.send(rooms, &body).await.refuses(400, "VALIDATION_ERROR");
        assert_eq!(told.json["errors"][0]["field"], "name");
        assert!(told.text.len() < 2_000, "what was sent is not sent back at length");
    }
    assert_eq!(written(app).await, before);
    place.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn camel_case_of_declared_fields_and_words_in_any_case_are_read() {
    let place = Place::set().await;
    for write in place
        .writes
        .iter()
        .filter(|write| ["/api/rooms", "/api/bookings", "/api/profile", "/api/settings"].contains(&write.path.as_str()))
    {
        let told = place.send(write, &in_camel_case(&write.body)).await;
        assert!(matches!(told.status, 200 | 201), "{}: {}", write.path, told.text);
        // What goes out is snake_case whatever came in.
        assert!(
            told.data().as_object().unwrap().keys().all(|key| key.bytes().all(|b| !b.is_ascii_uppercase())),
            "{}",
            told.text
        );
    }
    let update = place.writes.iter().find(|write| write.path.starts_with("/api/rooms/")).unwrap();
    let told = place.send(update, &json!({ "status": "MAINTENANCE" })).await.is(200);
    assert_eq!(told.data()["status"], "maintenance");
    let (users, email) = (place.writes.iter().find(|write| write.path == "/api/users").unwrap(), "other@test.example");
    let told = place
        .send(users, &json!({ "email": email, "firstName": "Esi", "lastName": "Owusu", "role": "StudenT" }))
        .await
        .is(201);
    assert_eq!((told.data()["role"].as_str(), told.data()["first_name"].as_str()), (Some("student"), Some("Esi")));
    place.app.end().await;
}
