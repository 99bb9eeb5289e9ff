//! Who is told what: one table of every event that any domain can record, against everybody who may hold a socket. The answers
//! are what running sockets heard, live and once more from the log; no code that decides is asked.

use std::collections::{BTreeMap, BTreeSet};

use domicile_access::events::Happening;
use domicile_billing::events::Change as MoneyChange;
use domicile_booking::{
    CancelBooking, CheckOutBooking,
    events::{BookingChange, RoomChange},
    model::{BookingId, RoomId},
};
use domicile_kernel::{HostelId, Role, Scope};
use domicile_tenancy::events::Happened;
use domicile_testkit::socket::{Client, Got, auth, kind};
use serde_json::{Value, json};

use super::crowd::seq;
use crate::{
    money::stage::{Begun, ghs, press, text},
    support::{Person, TestApp},
};

/// Everybody who may hold a socket in the hostel: the roles, whom it happened to (a student), and another student, whom nothing
/// happens to.
const COLUMNS: [&str; 10] =
    ["student", "resident", "professional", "guard", "staff", "manager", "admin", "super_admin", "themself", "another"];

/// `x` is told, `.` is not.
#[rustfmt::skip]
const TABLE: &[(&str, [char; 10])] = &[
    //                         stud resi prof guar staf mana admi supe self othe
    ("booking.created",       ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("booking.approved",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("booking.updated",       ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("booking.cancelled",     ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("room.created",          ['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x']),
    ("room.updated",          ['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x']),
    ("room.deleted",          ['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x']),
    ("user.created",          ['.', '.', '.', '.', '.', 'x', 'x', 'x', '.', '.']),
    ("user.updated",          ['.', '.', '.', '.', '.', 'x', 'x', 'x', '.', '.']),
    ("user.deleted",          ['.', '.', '.', '.', '.', 'x', 'x', 'x', '.', '.']),
    ("profile.updated",       ['.', '.', '.', '.', '.', '.', '.', '.', 'x', '.']),
    ("session.revoked",       ['.', '.', '.', '.', '.', '.', '.', '.', '.', '.']),
    // Of the installation, and so in no hostel's log: no socket of a hostel hears them.
    ("hostel.created",        ['.', '.', '.', '.', '.', '.', '.', '.', '.', '.']),
    ("hostel.updated",        ['.', '.', '.', '.', '.', '.', '.', '.', '.', '.']),
    ("settings.updated",      ['.', '.', '.', '.', '.', '.', 'x', 'x', '.', '.']),
    ("feature_flags.updated", ['x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x']),
    ("invoice.issued",        ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("invoice.paid",          ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("invoice.adjusted",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("payment.completed",     ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("payment.failed",        ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("payment.updated",       ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("payment.refunded",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.held",          ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.reduced",       ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.assessed",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.answered",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.settled",       ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
    ("deposit.released",      ['.', '.', '.', '.', '.', 'x', 'x', 'x', 'x', '.']),
];

/// Domain crates that record events, as [`kinds`] collects them.
const RECORDING: &[&str] = &["access", "billing", "booking", "tenancy"];

/// Every kind that any domain can record.
fn kinds() -> BTreeSet<&'static str> {
    let access = Happening::ALL.iter().map(|happening| happening.kind());
    let bookings = BookingChange::ALL.iter().map(|change| change.kind());
    let rooms = RoomChange::ALL.iter().map(|change| change.kind());
    let money = MoneyChange::ALL.iter().filter_map(|change| change.kind());
    access.chain(bookings).chain(rooms).chain(money).chain(Happened::KINDS.iter().copied()).collect()
}

#[test]
fn every_event_that_a_domain_can_record_has_a_row() {
    let domains = concat!(env!("CARGO_MANIFEST_DIR"), "/../../domain");
    let mut recording: Vec<String> = std::fs::read_dir(domains)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("src/events.rs").is_file() || path.join("src/events").is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    recording.sort();
    assert_eq!(recording, RECORDING, "a domain records events that `kinds` does not collect");
    let rows: BTreeSet<&str> = TABLE.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(rows.len(), TABLE.len(), "a kind has two rows");
    assert_eq!(rows, kinds(), "rows and kinds differ");
}

/// What is told at a socket up to a word of its own: the pong of a ping sent once the log's end was seen elsewhere.
struct Listener {
    column: &'static str,
    person: Person,
    client: Client,
    start: i64,
}

impl Listener {
    async fn at(app: &TestApp, hostel: HostelId, column: &'static str, person: Person) -> Self {
        let mut client = Client::connect(&app.base).await;
        let start = client.auth(&person.token, &hostel.to_string(), None).await["seq"].as_i64().unwrap();
        Self { column, person, client, start }
    }

    /// Everything up to the last event, or up to the end of the socket.
    async fn heard(&mut self, last: &str) -> Vec<Value> {
        let mut came = Vec::new();
        loop {
            match self.client.next().await {
                Got::Message(message) if seq(&message).is_some() => {
                    let over = message["data"]["name"] == last;
                    if over {
                        return came;
                    }
                    came.push(message);
                }
                Got::Message(_) | Got::Ping => {}
                Got::Closed(4_401 | 4_403, _) => return came,
                end => panic!("{} ended with {end:?}", self.column),
            }
        }
    }

    /// The same from the log, over another socket.
    async fn replayed(&self, app: &TestApp, hostel: HostelId) -> Vec<Value> {
        let mut client = Client::connect(&app.base).await;
        client.send(&auth(&self.person.token, &hostel.to_string(), Some(self.start))).await;
        let came = client.until(|message| kind(message) == "live").await;
        came.into_iter().filter(|message| seq(message).is_some()).collect()
    }
}

fn role_of(column: &str) -> Role {
    Role::parse(column).unwrap_or(Role::Student)
}

/// Makes everything happen that can happen to money, to this person's.
async fn money_moves(app: &TestApp, hostel: HostelId, admin: &Person, themself: &Person) {
    let call = app.house.operator(Scope::Hostel(hostel));
    let desk = &app.house.front_desk;
    let terms = json!({ "deposit_percent": 100 });
    app.put("/api/billing/terms").by(admin).seen(0).json(terms).told().await.is(200);
    // Two stays with deposits: one that is lived in, and one that is given up.
    let mut stays = Vec::new();
    for from in ["2026-01-20", "2026-10-01"] {
        let stay = app.stay(hostel, themself.id, from).await;
        let id = BookingId::from(stay.id.uuid());
        let approved = desk.approve_booking(&call, id, stay.version).await.unwrap();
        stays.push((id, approved.version));
    }
    desk.cancel_booking(&call, stays[1].0, stays[1].1, CancelBooking::default()).await.unwrap();
    let path = format!("/api/invoices?booking_id={}", stays[0].0);
    let bills = app.get(&path).by(themself).told().await.is(200).data().clone();
    for (bill, action) in [(0, "decline"), (0, "pay"), (1, "pay")] {
        let body = json!({ "invoice_id": bills[bill]["id"] });
        let begun = Begun::of(&app.post("/api/payments/initialize").by(themself).json(body).told().await.is(201));
        press(&app.client, &begun.url, action).await;
        let verified = app.get(&format!("/api/payments/verify/{}", begun.reference)).by(themself).told().await;
        verified.is(if action == "pay" { 200 } else { 402 });
        // A little of the deposit goes back, and of the rent.
        if action == "pay" {
            let body = json!({ "amount": ghs(100), "reason": "Goodwill" });
            app.post(&format!("{}/refund", begun.path())).by(admin).json(body).told().await.is(201);
        }
    }
    let inside = desk.check_in_booking(&call, stays[0].0, stays[0].1).await.unwrap();
    desk.check_out_booking(&call, stays[0].0, inside.version, CheckOutBooking::default()).await.unwrap();
    let path = format!("/api/deposits?booking_id={}", stays[0].0);
    let deposit = app.get(&path).by(themself).told().await.is(200).data()[0].clone();
    let (path, mut version) = (format!("/api/deposits/{}", text(&deposit["id"])), deposit["version"].as_i64().unwrap());
    let broken = json!({ "deductions": [{ "description": "A window", "amount": ghs(100) }] });
    for (who, verb, body) in [
        (admin, "assess", broken),
        (themself, "answer", json!({ "accepted": true })),
        (admin, "settle", json!({ "to": "wallet" })),
    ] {
        let told = app.put(&format!("{path}/{verb}")).by(who).seen(version).json(body).told().await.is(200);
        version = told.data()["version"].as_i64().unwrap();
    }
}

/// Makes everything happen that can happen, to this person where it happens to somebody.
async fn everything_happens(app: &TestApp, hostel: HostelId, owner: &Person, admin: &Person, themself: &Person) {
    money_moves(app, hostel, admin, themself).await;
    let call = app.house.operator(Scope::Hostel(hostel));
    let desk = &app.house.front_desk;
    // A stay that goes its way, and one that is given up.
    for (from, goes) in [("2026-01-20", true), ("2026-06-01", false)] {
        let stay = app.stay(hostel, themself.id, from).await;
        let id = BookingId::from(stay.id.uuid());
        if goes {
            let approved = desk.approve_booking(&call, id, stay.version).await.unwrap();
            let inside = desk.check_in_booking(&call, id, approved.version).await.unwrap();
            desk.check_out_booking(&call, id, inside.version, CheckOutBooking::default()).await.unwrap();
        } else {
            desk.cancel_booking(&call, id, stay.version, CancelBooking::default()).await.unwrap();
        }
    }
    let room = app.room(hostel, 1).await;
    let path = format!("/api/rooms/{}", RoomId::from(room.id.uuid()).uuid());
    app.put(&path).by(admin).seen(1).json(json!({ "floor": 2 })).told().await.is(200);
    app.delete(&path).by(admin).seen(2).told().await.is(200);
    app.member(hostel, Role::Staff).await;
    let user = format!("/api/users/{}", themself.id);
    app.put(&user).by(admin).seen(1).json(json!({ "first_name": "Esi" })).told().await.is(200);
    let profile = app.get("/api/profile").by(themself).told().await.is(200);
    let version = profile.data()["version"].as_i64().unwrap();
    app.put("/api/profile").by(themself).seen(version).json(json!({ "program": "Physics" })).told().await.is(200);
    let elsewhere = app.session_of(themself.id, themself.email.clone(), Some(hostel)).await;
    app.delete(&format!("/api/auth/sessions/{}", elsewhere.session)).by(themself).told().await.is(200);
    let settings = app.house.tenancy.settings(&call).await.unwrap().version;
    let body = json!({ "pending_hold_hours": 71 });
    app.put("/api/settings").by(admin).seen(settings).json(body).told().await.is(200);
    let flags = json!({ "flags": { "shuttle_booking": false } });
    app.put("/api/admin/feature-flags").by(admin).json(flags).told().await.is(200);
    let body = json!({ "name": "Volta Hall Annex" });
    app.put(&format!("/api/admin/hostels/{hostel}")).by(owner).seen(1).json(body).told().await.is(200);
    let member = app.get(&user).by(admin).told().await.is(200);
    let version = member.data()["version"].as_i64().unwrap();
    app.delete(&user).by(owner).at(hostel).seen(version).told().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_what_the_table_says_and_nothing_else() {
    const LAST: &str = "The last room";
    let app = TestApp::sqlite().await;
    let hostel = app.hostel("Volta Hall").await;
    let mut people = BTreeMap::new();
    for column in COLUMNS {
        let person = match role_of(column) {
            Role::SuperAdmin => app.super_admin().await,
            _ if column == "themself" => {
                let email = "themself@test.example";
                let id = app.member_with_password(hostel, Role::Student, email).await;
                app.session_of(id, email.to_owned(), Some(hostel)).await
            }
            role => app.member(hostel, role).await,
        };
        people.insert(column, person);
    }
    app.settle().await;
    let mut listeners = Vec::new();
    for column in COLUMNS {
        listeners.push(Listener::at(&app, hostel, column, people[column].clone()).await);
    }
    everything_happens(&app, hostel, &people["super_admin"], &people["admin"], &people["themself"]).await;
    app.place(&people["admin"], LAST, 1).await;

    // Live, and from the log: the same.
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for listener in &mut listeners {
        let live = listener.heard(LAST).await;
        let own = listener.person.id.to_string();
        let may_see_all = ["manager", "admin", "super_admin"].contains(&listener.column);
        for event in &live {
            let person = &event["user_id"];
            assert!(may_see_all || person.is_null() || *person == own, "{} heard {event}", listener.column);
        }
        // Nobody deleted comes in again.
        if listener.column != "themself" {
            let mut replayed = listener.replayed(&app, hostel).await;
            assert_eq!(replayed.pop().unwrap()["data"]["name"], LAST);
            assert_eq!(replayed, live, "{}: live and from the log are not the same", listener.column);
        }
        told.entry(listener.column).or_default().extend(live.iter().map(|event| kind(event).to_owned()));
    }

    // Nor from the log of the hostel that was made, for whoever may enter it.
    let made = app.hostel("Legon Hall").await;
    app.settle().await;
    for listener in &listeners {
        let mut client = Client::connect(&app.base).await;
        client.send(&auth(&listener.person.token, &made.to_string(), Some(0))).await;
        if listener.column == "super_admin" {
            let came = client.until(|message| kind(message) == "live").await;
            let kinds = came.iter().filter(|message| seq(message).is_some()).map(|event| kind(event).to_owned());
            told.entry(listener.column).or_default().extend(kinds);
        } else {
            let (code, reason) = client.closed().await;
            assert!(matches!(code, 4_401 | 4_403), "{}: {code} {reason}", listener.column);
        }
    }

    let mut owner = app.owner().await;
    let happened = owner.texts("SELECT DISTINCT kind FROM events ORDER BY kind").await.concat();
    for kind in kinds() {
        assert!(happened.iter().any(|name| name == kind), "{kind} did not happen: the table was not tried");
    }
    let rows: BTreeMap<&str, &[char; 10]> = TABLE.iter().map(|(kind, row)| (*kind, row)).collect();
    let mut wrong = Vec::new();
    for kind in &happened {
        let row = rows.get(kind.as_str()).unwrap_or_else(|| panic!("{kind} has no row"));
        for (column, expected) in COLUMNS.iter().zip(row.iter()) {
            let heard = told[column].contains(kind);
            if heard != (*expected == 'x') {
                wrong.push(format!("{column} {} {kind}", if heard { "heard" } else { "did not hear" }));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table: {wrong:#?}");
    drop((owner, listeners));
    app.end().await;
}
