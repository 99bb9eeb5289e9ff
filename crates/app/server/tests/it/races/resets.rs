//! Clients that go away in the middle of asking for a bed: each booking is whole, with its event, its audit row and the end
//! of its hold, or it is not there at all.

use std::time::Duration;

use domicile_kernel::Role;
use domicile_testkit::{barrier::race, store::Owner};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Dice, Person, TestApp, stay};

const GUESTS: usize = 20;
const ROUNDS: u64 = 10;

/// The request as it goes over the wire.
fn on_the_wire(app: &TestApp, person: &Person, room: &str, from: u64) -> Vec<u8> {
    let body = stay(room, from, from + 1).to_string();
    let (token, hostel, length) = (&person.token, person.hostel.unwrap(), body.len());
    let host = app.base.trim_start_matches("http://");
    format!(
        "POST /api/bookings HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nX-Hostel-ID: {hostel}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends so many bytes, waits, and resets the connection without a farewell.
async fn send_and_vanish(address: String, bytes: Vec<u8>, patience: Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_zero_linger().unwrap();
    stream.write_all(&bytes).await.unwrap();
    tokio::time::sleep(patience).await;
    drop(stream);
}

/// How many bookings there are once no more come.
async fn at_rest(owner: &mut Owner) -> i64 {
    let (mut last, mut same) = (-1, 0);
    for _ in 0..200 {
        let now = owner.number("SELECT count(*) FROM bookings").await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same == 5 {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("bookings go on coming");
}

async fn a_client_that_resets_the_connection_leaves_a_booking_whole_or_absent(app: TestApp) {
    let mut dice = Dice::thrown("resets");
    let hostel = app.hostel("Volta Hall").await;
    let manager = app.member(hostel, Role::Manager).await;
    let guests = app.students(hostel, GUESTS).await;
    let place = app.place(&manager, "Hall", GUESTS).await;
    let ask =
        |guest: usize, from: u64| app.post("/api/bookings").by(&guests[guest]).json(stay(&place.room, from, from + 1));

    // How long a round takes when everybody stays for the answer: so long is there something to cut short.
    let patient = race(GUESTS, |guest| ask(guest, 0).told()).await;
    let spread = u64::try_from(patient.took().as_micros()).unwrap();
    for told in patient.assert_overlapped() {
        told.is(201);
    }

    for round in 1..=ROUNDS {
        let tries: Vec<(Vec<u8>, Duration)> = (0..GUESTS)
            .map(|guest| {
                let mut bytes = on_the_wire(&app, &guests[guest], &place.room, round);
                if dice.below(5) == 0 {
                    bytes.truncate(usize::try_from(dice.below(bytes.len() as u64)).unwrap());
                }
                // Short waits more often: the first to be served are done long before the last.
                let longest = dice.below(spread);
                (bytes, Duration::from_micros(dice.below(longest)))
            })
            .collect();
        let address = app.base.trim_start_matches("http://");
        let gone = race(GUESTS, |guest| {
            let (bytes, patience) = tries[guest].clone();
            send_and_vanish(address.to_owned(), bytes, patience)
        });
        let _all_gone = gone.await.assert_overlapped();
    }

    let mut owner = app.owner().await;
    let bookings = at_rest(&mut owner).await;
    app.settle().await;
    let tried = i64::try_from(GUESTS).unwrap() * (1 + i64::try_from(ROUNDS).unwrap());
    println!(
        "{} of {} cut requests were done",
        bookings - i64::try_from(GUESTS).unwrap(),
        tried - i64::try_from(GUESTS).unwrap()
    );
    assert!(
        bookings > i64::try_from(GUESTS).unwrap() && bookings < tried,
        "no request was cut where it matters: {bookings}"
    );
    let key = match owner {
        Owner::Postgres(_) => "b.id::text",
        Owner::Sqlite(_) => {
            "lower(substr(hex(b.id), 1, 8) || '-' || substr(hex(b.id), 9, 4) || '-' || substr(hex(b.id), 13, 4) || '-' || \
             substr(hex(b.id), 17, 4) || '-' || substr(hex(b.id), 21))"
        }
    };
    for (what, table, row, of_booking) in [
        ("event", "events", "kind = 'booking.created'", "r.aggregate_id = b.id"),
        ("audit row", "audit_log", "action = 'booking.create'", "r.target_id = b.id"),
        ("end of the hold", "jobs", "kind = 'booking.end_hold'", &format!("r.key = {key}")),
    ] {
        let all = owner.number(format!("SELECT count(*) FROM {table} WHERE {row}")).await;
        assert_eq!(all, bookings, "one {what} a booking");
        let whole = format!(
            "SELECT count(*) FROM bookings b WHERE EXISTS (SELECT 1 FROM {table} r WHERE r.{row} AND {of_booking})"
        );
        assert_eq!(owner.number(whole).await, bookings, "a booking without its {what}");
    }
    drop(owner);

    // Whoever comes back finds the one or the other: it was done, or it can be done now.
    let mut again = 0;
    for round in 1..=ROUNDS {
        for told in race(GUESTS, |guest| ask(guest, round).told()).await.assert_overlapped() {
            if told.status == 201 {
                again += 1;
            } else {
                told.refuses(409, "BOOKING_CONFLICT");
            }
        }
    }
    assert_eq!(bookings + again, tried);
    app.no_two_stays_overlap().await;
    app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_the_connection_leaves_a_booking_whole_or_absent_on_sqlite() {
    a_client_that_resets_the_connection_leaves_a_booking_whole_or_absent(TestApp::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_the_connection_leaves_a_booking_whole_or_absent_on_postgres() {
    a_client_that_resets_the_connection_leaves_a_booking_whole_or_absent(TestApp::postgres().await).await;
}
