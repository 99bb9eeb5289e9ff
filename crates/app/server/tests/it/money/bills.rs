//! Bills follow stays (J32): what is shown before is what is billed, and a changed stay is billed anew by further lines.

use serde_json::{Value, json};

use super::stage::{RENT, Stage, minor, text};
use crate::support::{On, Person};

/// What a bill is before it is made, and what it must be afterwards.
fn outline(bill: &Value) -> Value {
    let names = ["kind", "sequence", "period_from", "period_to", "due_date", "total"];
    names.iter().map(|name| ((*name).to_owned(), bill[*name].clone())).collect::<serde_json::Map<_, _>>().into()
}

fn outlines(bills: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = bills.iter().map(outline).collect();
    all.sort_by_key(|bill| (text(&bill["kind"]), bill["sequence"].as_i64()));
    all
}

/// The sum of what is billed as rent, void bills among them.
fn rent(bills: &[Value]) -> i64 {
    bills.iter().filter(|bill| bill["kind"] == "rent").map(|bill| minor(&bill["total"])).sum()
}

async fn what_is_quoted_is_what_is_billed(on: On) {
    let stage = Stage::on(on).await;
    for (percent, from, to) in [
        (0, "2026-02-01", "2026-06-01"),
        (150, "2026-02-10", "2026-05-25"),
        (100, "2026-01-31", "2026-04-30"),
        (33, "2026-03-01", "2026-04-02"),
    ] {
        stage.terms(json!({ "deposit_percent": percent, "first_due_days": 20 })).await;
        let guest = stage.app.member(stage.hostel, domicile_kernel::Role::Student).await;
        let room = stage.app.room(stage.hostel, 1).await.id;
        let path = format!("/api/quotes?room_id={room}&check_in_date={from}&check_out_date={to}");
        let quoted = stage.app.get(&path).by(&guest).told().await.is(200).data().clone();
        let bills = quoted["invoices"].as_array().unwrap();
        assert_eq!(bills.iter().map(|bill| minor(&bill["total"])).sum::<i64>(), minor(&quoted["total"]), "{quoted}");
        assert_eq!(minor(&quoted["deposit"]), (RENT * percent + 50) / 100);

        let body = json!({ "room_id": room, "check_in_date": from, "check_out_date": to, "terms_accepted": true });
        let asked = stage.app.post("/api/bookings").by(&guest).json(body).told().await.is(201);
        assert_eq!(asked.data()["total_price"], quoted["rent"], "{from} to {to}");
        let booking = text(&asked.data()["id"]);
        assert_eq!(stage.invoices(&booking).await, Vec::<Value>::new(), "nothing is owed before anybody agreed");
        let path = format!("/api/bookings/{booking}/quote");
        assert_eq!(*stage.app.get(&path).by(&guest).told().await.is(200).data(), quoted, "{from} to {to}");
        stage.approve(&booking).await;
        let billed = stage.invoices(&booking).await;
        assert_eq!(outlines(&billed), outlines(bills), "{from} to {to}");
        for bill in &billed {
            assert_eq!((&bill["status"], minor(&bill["paid"])), (&json!("open"), 0));
            assert_eq!(bill["lines"][0]["amount"], bill["total"]);
        }
    }
    stage.the_books_are_right().await;
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_quoted_is_what_is_billed_on_sqlite() {
    what_is_quoted_is_what_is_billed(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_quoted_is_what_is_billed_on_postgres() {
    what_is_quoted_is_what_is_billed(On::Postgres).await;
}

async fn a_stay_that_changes_is_billed_anew_and_no_line_is_taken_back(on: On) {
    let stage = Stage::on(on).await;
    stage.terms(json!({ "deposit_percent": 100 })).await;
    let booking = stage.stay_of(&stage.student, 0, 3).await;
    let path = format!("/api/bookings/{booking}");
    let first = stage.invoices(&booking).await;
    assert_eq!((first.len(), rent(&first)), (4, 3 * RENT));
    // The deposit and two months are paid.
    for bill in &first[..3] {
        stage.pay(bill).await;
    }
    let change = async |body: Value| {
        let seen = stage.app.get(&path).by(&stage.admin).told().await.is(200).data()["version"].as_i64().unwrap();
        let told = stage.app.put(&path).by(&stage.admin).seen(seen).json(body).told().await.is(200);
        let bills = stage.invoices(&booking).await;
        if told.data()["status"] != "cancelled" {
            assert_eq!(rent(&bills), minor(&told.data()["total_price"]), "{}", told.text);
        }
        for bill in &bills {
            let lines = bill["lines"].as_array().unwrap();
            assert_eq!(lines.iter().map(|line| minor(&line["amount"])).sum::<i64>(), minor(&bill["total"]), "{bill}");
            if let Some(before) = first.iter().find(|before| before["id"] == bill["id"]) {
                assert_eq!(lines[0], before["lines"][0], "a line that was billed stands as it was");
            }
        }
        stage.the_books_are_right().await;
        bills
    };
    // Longer by a month and a half.
    let longer = change(json!({ "check_out_date": "2026-06-16" })).await;
    assert_eq!((longer.len(), rent(&longer)), (6, 4 * RENT + RENT / 2));
    assert_eq!(stage.balance(&stage.student).await, 0);
    // Shorter than what is paid already: what is too much is the payer's again.
    let shorter = change(json!({ "check_out_date": "2026-03-01" })).await;
    assert_eq!(rent(&shorter), RENT);
    assert_eq!(stage.balance(&stage.student).await, RENT);
    let credits = shorter.iter().flat_map(|bill| bill["lines"].as_array().unwrap());
    assert!(credits.filter(|line| line["kind"] == "adjustment" && minor(&line["amount"]) < 0).count() >= 3);
    // Longer again: the credit can be spent on it.
    let again = change(json!({ "check_out_date": "2026-04-01" })).await;
    let open = again.iter().find(|bill| bill["status"] == "open").unwrap();
    let body = json!({ "invoice_id": open["id"] });
    stage.app.post("/api/wallet/pay").by(&stage.student).json(body).told().await.is(201);
    assert_eq!(stage.balance(&stage.student).await, 0);
    // Given up: nothing is owed, and everything that was paid is credit, the deposit among it.
    let none = change(json!({ "status": "cancelled" })).await;
    assert!(none.iter().all(|bill| bill["status"] == "void" && minor(&bill["paid"]) == 0), "{none:?}");
    assert_eq!(stage.balance(&stage.student).await, 3 * RENT);
    let told = stage.app.get(&format!("/api/deposits?booking_id={booking}")).by(&stage.student).told().await.is(200);
    assert_eq!(told.data()[0]["status"], "released");
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_that_changes_is_billed_anew_and_no_line_is_taken_back_on_sqlite() {
    a_stay_that_changes_is_billed_anew_and_no_line_is_taken_back(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_that_changes_is_billed_anew_and_no_line_is_taken_back_on_postgres() {
    a_stay_that_changes_is_billed_anew_and_no_line_is_taken_back(On::Postgres).await;
}

async fn who_leaves_early_owes_the_nights_that_were_slept_unless_the_house_says_otherwise(on: On) {
    let stage = Stage::on(on).await;
    for whole in [false, true] {
        let guest = stage.app.member(stage.hostel, domicile_kernel::Role::Student).await;
        let booking = stage.app.stay(stage.hostel, guest.id, "2026-01-20").await.id.to_string();
        stage.approve(&booking).await;
        let agreed = stage.invoices(&booking).await;
        stage.fill(&guest, RENT).await;
        let body = json!({ "invoice_id": agreed[0]["id"] });
        stage.app.post("/api/wallet/pay").by(&guest).json(body).told().await.is(201);
        assert_eq!(stage.balance(&guest).await, 0);

        let path = format!("/api/bookings/{booking}");
        stage.app.put(&format!("{path}/check-in")).by(&stage.admin).seen(2).told().await.is(200);
        let body = if whole { json!({ "bill_whole_stay": true }) } else { json!({}) };
        let leave = stage.app.put(&format!("{path}/check-out")).by(&stage.admin).seen(3).json(body);
        let left = leave.told().await.is(200).data().clone();
        let bills = stage.invoices(&booking).await;
        assert_eq!(rent(&bills), minor(&left["total_price"]));
        if whole {
            assert_eq!((rent(&bills), &left["check_out_date"]), (rent(&agreed), &agreed.last().unwrap()["period_to"]));
            assert_eq!(stage.balance(&guest).await, 0);
        } else {
            // One night of a January.
            assert_eq!((rent(&bills), &left["check_out_date"]), ((RENT + 15) / 31, &json!("2026-01-21")));
            assert_eq!(stage.balance(&guest).await, RENT - (RENT + 15) / 31);
            assert!(bills[1..].iter().all(|bill| bill["status"] == "void"), "{bills:?}");
        }
        stage.the_books_are_right().await;
    }
    stage.app.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_early_owes_the_nights_that_were_slept_unless_the_house_says_otherwise_on_sqlite() {
    who_leaves_early_owes_the_nights_that_were_slept_unless_the_house_says_otherwise(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_early_owes_the_nights_that_were_slept_unless_the_house_says_otherwise_on_postgres() {
    who_leaves_early_owes_the_nights_that_were_slept_unless_the_house_says_otherwise(On::Postgres).await;
}

async fn who_moves_to_another_room_owes_each_night_by_the_price_of_its_room(on: On) {
    let stage = Stage::on(on).await;
    let guest = stage.app.member(stage.hostel, domicile_kernel::Role::Student).await;
    let booking = stage.app.stay(stage.hostel, guest.id, "2026-01-20").await.id.to_string();
    stage.approve(&booking).await;
    stage.fill(&guest, 2 * RENT).await;
    let agreed = stage.invoices(&booking).await;
    for bill in &agreed[..2] {
        let body = json!({ "invoice_id": bill["id"] });
        stage.app.post("/api/wallet/pay").by(&guest).json(body).told().await.is(201);
    }
    let path = format!("/api/bookings/{booking}");
    stage.app.put(&format!("{path}/check-in")).by(&stage.admin).seen(2).told().await.is(200);
    let room = async |price: i64| {
        let money = json!({ "amount_minor": price, "currency": "GHS" });
        let name = format!("For {price}");
        let body = json!({ "name": name, "room_type": "single", "bed_count": 1, "monthly_price": money });
        text(&stage.app.post("/api/rooms").by(&stage.admin).json(body).told().await.is(201).data()["id"])
    };
    let (suite, closet) = (room(2 * RENT).await, room(RENT / 2).await);

    // The second month begins on the 20th of February, and a February has 28 days: five nights, then 23 at the new price.
    let (stage, guest) = later(stage, guest, 36).await;
    let body = json!({ "room_id": suite });
    let moved = stage.app.put(&path).by(&stage.admin).seen(3).json(body).told().await.is(200).data().clone();
    let part = |days: i64, price: i64| (price * (28 + days) * 2 + 28) / 56;
    let second = part(5, RENT) + 4 * RENT - part(5, 2 * RENT) - RENT;
    let earlier = json!([{ "until": "2026-02-25", "monthly_price": { "amount_minor": RENT, "currency": "GHS" } }]);
    assert_eq!((minor(&moved["total_price"]), &moved["earlier_prices"]), (RENT + second + 2 * RENT, &earlier));
    let bills = stage.invoices(&booking).await;
    let totals: Vec<_> = bills.iter().map(|bill| (minor(&bill["total"]), bill["status"].as_str().unwrap())).collect();
    assert_eq!(totals, [(RENT, "paid"), (second, "partially_paid"), (2 * RENT, "open")]);
    assert_eq!(bills[0], agreed_after(&agreed[0], &bills[0]), "a month that is over is not billed anew");
    assert_eq!(stage.balance(&guest).await, 0);
    // What is quoted for it is what is billed.
    let quoted = stage.app.get(&format!("{path}/quote")).by(&guest).told().await.is(200).data().clone();
    let amounts = |bills: &[Value]| bills.iter().map(|bill| minor(&bill["total"])).collect::<Vec<_>>();
    assert_eq!(amounts(quoted["invoices"].as_array().unwrap()), amounts(&bills));
    let read = stage.app.get(&path).by(&guest).told().await.is(200).data().clone();
    assert_eq!(read["earlier_prices"], earlier);
    stage.the_books_are_right().await;

    // Into the closet on the day before the end of the second month, and gone ten days later: nothing comes back of what was
    // slept before.
    let (stage, guest) = later(stage, guest, 22).await;
    let body = json!({ "room_id": closet });
    let cheaper = stage.app.put(&path).by(&stage.admin).seen(4).json(body).told().await.is(200).data().clone();
    assert_eq!(cheaper["earlier_prices"].as_array().unwrap().len(), 2);
    let bills = stage.invoices(&booking).await;
    assert_eq!((minor(&bills[0]["total"]), minor(&bills[2]["total"])), (RENT, RENT / 2));
    let one_night = (2 * RENT - RENT / 2 + 14) / 28;
    assert!((second - one_night - minor(&bills[1]["total"])).abs() <= 1, "{bills:?}");
    let (stage, _guest) = later(stage, guest, 10).await;
    let left = stage.app.put(&format!("{path}/check-out")).by(&stage.admin).seen(5).told().await.is(200);
    let bills = stage.invoices(&booking).await;
    assert_eq!(rent(&bills), minor(&left.data()["total_price"]));
    // Nine nights of the month from the 20th of March, which has 31 days.
    assert_eq!(minor(&bills[2]["total"]), (RENT / 2 * 9 * 2 + 31) / 62);
    stage.the_books_are_right().await;
    stage.app.end().await;
}

/// The same people so many days later, with new sessions.
async fn later(stage: Stage, guest: Person, days: u64) -> (Stage, Person) {
    stage.app.clock.advance(std::time::Duration::from_hours(24 * days));
    let again = async |person: &Person| stage.app.session_of(person.id, person.email.clone(), person.hostel).await;
    let (admin, student, guest) = (again(&stage.admin).await, again(&stage.student).await, again(&guest).await);
    (Stage { admin, student, ..stage }, guest)
}

/// A bill as it was made, with what was paid of it since.
fn agreed_after(agreed: &Value, paid: &Value) -> Value {
    let mut bill = agreed.clone();
    for name in ["paid", "open", "status", "version", "updated_at"] {
        bill[name] = paid[name].clone();
    }
    bill
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_to_another_room_owes_each_night_by_the_price_of_its_room_on_sqlite() {
    who_moves_to_another_room_owes_each_night_by_the_price_of_its_room(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_to_another_room_owes_each_night_by_the_price_of_its_room_on_postgres() {
    who_moves_to_another_room_owes_each_night_by_the_price_of_its_room(On::Postgres).await;
}

/// Whoever reads after the answer to a move sees its bills, and a move that is refused makes none.
#[tokio::test(flavor = "multi_thread")]
async fn bills_are_there_with_the_answer_and_never_without_it() {
    let stage = Stage::on(On::Sqlite).await;
    let stay = stage.app.stay(stage.hostel, stage.student.id, "2026-03-01").await;
    let booking = stay.id.to_string();
    let path = format!("/api/bookings/{booking}/approve");
    stage.app.put(&path).by(&stage.admin).seen(7).told().await.refuses(409, "VERSION_CONFLICT");
    assert_eq!(stage.invoices(&booking).await.len(), 0);
    let key = || stage.app.put(&path).by(&stage.admin).seen(1).header("idempotency-key", "approve-once");
    key().told().await.is(200);
    assert_eq!(stage.invoices(&booking).await.len(), 3);
    key().told().await.is(200);
    assert_eq!(stage.invoices(&booking).await.len(), 3);
    let rejected = stage.app.stay(stage.hostel, stage.student.id, "2026-08-01").await;
    let path = format!("/api/bookings/{}/reject", rejected.id);
    stage.app.put(&path).by(&stage.admin).seen(1).told().await.is(200);
    assert_eq!(stage.invoices(&rejected.id.to_string()).await.len(), 0);
    let due = stage.app.get("/api/invoices?due_until=2026-04-01&sort=due_date").by(&stage.student).told().await.is(200);
    assert_eq!(due.json["pagination"]["total"], 2, "{}", due.text);
    assert!(due.data()[0]["due_date"].as_str() < due.data()[1]["due_date"].as_str());
    stage.app.end().await;
}
