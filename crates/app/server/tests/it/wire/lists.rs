//! Lists over HTTP: pages, filters, cursors (W8), and the kept list of rooms (J20).

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use domicile_kernel::Role;
use serde_json::json;

use crate::support::TestApp;

async fn lists_are_walked_by_page_and_by_cursor(app: TestApp) {
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    for number in 0..25 {
        let price = json!({ "amount_minor": 10_000 + number % 4, "currency": "GHS" });
        let kind = if number % 2 == 0 { "single" } else { "double" };
        let mut body =
            json!({ "name": format!("Room {number:02}"), "room_type": kind, "bed_count": 1, "monthly_price": price });
        if number % 3 != 0 {
            body["floor"] = json!(number % 3);
        }
        app.post("/api/rooms").by(&admin).json(body).told().await.is(201);
        let student = app.member(hostel, Role::Student).await;
        app.stay(hostel, student.id, ["2026-03-01", "2026-04-01"][number % 2]).await;
    }
    let get = async |path: &str| app.get(path).by(&admin).told().await;
    // 25 rooms by hand, and one for each stay.
    let page = get("/api/rooms?limit=20&page=3").await.is(200);
    assert_eq!(page.data().as_array().unwrap().len(), 10);
    assert_eq!(page.json["pagination"], json!({ "page": 3, "limit": 20, "total": 50, "total_pages": 3 }));
    let past = get("/api/rooms?limit=20&page=9").await.is(200);
    assert_eq!(
        (past.data(), &past.json["pagination"]),
        (&json!([]), &json!({ "page": 9, "limit": 20, "total": 50, "total_pages": 3 }))
    );
    assert_eq!(get("/api/rooms").await.data().as_array().unwrap().len(), 20);
    assert_eq!(get("/api/rooms?limit=100").await.data().as_array().unwrap().len(), 50);
    for bad in [
        "limit=0",
        "limit=101",
        "limit=x",
        "page=0",
        "page=-1",
        "sort=beds",
        "colour=red",
        "limit=5&limit=6",
        "cursor=x",
        "floor=high",
        "status=gone",
        "version=1",
    ] {
        get(&format!("/api/rooms?{bad}")).await.refuses(400, "VALIDATION_ERROR");
    }
    let names = |told: &crate::support::Told| -> Vec<String> {
        told.data().as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    let double = get("/api/rooms?room_type=double&sort=-name&limit=3").await.is(200);
    assert_eq!(
        (names(&double), &double.json["pagination"]["total"]),
        (vec!["Room 23".into(), "Room 21".into(), "Room 19".into()], &json!(12))
    );
    let narrow = get("/api/rooms?roomType=DOUBLE&floor=1&max_price=10001&sort=name").await.is(200);
    let expected: Vec<_> =
        (0..25).filter(|n| n % 2 == 1 && n % 3 == 1 && n % 4 <= 1).map(|n| format!("Room {n:02}")).collect();
    assert_eq!(names(&narrow), expected);
    let march = get("/api/bookings?to=2026-03-15&status=PENDING&sort=check_in_date").await.is(200);
    assert_eq!(march.json["pagination"]["total"], 13);

    // By cursor every row comes once, whatever the order.
    let totals = [("rooms", 50), ("bookings", 25), ("users", 26)];
    for (list, sorts) in [
        (
            "rooms",
            &["name", "-name", "monthly_price", "-monthly_price", "floor", "-floor", "created_at", "-created_at"][..],
        ),
        ("bookings", &["created_at", "-created_at", "check_in_date", "-check_in_date"][..]),
        ("users", &["created_at", "-created_at", "first_name", "-last_name", "email", "-email"][..]),
    ] {
        let total = totals.iter().find(|(name, _)| *name == list).unwrap().1;
        for sort in sorts {
            let mut seen = Vec::new();
            let mut cursor = String::new();
            loop {
                let told = get(&format!("/api/v2/{list}?limit=7&sort={sort}{cursor}")).await.is(200);
                seen.extend(
                    told.json["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()),
                );
                let standing = &told.json["pagination"];
                assert_eq!(standing["has_more"], !standing["next_cursor"].is_null());
                let Some(next) = standing["next_cursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
                assert!(seen.len() <= total, "{list} by {sort} goes round in a circle");
            }
            let distinct: BTreeSet<_> = seen.iter().collect();
            assert_eq!((seen.len(), distinct.len()), (total, total), "{list} by {sort}");
            // The same order as by page.
            let by_page = get(&format!("/api/{list}?limit=100&sort={sort}")).await.is(200);
            let paged: Vec<_> =
                by_page.data().as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(seen, paged, "{list} by {sort}");
        }
    }
    let first = get("/api/v2/rooms?limit=7&sort=name").await.is(200);
    let real = first.json["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let mut bent = real.clone().into_bytes();
    bent[3] = if bent[3] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    for (cursor, sort) in [
        ("garbage", "name"),
        ("e30", "name"),
        ("%00", "name"),
        (real.as_str(), "-name"),
        (real.as_str(), "monthly_price"),
    ] {
        let told = get(&format!("/api/v2/rooms?sort={sort}&cursor={cursor}")).await;
        assert_eq!((told.status, told.code()), (400, "INVALID_INPUT"), "{cursor} {sort}: {}", told.text);
    }
    let told = get(&format!("/api/v2/rooms?sort=name&cursor={bent}")).await;
    assert!(matches!(told.status, 200 | 400), "{}", told.text);
    get("/api/v2/rooms?page=2").await.refuses(400, "VALIDATION_ERROR");
    app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_by_page_and_by_cursor_on_sqlite() {
    lists_are_walked_by_page_and_by_cursor(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_by_page_and_by_cursor_on_postgres() {
    lists_are_walked_by_page_and_by_cursor(TestApp::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_write_is_in_the_next_list_of_rooms() {
    const READERS: usize = 4;
    let app = Arc::new(TestApp::sqlite().await);
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let made = app.room(hostel, 1).await;
    let path = format!("/api/rooms/{}", made.id);
    let (acknowledged, over) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicBool::new(false)));
    let mut readers = Vec::new();
    for number in 0..READERS {
        let (app, manager) = (Arc::clone(&app), manager.clone());
        let (acknowledged, over) = (Arc::clone(&acknowledged), Arc::clone(&over));
        readers.push(tokio::spawn(async move {
            let list = ["/api/rooms", "/api/rooms?sort=name", "/api/v2/rooms", "/api/rooms?limit=5"][number];
            let (mut reads, mut changes, mut last) = (0, 0, 0);
            while !over.load(Ordering::SeqCst) {
                let known = acknowledged.load(Ordering::SeqCst);
                let told = app.get(list).by(&manager).told().await.is(200);
                let version = told.data()[0]["version"].as_i64().unwrap();
                assert!(version >= known, "{list} showed version {version} after {known} was acknowledged");
                assert!(version >= last, "{list} showed version {version} after it had shown {last}");
                changes += i64::from(version > last);
                (reads, last) = (reads + 1, version);
            }
            (reads, changes)
        }));
    }
    for version in 1..=200_i64 {
        let floor = version % 100;
        let told = app.put(&path).by(&manager).seen(version).json(json!({ "floor": floor })).told().await.is(200);
        assert_eq!(told.data()["version"], version + 1);
        acknowledged.store(version + 1, Ordering::SeqCst);
        let listed = app.get("/api/rooms").by(&manager).told().await.is(200);
        assert_eq!((&listed.data()[0]["version"], &listed.data()[0]["floor"]), (&json!(version + 1), &json!(floor)));
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        let (reads, changes) = reader.await.unwrap();
        assert!(reads > 50 && changes > 20, "a reader saw {changes} changes in {reads} reads: this proves nothing");
    }
    // A stay changes which beds are free, and so the same list.
    let student = app.member(hostel, Role::Student).await;
    let free = "/api/rooms?available_from=2026-03-01&available_to=2026-06-01";
    assert_eq!(app.get(free).by(&student).told().await.data().as_array().unwrap().len(), 1);
    let body = json!({ "room_id": made.id, "check_in_date": "2026-03-01", "check_out_date": "2026-06-01", "terms_accepted": true });
    let stay = app.post("/api/bookings").by(&student).json(body).told().await.is(201);
    assert_eq!(app.get(free).by(&student).told().await.data(), &json!([]));
    app.put(&format!("/api/bookings/{}/cancel", stay.data()["id"].as_str().unwrap()))
        .by(&student)
        .seen(1)
        .told()
        .await
        .is(200);
    assert_eq!(app.get(free).by(&student).told().await.data().as_array().unwrap().len(), 1);
    Arc::into_inner(app).unwrap().end().await;
}
