//! Whose money is whose: a student's is the student's and the house's, and a house's is no business of another.

use domicile_kernel::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{RENT, Stage, ghs, minor, text};
use crate::support::{On, Person};

/// Somebody with everything: a paid deposit and rent, a refund, credit in the wallet. The routes that read it.
async fn everything_of(stage: &Stage) -> (String, Vec<String>) {
    stage.terms(json!({ "deposit_percent": 100 })).await;
    let booking = stage.stay_of(&stage.student, 0, 2).await;
    let bills = stage.invoices(&booking).await;
    stage.pay(&bills[0]).await;
    let begun = stage.pay(&bills[1]).await;
    let refund = stage.refund(&begun, 100).told().await.is(201);
    stage.fill(&stage.student, 5_000).await;
    stage.rest().await;
    let deposit = stage.app.get("/api/deposits").by(&stage.student).told().await.is(200);
    let reads = vec![
        begun.path(),
        format!("{}/receipt", begun.path()),
        format!("{}/refunds", begun.path()),
        format!("/api/payments/verify/{}", begun.reference),
        format!("/api/refunds/{}", text(&refund.data()["id"])),
        format!("/api/invoices/{}", text(&bills[1]["id"])),
        format!("/api/deposits/{}", text(&deposit.data()[0]["id"])),
        format!("/api/bookings/{booking}/quote"),
    ];
    (booking, reads)
}

const LISTS: [&str; 3] = ["/api/payments", "/api/invoices", "/api/deposits"];

async fn a_student_sees_their_own_money_and_nobody_elses(on: On) {
    let stage = Stage::on(on).await;
    let (booking, reads) = everything_of(&stage).await;
    let neighbour = stage.app.member(stage.hostel, Role::Student).await;
    let staff = stage.app.member(stage.hostel, Role::Staff).await;
    let manager = stage.app.member(stage.hostel, Role::Manager).await;
    let get = async |path: &str, who: &Person| stage.app.get(path).by(who).told().await;
    for path in &reads {
        for who in [&stage.student, &manager, &stage.admin] {
            get(path, who).await.is(200);
        }
        for stranger in [&neighbour, &staff] {
            let told = get(path, stranger).await.refuses(403, "FORBIDDEN");
            assert!(!told.text.contains(&stage.student.id.to_string()), "{path}: {}", told.text);
        }
    }
    for path in LISTS {
        let own = get(path, &stage.student).await.is(200).json["pagination"]["total"].as_u64().unwrap();
        assert!(own > 0, "{path}");
        assert_eq!(get(path, &manager).await.is(200).json["pagination"]["total"], own, "{path}");
        for stranger in [&neighbour, &staff] {
            assert_eq!(get(path, stranger).await.is(200).json["pagination"]["total"], 0, "{path}");
            let filtered = get(&format!("{path}?user_id={}", stage.student.id), stranger).await;
            filtered.refuses(403, "FORBIDDEN");
            let by_stay = get(&format!("{path}?booking_id={booking}"), stranger).await.is(200);
            assert_eq!(*by_stay.data(), json!([]), "{path}");
        }
    }
    assert_eq!((stage.balance(&neighbour).await, stage.balance(&stage.student).await), (0, 5_000));
    let statement = format!("/api/billing/statement?from=2026-01-01&to=2026-02-01&user_id={}", stage.student.id);
    get(&statement, &neighbour).await.refuses(403, "FORBIDDEN");
    get(&statement, &manager).await.is(200);
    get("/api/admin/ledger/journals", &stage.student).await.refuses(403, "INSUFFICIENT_PERMISSIONS");
    // Nobody pays in somebody else's name; the house may, and it stays the student's payment.
    let open = stage.invoices(&booking).await.into_iter().find(|bill| bill["status"] == "open").unwrap();
    let body = json!({ "invoice_id": open["id"], "amount": ghs(1_000) });
    stage.initialize(&neighbour, body.clone()).told().await.refuses(403, "FORBIDDEN");
    let told = stage.initialize(&manager, body).told().await.is(201);
    assert_eq!(told.data()["payment"]["user_id"], json!(stage.student.id));
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_sees_their_own_money_and_nobody_elses_on_sqlite() {
    a_student_sees_their_own_money_and_nobody_elses(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_sees_their_own_money_and_nobody_elses_on_postgres() {
    a_student_sees_their_own_money_and_nobody_elses(On::Postgres).await;
}

async fn another_hostels_money_is_as_unknown_as_none(on: On) {
    let stage = Stage::on(on).await;
    let (booking, reads) = everything_of(&stage).await;
    let there = stage.app.hostel("Akosombo House").await;
    let others = [
        stage.app.member(there, Role::Manager).await,
        stage.app.member(there, Role::Admin).await,
        Person { hostel: Some(there), ..stage.app.super_admin().await },
    ];
    let unknown = stage.app.house.ambient.ids.uuid().to_string();
    // The one id of a path, and the same path with an id that nobody has.
    let without = |path: &str| {
        let id = path.split('/').find(|part| part.len() >= 36).unwrap();
        path.replace(id, &if path.contains("/verify/") { format!("pay-{unknown}") } else { unknown.clone() })
    };
    let payment = &reads[0];
    let invoice = reads.iter().find(|path| path.contains("invoices")).unwrap().rsplit('/').next().unwrap().to_owned();
    let deposit = reads.iter().find(|path| path.contains("deposits")).unwrap();
    let refund = reads.iter().find(|path| path.starts_with("/api/refunds")).unwrap();
    let money = json!({ "amount": ghs(1), "reason": "x" });
    let mut questions: Vec<(Method, String, Value)> =
        reads.iter().map(|path| (Method::GET, path.clone(), Value::Null)).collect();
    questions.extend([
        (Method::POST, format!("{payment}/refund"), money),
        (Method::POST, format!("{payment}/apply"), json!({ "invoice_id": invoice })),
        (Method::POST, format!("{refund}/retry"), json!({ "account_number": "0123456789", "bank_id": "9" })),
        (Method::PUT, format!("{deposit}/assess"), json!({ "deductions": [] })),
        (Method::PUT, format!("{deposit}/answer"), json!({ "accepted": true })),
        (Method::PUT, format!("{deposit}/settle"), json!({})),
    ]);
    let before = minor(&stage.app.get(payment).by(&stage.admin).told().await.is(200).data()["refunded"]);
    for (method, path, body) in &questions {
        for person in &others {
            let ask = async |path: &str| {
                let asked = stage.app.ask(method.clone(), path).by(person).seen(1);
                let asked = if body.is_null() { asked } else { asked.json(body.clone()) };
                asked.told().await
            };
            let (of_foreign, of_none) = (ask(path).await, ask(&without(path)).await);
            // Who may not ask at all is told that, of both alike.
            let refused = [404, 403].contains(&of_foreign.status) && (of_foreign.code() != "FORBIDDEN");
            assert!(refused, "{method} {path}: {}", of_foreign.text);
            let (foreign, none) = (of_foreign.without_who_and_when(), of_none.without_who_and_when());
            assert_eq!(foreign, none, "{method} {path}");
        }
        let admin = stage.app.ask(method.clone(), path).by(&others[1]).seen(1);
        let admin = if body.is_null() { admin } else { admin.json(body.clone()) };
        admin.told().await.refuses(404, "NOT_FOUND");
    }
    // Named in a body or a filter, it is no different.
    for person in &others {
        for field in ["invoice_id", "booking_id"] {
            let ask = async |id: &str| stage.initialize(person, json!({ field: id })).told().await;
            let foreign = if field == "invoice_id" { &invoice } else { &booking };
            let (of_foreign, of_none) = (ask(foreign).await.is(404), ask(&unknown).await.is(404));
            assert_eq!(of_foreign.without_who_and_when(), of_none.without_who_and_when(), "{field}");
        }
        for path in LISTS {
            let told = stage.app.get(&format!("{path}?booking_id={booking}")).by(person).told().await.is(200);
            assert_eq!(*told.data(), json!([]), "{path}");
        }
        let room = stage.app.get(&format!("/api/bookings/{booking}")).by(&stage.admin).told().await.is(200);
        let room = text(&room.data()["room_id"]);
        let quote =
            |room: &str| format!("/api/quotes?room_id={room}&check_in_date=2026-03-01&check_out_date=2026-06-01");
        let ask = async |room: &str| stage.app.get(&quote(room)).by(person).told().await.is(404);
        assert_eq!(ask(&room).await.without_who_and_when(), ask(&unknown).await.without_who_and_when());
        let statement = format!("/api/billing/statement?from=2026-01-01&to=2026-02-01&user_id={}", stage.student.id);
        let nobody = format!("/api/billing/statement?from=2026-01-01&to=2026-02-01&user_id={unknown}");
        let (of_foreign, of_none) =
            (stage.app.get(&statement).by(person).told().await, stage.app.get(&nobody).by(person).told().await);
        assert_eq!(of_foreign.without_who_and_when(), of_none.without_who_and_when(), "a statement of a stranger");
    }
    let wallet = async |person: &str| {
        stage
            .app
            .get(&format!("/api/wallet?user_id={person}"))
            .by(&others[1])
            .told()
            .await
            .is(404)
            .without_who_and_when()
    };
    assert_eq!(wallet(&stage.student.id.to_string()).await, wallet(&unknown).await, "a stranger's wallet");
    for path in
        ["/api/admin/ledger/journals", "/api/admin/ledger/balances", "/api/admin/ledger/quarantine", "/api/payments"]
    {
        assert_eq!(*stage.app.get(path).by(&others[1]).told().await.is(200).data(), json!([]), "{path}");
    }
    let after = stage.app.get(payment).by(&stage.admin).told().await.is(200);
    assert_eq!((minor(&after.data()["refunded"]), minor(&after.data()["amount"])), (before, RENT));
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hostels_money_is_as_unknown_as_none_on_sqlite() {
    another_hostels_money_is_as_unknown_as_none(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hostels_money_is_as_unknown_as_none_on_postgres() {
    another_hostels_money_is_as_unknown_as_none(On::Postgres).await;
}
