//! The server is killed at every step of taking money and of giving it back, and started again; the client asks again with
//! the same key. There is one charge and one journal, whatever the step.
//!
//! Nothing in the server knows of this: a step is held from outside, by a gateway that does not answer yet, or by a database
//! that is locked. Who asks a gateway has 45 seconds for it before anybody else may ask; those are not waited for, but taken
//! off in the database, as the passing of time would.

use std::time::Duration;

use domicile_testkit::{process::Node, store::Owner};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    pretend::{Call, Gateway, When},
    stage::{adds_up, ghs, text, until},
};
use crate::{
    process::ground::{Ground, Visitor, start},
    support::On,
};

/// What is paid at a time; a bill of the demo holds many of these.
const PART: i64 = 1_000;

/// Where the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The key and what it began are stored; the gateway has done nothing.
    KeyStored,
    /// The gateway has done it and not answered.
    GatewayCalled,
    /// The gateway has answered; nothing of that is stored.
    GatewayAnswered,
    /// Payment, bill and ledger are written, and not committed.
    LedgerWritten,
    /// All is stored; nobody was told.
    AnswerStored,
    /// The client was told.
    AnswerSent,
}

/// A node that pays at the test's gateway, on ground that outlives it.
struct House {
    ground: Ground,
    gateway: Gateway,
    node: Option<Node>,
    student: Visitor,
    admin: Visitor,
    bill: String,
    keys: u32,
}

fn launched(ground: &Ground, gateway: &Gateway, demo: bool) -> Node {
    let launch = ground
        .launch()
        .env("DOMICILE_PAYMENTS__PROVIDER", "paystack")
        .env("DOMICILE_PAYMENTS__PAYSTACK_SECRET_KEY", "sk_test_0123456789abcdef0123456789")
        .env("DOMICILE_PAYMENTS__PAYSTACK_BASE_URL", &gateway.url);
    start(if demo { launch.arg("--demo") } else { launch })
}

impl House {
    async fn on(on: On) -> Self {
        let (ground, gateway) = (Ground::on(on).await, Gateway::open());
        let node = launched(&ground, &gateway, true);
        let demo = ground.demo();
        let hostel = &demo["hostels"][0]["id"];
        let bill = demo["bills"].as_array().unwrap().iter().find(|bill| bill["hostel_id"] == *hostel).unwrap();
        let student = Visitor::known(&demo, &node.base_url(), bill["email"].as_str().unwrap()).await;
        let admin = Visitor::of_demo(&demo, &node.base_url(), "admin").await;
        Self { ground, gateway, node: Some(node), student, admin, bill: text(&bill["invoice_id"]), keys: 0 }
    }

    fn key(&mut self, what: &str) -> String {
        self.keys += 1;
        format!("{what}-{}", self.keys)
    }

    /// Kills the server as it is, and starts it again later than whoever asked a gateway had time for.
    async fn die_and_rise(&mut self, owner: &mut Owner) {
        let mut node = self.node.take().unwrap();
        tokio::task::block_in_place(|| node.kill9());
        drop(node);
        // On SQLite it may be this connection that keeps the others out; nothing of it is to be kept.
        let _ = owner.try_run("ROLLBACK").await;
        self.gateway.forget();
        for table in ["payments", "refunds"] {
            owner.run(format!("UPDATE {table} SET asking_until = 1 WHERE asking_until IS NOT NULL")).await;
        }
        owner.run("UPDATE jobs SET due = 1, lease_until = NULL WHERE kind LIKE 'payment.%'").await;
        let node = launched(&self.ground, &self.gateway, false);
        self.student = self.student.at(&node.base_url());
        self.admin = self.admin.at(&node.base_url());
        self.node = Some(node);
    }

    fn begin(&self, key: &str) -> reqwest::RequestBuilder {
        let body = json!({ "invoice_id": self.bill, "amount": ghs(PART) });
        self.student.ask(Method::POST, "/api/payments/initialize").header("idempotency-key", key).json(&body)
    }

    fn give_back(&self, payment: &str, key: &str) -> reqwest::RequestBuilder {
        let body = json!({ "amount": ghs(PART), "reason": "Moved out" });
        let asked = self.admin.ask(Method::POST, &format!("/api/payments/{payment}/refund"));
        asked.header("idempotency-key", key).json(&body)
    }

    /// A payment that was taken, without anybody dying.
    async fn paid(&mut self) -> Value {
        let key = self.key("paid");
        let (status, told) = insist(self.begin(&key)).await;
        assert_eq!(status, 201, "{told}");
        let payment = &told["data"]["payment"];
        self.gateway.pay(payment["reference"].as_str().unwrap());
        let path = format!("/api/payments/verify/{}", text(&payment["reference"]));
        let (status, told) = insist(self.student.ask(Method::GET, &path)).await;
        assert_eq!((status, &told["data"]["status"]), (200, &json!("completed")), "{told}");
        told["data"].clone()
    }
}

/// Asks, and asks again while it is told to.
async fn insist(asked: reqwest::RequestBuilder) -> (u16, Value) {
    for _ in 0..200 {
        let answer = asked.try_clone().unwrap().send().await.unwrap();
        let (status, waits) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        if !(status == 503 || (status == 409 && waits)) {
            return (status, told);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never answered");
}

/// Locks what the next write of the server needs, so that it waits.
async fn lock(owner: &mut Owner, step: Step) {
    match (&owner, step) {
        (Owner::Sqlite(_), _) => drop(owner.run("BEGIN IMMEDIATE").await),
        // The trail is written last, when the books are.
        (Owner::Postgres(_), Step::LedgerWritten) => {
            owner.run("BEGIN").await;
            owner.run("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE").await;
        }
        (Owner::Postgres(_), _) => {
            owner.run("BEGIN").await;
            owner.run("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE").await;
        }
    }
}

/// Asks for something, lets it come to the step, and kills the server there. `done` is what it looks like in the database
/// once all is stored.
async fn killed_at(house: &mut House, step: Step, call: Call, asked: reqwest::RequestBuilder, done: String) {
    let mut owner = house.ground.owner().await;
    match step {
        Step::KeyStored => house.gateway.hold(call, When::Asked),
        Step::GatewayCalled | Step::GatewayAnswered | Step::LedgerWritten => house.gateway.hold(call, When::Done),
        Step::AnswerStored | Step::AnswerSent => {}
    }
    let client = tokio::spawn(asked.send());
    match step {
        Step::KeyStored | Step::GatewayCalled => house.gateway.held().await,
        Step::GatewayAnswered | Step::LedgerWritten => {
            house.gateway.held().await;
            lock(&mut owner, step).await;
            house.gateway.go_on().await;
            // It has read the answer and stands at the lock.
            waits_for_lock(&mut house.ground.owner().await).await;
        }
        Step::AnswerStored => {
            until("it is stored", async || owner.number(done.clone()).await == 1).await;
        }
        Step::AnswerSent => {
            let answer = client.await.unwrap().unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
            house.die_and_rise(&mut owner).await;
            return;
        }
    }
    house.die_and_rise(&mut owner).await;
    match step {
        // The answer may have come in the last moment.
        Step::AnswerStored => drop(client.await.unwrap()),
        _ => assert!(client.await.unwrap().is_err(), "{step:?}: somebody dead has answered"),
    }
}

/// Waits until somebody waits for a lock, where the database tells; else for as long as reading an answer takes.
async fn waits_for_lock(watcher: &mut Owner) {
    if matches!(watcher, Owner::Sqlite(_)) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        return;
    }
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the server waits for the lock", async || watcher.number(waiting).await > 0).await;
}

const BEGINNING: [Step; 5] =
    [Step::KeyStored, Step::GatewayCalled, Step::GatewayAnswered, Step::AnswerStored, Step::AnswerSent];

async fn killed_while_it_begins_to_pay_there_is_one_charge(on: On) {
    let mut house = House::on(on).await;
    for step in BEGINNING {
        let key = house.key("begin");
        let mut owner = house.ground.owner().await;
        let before = owner.number("SELECT count(*) FROM payments").await;
        let asked = house.begin(&key);
        let opened = owner.number("SELECT count(*) FROM payments WHERE authorization_url IS NOT NULL").await;
        let done = format!("SELECT count(*) - {opened} FROM payments WHERE authorization_url IS NOT NULL");
        drop(owner);
        killed_at(&mut house, step, Call::Initialize, asked, done).await;
        let mut owner = house.ground.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM payments").await, before + 1, "{step:?}: the key was not stored");

        // This gateway tells the address of its page once. Who was killed before it was stored has a payment without one.
        let lost = matches!(step, Step::GatewayCalled | Step::GatewayAnswered);
        let (mut status, mut told) = insist(house.begin(&key)).await;
        until(&format!("{step:?}: it goes on"), async || {
            // The worker may be asking just now.
            if status == 202 && !lost {
                (status, told) = insist(house.begin(&key)).await;
            }
            status != 202 || lost
        })
        .await;
        assert_eq!(
            (status, told["data"]["authorization_url"].is_null()),
            (if lost { 202 } else { 201 }, lost),
            "{step:?}: {told}"
        );
        let (id, reference) = (text(&told["data"]["payment"]["id"]), text(&told["data"]["payment"]["reference"]));
        assert_eq!(owner.number("SELECT count(*) FROM payments").await, before + 1, "{step:?}: a second payment");
        assert_eq!(house.gateway.charges(&reference), 1, "{step:?}: not one charge");
        house.gateway.pay(&reference);
        // Here as well the worker may be asking, and then it is told as it was.
        until(&format!("{step:?}: it is paid"), async || {
            let path = format!("/api/payments/verify/{reference}");
            let (status, told) = insist(house.student.ask(Method::GET, &path)).await;
            assert_eq!(status, 200, "{step:?}: {told}");
            told["data"]["status"] == "completed"
        })
        .await;
        let (status, told) = insist(house.begin(&key)).await;
        assert_eq!((status, &told["data"]["payment"]["id"]), (201, &json!(id)), "{step:?}: {told}");
        let journals = format!("SELECT count(*) FROM journals WHERE key = 'charge:{id}'");
        assert_eq!(owner.number(journals).await, 1, "{step:?}");
        adds_up(&mut owner).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_begins_to_pay_there_is_one_charge_on_sqlite() {
    killed_while_it_begins_to_pay_there_is_one_charge(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_begins_to_pay_there_is_one_charge_on_postgres() {
    killed_while_it_begins_to_pay_there_is_one_charge(On::Postgres).await;
}

const SETTLING: [Step; 5] =
    [Step::GatewayCalled, Step::GatewayAnswered, Step::LedgerWritten, Step::AnswerStored, Step::AnswerSent];

async fn killed_while_it_takes_money_there_is_one_journal(on: On) {
    let mut house = House::on(on).await;
    let mut taken = 0;
    for step in SETTLING {
        let key = house.key("settle");
        let (status, told) = insist(house.begin(&key)).await;
        assert_eq!(status, 201, "{told}");
        let (id, reference) = (text(&told["data"]["payment"]["id"]), text(&told["data"]["payment"]["reference"]));
        house.gateway.pay(&reference);
        let path = format!("/api/payments/verify/{reference}");
        let asked = house.student.ask(Method::GET, &path);
        let done = format!("SELECT count(*) FROM payments WHERE reference = '{reference}' AND state = 'completed'");
        killed_at(&mut house, step, Call::Verify, asked, done.clone()).await;
        let mut owner = house.ground.owner().await;
        let (status, told) = insist(house.student.ask(Method::GET, &path)).await;
        assert_eq!((status, &told["data"]["status"]), (200, &json!("completed")), "{step:?}: {told}");
        taken += PART;
        let journals = format!("SELECT count(*) FROM journals WHERE key = 'charge:{id}'");
        assert_eq!(owner.number(journals).await, 1, "{step:?}");
        let (status, bill) = insist(house.student.ask(Method::GET, &format!("/api/invoices/{}", house.bill))).await;
        assert_eq!((status, &bill["data"]["paid"]), (200, &ghs(taken)), "{step:?}: {bill}");
        adds_up(&mut owner).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_takes_money_there_is_one_journal_on_sqlite() {
    killed_while_it_takes_money_there_is_one_journal(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_takes_money_there_is_one_journal_on_postgres() {
    killed_while_it_takes_money_there_is_one_journal(On::Postgres).await;
}

const REFUNDING: [Step; 6] = [
    Step::KeyStored,
    Step::GatewayCalled,
    Step::GatewayAnswered,
    Step::LedgerWritten,
    Step::AnswerStored,
    Step::AnswerSent,
];

async fn killed_while_it_gives_back_money_goes_back_once(on: On) {
    let mut house = House::on(on).await;
    for step in REFUNDING {
        let payment = house.paid().await;
        let (id, reference) = (text(&payment["id"]), text(&payment["reference"]));
        let key = house.key("refund");
        let asked = house.give_back(&id, &key);
        let owner = house.ground.owner().await;
        let this = owner.id(id.parse::<uuid::Uuid>().unwrap());
        drop(owner);
        let done = format!("SELECT count(*) FROM refunds WHERE payment_id = {this} AND state = 'completed'");
        killed_at(&mut house, step, Call::Refund, asked, done.clone()).await;
        let mut owner = house.ground.owner().await;
        let (status, told) = insist(house.give_back(&id, &key)).await;
        assert_eq!(status, 201, "{step:?}: {told}");
        let refund = text(&told["data"]["id"]);
        // What was interrupted goes on by itself.
        until(&format!("{step:?}: it has gone back"), async || owner.number(done.clone()).await == 1).await;
        assert_eq!(house.gateway.refunds(&reference), 1, "{step:?}: not one refund");
        let reserved = format!("SELECT count(*) FROM refunds WHERE payment_id = {this}");
        assert_eq!(owner.number(reserved).await, 1, "{step:?}: it was reserved twice");
        for key in [format!("refund:{refund}"), format!("refund_paid:{refund}")] {
            assert_eq!(owner.number(format!("SELECT count(*) FROM journals WHERE key = '{key}'")).await, 1, "{step:?}");
        }
        let (status, told) = insist(house.student.ask(Method::GET, &format!("/api/payments/{id}"))).await;
        assert_eq!((status, &told["data"]["status"]), (200, &json!("refunded")), "{step:?}: {told}");
        // More was never there.
        let more = house.key("more");
        let (status, told) = insist(house.give_back(&id, &more)).await;
        assert_eq!((status, &told["code"]), (409, &json!("RESOURCE_CONFLICT")), "{step:?}: {told}");
        adds_up(&mut owner).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_gives_back_money_goes_back_once_on_sqlite() {
    killed_while_it_gives_back_money_goes_back_once(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_gives_back_money_goes_back_once_on_postgres() {
    killed_while_it_gives_back_money_goes_back_once(On::Postgres).await;
}
