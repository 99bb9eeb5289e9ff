//! What the gateway tells comes as often as it likes, in any order, much of it at once: the end is that of once and in order.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_kernel::Role;
use domicile_payments::sandbox::SIGNATURE_HEADER;
use domicile_testkit::store::Owner;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::stage::{Begun, RENT, Stage, adds_up, ghs, success, text, until};
use crate::{
    live::scale::{PATIENCE, scaled},
    support::{Dice, Kept, On, TestApp},
};

/// How many payments, in how many orders, and how often each of their notices comes.
const PAYMENTS: usize = 200;
const ORDERS: usize = scaled(10, 50);
const TIMES: usize = 5;
/// How many are on their way at once.
const AT_ONCE: usize = 20;

/// Something that the gateway told, with its signature.
#[derive(Debug, Clone)]
struct Notice {
    signature: String,
    body: Vec<u8>,
}

/// Somebody at the sandbox's webhook address who keeps what it tells, and tells nobody.
struct Catcher {
    url: String,
    kept: Arc<Mutex<Vec<Notice>>>,
}

impl Catcher {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let catcher = Self { url: format!("http://{}", listener.local_addr().unwrap()), kept: Arc::default() };
        let kept = Arc::clone(&catcher.kept);
        std::thread::spawn(move || {
            while let Ok((stream, _peer)) = listener.accept() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || keep(stream, &kept));
            }
        });
        catcher
    }

    /// Everything so far, and nothing any more.
    fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.kept.lock().unwrap())
    }
}

fn keep(mut stream: TcpStream, kept: &Mutex<Vec<Notice>>) {
    let (mut seen, mut buffer) = (Vec::new(), vec![0; 65_536]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen[..head]).into_owned();
        let header = |wanted: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once(": "));
            pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").unwrap().parse().unwrap();
        if seen.len() < head + 4 + length {
            continue;
        }
        let body = seen[head + 4..].to_vec();
        kept.lock().unwrap().push(Notice { signature: header(SIGNATURE_HEADER).unwrap(), body });
        seen.clear();
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// What happened at the gateway to one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Paid,
    Declined,
    PaidInTwoTabs,
    /// The first card was refused, which was told at once, and the second one taken.
    PaidAtLast,
    /// The same, but the refusal is told when the second card was taken long ago.
    RefusalToldLate,
    Topup,
    /// The stay lost its bed before the money came.
    TooLate,
    /// Known before it is told, and given back by half.
    RefundedByHalf,
}

const FATES: [Fate; 8] = [
    Fate::Paid,
    Fate::Declined,
    Fate::PaidInTwoTabs,
    Fate::PaidAtLast,
    Fate::Topup,
    Fate::TooLate,
    Fate::RefundedByHalf,
    Fate::RefusalToldLate,
];

const fn fate(number: usize) -> Fate {
    FATES[number % FATES.len()]
}

fn how_many(wanted: Fate) -> usize {
    (0..PAYMENTS).filter(|number| fate(*number) == wanted).count()
}

/// The place from which every order begins: everything has happened at the gateway, and most of it is still to be told.
struct Beginning {
    kept: Kept,
    notices: Vec<Notice>,
}

/// Lets everything happen at the gateway and nearly nothing be told.
async fn play(on: On) -> Beginning {
    let catcher = Catcher::open();
    let url = catcher.url.clone();
    let mut stage = Stage::with(on, |settings| settings.payments.webhook_base = Some(url)).await;
    stage.terms(json!({ "rehousing_hours": 720 })).await;
    let mut owner = stage.app.owner().await;
    let mut refusals = Vec::new();
    let mut open: Vec<Value> = Vec::new();
    for number in 0..PAYMENTS {
        let fate = fate(number);
        if open.is_empty() || matches!(fate, Fate::TooLate) {
            stage.student = stage.app.member(stage.hostel, Role::Student).await;
            let booking = stage.stay_of(&stage.student, 0, 10).await;
            open = stage.invoices(&booking).await;
        }
        let bill = open.pop().unwrap();
        let one = match fate {
            Fate::Topup => {
                let body = json!({ "amount": ghs(1_000 + number as i64) });
                Begun::of(&stage.app.post("/api/wallet/topup").by(&stage.student).json(body).told().await.is(201))
            }
            _ => stage.begin(&bill).await,
        };
        match fate {
            Fate::Paid | Fate::Topup => {}
            Fate::Declined => drop(stage.press(&one, "decline").await),
            Fate::PaidInTwoTabs => drop(stage.press(&one, "pay_twice").await),
            Fate::PaidAtLast | Fate::RefusalToldLate => {
                let mut failed = success(&one.reference, RENT);
                failed["event"] = json!("charge.failed");
                failed["data"]["status"] = json!("failed");
                let body = failed.to_string().into_bytes();
                let notice = Notice { signature: stage.sandbox_key().sign(&body), body };
                if fate == Fate::PaidAtLast {
                    deliver(&stage.app, vec![notice.clone()]).await;
                }
                refusals.push(notice);
            }
            Fate::TooLate => {
                let booking = text(&bill["booking_id"]);
                let path = format!("/api/bookings/{booking}/cancel");
                stage.app.put(&path).by(&stage.admin).seen(2).told().await.is(200);
                open.clear();
            }
            Fate::RefundedByHalf => {
                stage.press(&one, "pay").await;
                stage.verify(&one).await.is(200);
                stage.refund(&one, RENT / 2).told().await.is(201);
            }
        }
        if fate == Fate::PaidAtLast {
            processed(&mut owner).await;
            let sql =
                format!("SELECT count(*) FROM payments WHERE reference = '{}' AND state = 'failed'", one.reference);
            assert_eq!(owner.number(sql).await, 1, "the refusal of the first card was not believed");
        }
        if !matches!(fate, Fate::Declined | Fate::PaidInTwoTabs | Fate::RefundedByHalf) {
            stage.press(&one, "pay").await;
        }
    }
    let untold = "SELECT (SELECT count(*) FROM sandbox_charges WHERE notices_sent < notices_due) \
                  + (SELECT count(*) FROM sandbox_refunds WHERE notices_sent < notices_due)";
    until("the gateway has told everything", async || owner.number(untold).await == 0).await;
    drop(owner);
    let mut notices = refusals;
    notices.extend(catcher.take());
    assert!(notices.len() > PAYMENTS, "the gateway told only {}", notices.len());
    Beginning { kept: stage.app.kept().await, notices }
}

/// Delivers so many at once, in the order of the list, each sender over one connection. They are many, and a client that can do
/// more than this costs more than the server.
async fn deliver(app: &TestApp, notices: Vec<Notice>) {
    let (next, notices) = (Arc::new(AtomicUsize::new(0)), Arc::new(notices));
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE.min(notices.len()) {
        let (next, notices) = (Arc::clone(&next), Arc::clone(&notices));
        let address = app.base.strip_prefix("http://").unwrap().to_owned();
        senders.spawn_blocking(move || {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.set_nodelay(true).unwrap();
            while let Some(notice) = notices.get(next.fetch_add(1, Ordering::SeqCst)) {
                post(&mut stream, &address, notice);
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
}

/// Posts one and waits until it is acknowledged.
fn post(stream: &mut TcpStream, address: &str, Notice { signature, body }: &Notice) {
    let length = body.len();
    let head = format!(
        "POST /api/payments/webhook/sandbox HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         {SIGNATURE_HEADER}: {signature}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0; 8_192]);
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the server went away after {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let mut lines = text.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if seen.len() == head + 4 + length.parse::<usize>().unwrap() {
            assert!(text.starts_with("http/1.1 200 "), "{text}");
            return;
        }
    }
}

/// Waits until what was told has had its effect, with a look that costs little: there are many.
async fn processed(owner: &mut Owner) {
    let started = Instant::now();
    let waiting = "SELECT count(*) FROM payment_inbox WHERE state = 'waiting' AND hostel_id IS NOT NULL";
    while owner.number(waiting).await > 0 {
        assert!(started.elapsed() < PATIENCE, "what was told never had its effect");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Everything that the webhooks came to, to the row: every order begins with the same rows.
async fn outcome(app: &TestApp, owner: &mut Owner) -> Vec<String> {
    app.settle().await;
    let id = |column: &str| match owner {
        Owner::Postgres(_) => format!("CAST({column} AS TEXT)"),
        Owner::Sqlite(_) => format!("hex({column})"),
    };
    let tables = [
        (
            "payments",
            format!(
                "{} || ' ' || state || ' ' || amount || ' ' || refunded || ' ' || refund_pending || ' ' || version || ' ' \
                 || coalesce(failure, '')",
                id("id")
            ),
        ),
        ("invoices", format!("{} || ' ' || total || ' ' || paid || ' ' || version", id("id"))),
        ("refunds", format!("{} || ' ' || state || ' ' || amount || ' ' || version", id("id"))),
        (
            "payment_allocations",
            format!(
                "{} || ' ' || target || ' ' || coalesce({}, '') || ' ' || amount",
                id("payment_id"),
                id("invoice_id")
            ),
        ),
        (
            "journals j JOIN journal_entries e ON e.hostel_id = j.hostel_id AND e.journal_id = j.id",
            "j.key || ' ' || e.account_kind || ':' || e.account_owner || ' ' || e.amount".to_owned(),
        ),
        ("ledger_accounts", "kind || ':' || owner || ' ' || balance".to_owned()),
        ("events", format!("kind || ' ' || {} || ' ' || aggregate_version", id("aggregate_id"))),
        ("payment_quarantine", "suspicion || ' ' || note".to_owned()),
        ("payment_inbox", "dedupe_key || ' ' || state || ' ' || coalesce(why, '')".to_owned()),
    ];
    let mut rows = Vec::new();
    for (table, columns) in tables {
        let name = table.split(' ').next().unwrap();
        let found = owner.texts(format!("SELECT {columns} AS line FROM {table} ORDER BY line")).await.concat();
        rows.extend(found.into_iter().map(|row| format!("{name} {row}")));
    }
    rows
}

/// What of two outcomes differs.
fn difference(expected: &[String], found: &[String]) -> String {
    let only = |of: &[String], not_in: &[String], sign: char| {
        let rows = of.iter().filter(|row| !not_in.contains(row)).take(20).map(|row| format!("{sign} {row}\n"));
        rows.collect::<String>()
    };
    format!("{}{}", only(expected, found, '-'), only(found, expected, '+'))
}

pub(crate) async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order(on: On) {
    let mut dice = Dice::thrown("webhooks");
    let started = Instant::now();
    let Beginning { kept, notices } = play(on).await;
    println!("{on:?}: {PAYMENTS} payments played in {:?}", started.elapsed());

    let app = kept.copy().await;
    let mut owner = app.owner().await;
    for notice in notices.clone() {
        deliver(&app, vec![notice]).await;
        processed(&mut owner).await;
    }
    let expected = outcome(&app, &mut owner).await;
    let count = |begin: &str| expected.iter().filter(|row| row.starts_with(begin)).count();
    let declined = how_many(Fate::Declined);
    assert_eq!(
        count("journals charge:"),
        2 * (PAYMENTS - declined),
        "each that was paid is in the books, in two entries"
    );
    assert_eq!(count("events payment.completed "), PAYMENTS - declined);
    assert_eq!(count("events payment.failed "), declined + how_many(Fate::PaidAtLast), "a failure, and then a success");
    assert_eq!(count("payment_quarantine"), 0);
    adds_up(&mut owner).await;
    drop(owner);
    app.end_without_deadlocks().await;
    println!("{on:?}: once and in order after {:?}", started.elapsed());

    for order in 0..ORDERS {
        let app = kept.copy().await;
        let mut all: Vec<Notice> = notices.iter().flat_map(|notice| vec![notice.clone(); TIMES]).collect();
        for at in (1..all.len()).rev() {
            all.swap(at, dice.below(at as u64 + 1) as usize);
        }
        let sent = all.len() as i64;
        let mut owner = app.owner().await;
        let deliveries = "SELECT CAST(coalesce(sum(deliveries), 0) AS BIGINT) FROM payment_inbox";
        let before = owner.number(deliveries).await;
        deliver(&app, all).await;
        assert_eq!(owner.number(deliveries).await - before, sent, "one that was acknowledged is not there");
        processed(&mut owner).await;
        let found = outcome(&app, &mut owner).await;
        assert!(found == expected, "order {order} ends otherwise:\n{}", difference(&expected, &found));
        adds_up(&mut owner).await;
        drop(owner);
        app.end_without_deadlocks().await;
        println!("{on:?}: {} orders after {:?}", order + 1, started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order_on_sqlite() {
    repeated_and_shuffled_webhooks_end_like_once_and_in_order(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order_on_postgres() {
    repeated_and_shuffled_webhooks_end_like_once_and_in_order(On::Postgres).await;
}
