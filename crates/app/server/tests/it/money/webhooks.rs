//! What the gateway tells comes as often as it likes, in any order, much of it at once: the end is that of once and in order.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use domicile_kernel::Role;
use domicile_payments::sandbox::SIGNATURE_HEADER;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::stage::{Begun, RENT, Stage, ghs, minor, success, text, until};
use crate::{
    live::scale::scaled,
    support::{Dice, On},
};

/// How many payments, in how many orders, and how often each of their notices comes.
const PAYMENTS: usize = scaled(14, 200);
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
#[derive(Debug, Clone, Copy)]
enum Fate {
    Paid,
    Declined,
    PaidInTwoTabs,
    /// The first card was refused and the second one taken: both are told.
    PaidAtLast,
    Topup,
    /// The stay lost its bed before the money came.
    TooLate,
    /// Known before it is told, and given back by half.
    RefundedByHalf,
}

const FATES: [Fate; 7] = [
    Fate::Paid,
    Fate::Declined,
    Fate::PaidInTwoTabs,
    Fate::PaidAtLast,
    Fate::Topup,
    Fate::TooLate,
    Fate::RefundedByHalf,
];

/// A hostel of a round, what was begun in it, and what the gateway has to tell of it.
struct Round {
    begun: Vec<Begun>,
    bills: Vec<Value>,
    notices: Vec<Notice>,
}

/// Moves the stage into a new hostel, and lets everything happen there at the gateway and nothing be told.
async fn play(stage: &mut Stage, catcher: &Catcher, name: &str) -> Round {
    stage.hostel = stage.app.hostel(name).await;
    stage.admin = stage.app.member(stage.hostel, Role::Admin).await;
    stage.terms(json!({ "rehousing_hours": 720 })).await;
    let (mut begun, mut bills, mut forged) = (Vec::new(), Vec::new(), Vec::new());
    let mut open: Vec<Value> = Vec::new();
    for number in 0..PAYMENTS {
        let fate = FATES[number % FATES.len()];
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
            Fate::Paid | Fate::Topup => drop(stage.press(&one, "pay").await),
            Fate::Declined => drop(stage.press(&one, "decline").await),
            Fate::PaidInTwoTabs => drop(stage.press(&one, "pay_twice").await),
            Fate::PaidAtLast => {
                let mut failed = success(&one.reference, RENT);
                failed["event"] = json!("charge.failed");
                failed["data"]["status"] = json!("failed");
                let body = failed.to_string().into_bytes();
                forged.push(Notice { signature: stage.sandbox_key().sign(&body), body });
                stage.press(&one, "pay").await;
            }
            Fate::TooLate => {
                let booking = text(&bill["booking_id"]);
                let path = format!("/api/bookings/{booking}/cancel");
                stage.app.put(&path).by(&stage.admin).seen(2).told().await.is(200);
                open.clear();
                stage.press(&one, "pay").await;
            }
            Fate::RefundedByHalf => {
                stage.press(&one, "pay").await;
                stage.verify(&one).await.is(200);
                stage.refund(&one, RENT / 2).told().await.is(201);
            }
        }
        begun.push(one);
        bills.push(bill);
    }
    let mut owner = stage.app.owner().await;
    let untold = "SELECT (SELECT count(*) FROM sandbox_charges WHERE notices_sent < notices_due) \
                  + (SELECT count(*) FROM sandbox_refunds WHERE notices_sent < notices_due)";
    until("the gateway has told everything", async || owner.number(untold).await == 0).await;
    let mut notices = forged;
    notices.extend(catcher.take());
    assert!(notices.len() > PAYMENTS, "the gateway told only {}", notices.len());
    Round { begun, bills, notices }
}

/// Delivers so many at once, in the order of the list.
async fn deliver(stage: &Stage, notices: Vec<Notice>) {
    let (next, notices) = (Arc::new(AtomicUsize::new(0)), Arc::new(notices));
    let url = format!("{}/api/payments/webhook/sandbox", stage.app.base);
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, notices) = (Arc::clone(&next), Arc::clone(&notices));
        let (client, url) = (stage.app.client.clone(), url.clone());
        senders.spawn(async move {
            while let Some(notice) = notices.get(next.fetch_add(1, Ordering::SeqCst)) {
                let sent = client.post(&url).header("content-type", "application/json");
                let sent = sent.header(SIGNATURE_HEADER, &notice.signature).body(notice.body.clone());
                let answer = sent.send().await.unwrap();
                let status = answer.status().as_u16();
                assert_eq!(status, 200, "{}", answer.text().await.unwrap());
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
}

/// Everything that the round came to, without what differs between hostels.
async fn outcome(stage: &Stage, round: &Round) -> Value {
    let mut payments = Vec::new();
    for (begun, bill) in round.begun.iter().zip(&round.bills) {
        let (payment, bill) = (stage.payment(begun).await, stage.invoice(&bill["id"]).await);
        payments.push(json!([
            payment["status"],
            payment["amount"],
            payment["refunded"],
            payment["failure"],
            payment["version"],
            bill["status"],
            bill["total"],
            bill["paid"],
        ]));
    }
    let mut effects: BTreeMap<String, i64> = BTreeMap::new();
    for journal in stage.journals().await {
        let mut entries: Vec<String> = Vec::new();
        for entry in journal["entries"].as_array().unwrap() {
            let account = text(&entry["account"]);
            entries.push(format!("{} {}", account.split(':').next().unwrap(), minor(&entry["amount"])));
        }
        entries.sort();
        let kind = text(&journal["key"]);
        *effects.entry(format!("{} {entries:?}", kind.split(':').next().unwrap())).or_default() += 1;
    }
    stage.app.settle().await;
    let mut owner = stage.app.owner().await;
    let hostel = owner.id(stage.hostel.uuid());
    let count = |what: &str| {
        format!(
            "SELECT {what} || ' ' || CAST(count(*) AS TEXT) FROM events WHERE hostel_id = {hostel} GROUP BY {what} ORDER BY {what}"
        )
    };
    let events = owner.texts(count("kind")).await.concat();
    let wallets = format!(
        "SELECT CAST(balance AS TEXT) FROM ledger_accounts WHERE hostel_id = {hostel} AND kind = 'wallet' ORDER BY balance"
    );
    let wallets = owner.texts(wallets).await.concat();
    let aside = format!("SELECT count(*) FROM payment_quarantine WHERE hostel_id = {hostel}");
    json!({
        "payments": payments, "effects": effects, "events": events, "wallets": wallets,
        "put aside": owner.number(aside).await,
    })
}

pub(crate) async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order(on: On) {
    let catcher = Catcher::open();
    let url = catcher.url.clone();
    let mut stage = Stage::with(on, |settings| settings.payments.webhook_base = Some(url)).await;
    let mut dice = Dice::thrown("webhooks");

    let round = play(&mut stage, &catcher, "Once and in order").await;
    for notice in round.notices.clone() {
        deliver(&stage, vec![notice]).await;
        stage.rest().await;
    }
    let expected = outcome(&stage, &round).await;
    let paid = expected["payments"].as_array().unwrap().iter().filter(|row| row[0] == "completed").count();
    assert!(paid * 3 > PAYMENTS && expected["put aside"] == 0, "{expected:#}");
    stage.the_books_are_right().await;

    for order in 0..ORDERS {
        let round = play(&mut stage, &catcher, &format!("Order {order}")).await;
        let mut all: Vec<Notice> = round.notices.iter().flat_map(|notice| vec![notice.clone(); TIMES]).collect();
        for at in (1..all.len()).rev() {
            all.swap(at, dice.below(at as u64 + 1) as usize);
        }
        let sent = all.len() as i64;
        let mut owner = stage.app.owner().await;
        let deliveries = "SELECT CAST(coalesce(sum(deliveries), 0) AS BIGINT) FROM payment_inbox";
        let before = owner.number(deliveries).await;
        deliver(&stage, all).await;
        assert_eq!(owner.number(deliveries).await - before, sent, "one that was acknowledged is not there");
        stage.rest().await;
        let found = outcome(&stage, &round).await;
        assert_eq!(found, expected, "order {order} ends otherwise: {found:#}\n{expected:#}");
    }
    stage.the_books_are_right().await;
    stage.app.end_without_deadlocks().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order_on_sqlite() {
    repeated_and_shuffled_webhooks_end_like_once_and_in_order(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_webhooks_end_like_once_and_in_order_on_postgres() {
    repeated_and_shuffled_webhooks_end_like_once_and_in_order(On::Postgres).await;
}
