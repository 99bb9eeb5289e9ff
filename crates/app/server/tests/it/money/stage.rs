//! A hostel with somebody who pays and somebody who gives back, what they do over HTTP, and what must hold of the books
//! whatever they did.

use std::{collections::BTreeSet, time::Duration};

use domicile_identity::KeyRing;
use domicile_kernel::{HostelId, Role};
use domicile_payments::{SecretKey, sandbox::SIGNATURE_HEADER};
use domicile_server::{house::key_file, settings::Settings};
use domicile_testkit::store::Owner;
use serde_json::{Value, json};

use crate::support::{Asked, On, Person, TestApp, Told, stay};

/// What a bed costs a month, in minor units.
pub(crate) const RENT: i64 = 45_000;

/// How long something that happens by itself may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The application, a hostel in it, and its people.
pub(crate) struct Stage {
    pub(crate) app: TestApp,
    pub(crate) hostel: HostelId,
    pub(crate) admin: Person,
    pub(crate) student: Person,
}

/// A payment that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) url: String,
}

/// An amount in the currency of the hostels here.
pub(crate) fn ghs(amount_minor: i64) -> Value {
    json!({ "amount_minor": amount_minor, "currency": "GHS" })
}

/// How many minor units some money is.
#[track_caller]
pub(crate) fn minor(money: &Value) -> i64 {
    money["amount_minor"].as_i64().unwrap_or_else(|| panic!("{money} is no money"))
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl Begun {
    #[track_caller]
    pub(crate) fn of(told: &Told) -> Self {
        let payment = &told.data()["payment"];
        Self {
            id: text(&payment["id"]),
            reference: text(&payment["reference"]),
            url: text(&told.data()["authorization_url"]),
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/api/payments/{}", self.id)
    }
}

impl Stage {
    pub(crate) async fn on(on: On) -> Self {
        Self::with(on, |_settings| ()).await
    }

    /// With other settings than the usual ones.
    pub(crate) async fn with(on: On, configure: impl FnOnce(&mut Settings)) -> Self {
        let app = TestApp::start_with_settings(on, configure).await;
        let hostel = app.hostel("Volta Hall").await;
        let (admin, student) = (app.member(hostel, Role::Admin).await, app.member(hostel, Role::Student).await);
        Self { app, hostel, admin, student }
    }

    /// Changes the terms that the hostel bills by.
    pub(crate) async fn terms(&self, change: Value) {
        let now = self.app.get("/api/billing/terms").by(&self.admin).told().await.is(200);
        let version = now.data()["version"].as_i64().unwrap();
        self.app.put("/api/billing/terms").by(&self.admin).seen(version).json(change).told().await.is(200);
    }

    /// A stay that was agreed to, from the first of one month to the first of another, in a room of its own.
    pub(crate) async fn stay_of(&self, guest: &Person, from: u64, to: u64) -> String {
        let room = self.app.room(self.hostel, 1).await.id.to_string();
        let asked = self.app.post("/api/bookings").by(guest).json(stay(&room, from, to)).told().await.is(201);
        let id = text(&asked.data()["id"]);
        self.approve(&id).await;
        id
    }

    pub(crate) async fn approve(&self, booking: &str) {
        let path = format!("/api/bookings/{booking}/approve");
        self.app.put(&path).by(&self.admin).seen(1).told().await.is(200);
    }

    /// The invoices of a stay, those that are due first first.
    pub(crate) async fn invoices(&self, booking: &str) -> Vec<Value> {
        let path = format!("/api/invoices?booking_id={booking}&limit=100");
        self.app.get(&path).by(&self.admin).told().await.is(200).data().as_array().unwrap().clone()
    }

    /// The first invoice of a new stay of a month, of the student's.
    pub(crate) async fn bill(&self) -> Value {
        let booking = self.stay_of(&self.student, 0, 1).await;
        self.invoices(&booking).await.remove(0)
    }

    pub(crate) async fn invoice(&self, id: &Value) -> Value {
        let path = format!("/api/invoices/{}", text(id));
        self.app.get(&path).by(&self.admin).told().await.is(200).data().clone()
    }

    pub(crate) fn initialize(&self, payer: &Person, body: Value) -> Asked {
        self.app.post("/api/payments/initialize").by(payer).json(body)
    }

    /// Begins to pay all that is open of an invoice.
    pub(crate) async fn begin(&self, invoice: &Value) -> Begun {
        let told = self.initialize(&self.student, json!({ "invoice_id": invoice["id"] })).told().await.is(201);
        Begun::of(&told)
    }

    /// Posts the form of the sandbox's page, as a browser does when a button is pressed. Answers the page.
    pub(crate) async fn press(&self, begun: &Begun, action: &str) -> String {
        press(&self.app.client, &begun.url, action).await
    }

    pub(crate) async fn verify(&self, begun: &Begun) -> Told {
        self.app.get(&format!("/api/payments/verify/{}", begun.reference)).by(&self.student).told().await
    }

    /// Begins to pay an invoice, pays at the page, and comes back.
    pub(crate) async fn pay(&self, invoice: &Value) -> Begun {
        let begun = self.begin(invoice).await;
        self.press(&begun, "pay").await;
        let told = self.verify(&begun).await.is(200);
        assert_eq!(told.data()["status"], "completed", "{}", told.text);
        begun
    }

    pub(crate) async fn payment(&self, begun: &Begun) -> Value {
        self.app.get(&begun.path()).by(&self.admin).told().await.is(200).data().clone()
    }

    pub(crate) fn refund(&self, begun: &Begun, amount: i64) -> Asked {
        let body = json!({ "amount": ghs(amount), "reason": "Moved out early" });
        self.app.post(&format!("{}/refund", begun.path())).by(&self.admin).json(body)
    }

    pub(crate) async fn balance(&self, person: &Person) -> i64 {
        minor(&self.app.get("/api/wallet").by(person).told().await.is(200).data()["balance"])
    }

    /// Puts money into somebody's wallet.
    pub(crate) async fn fill(&self, person: &Person, amount: i64) -> Begun {
        let told = self.app.post("/api/wallet/topup").by(person).json(json!({ "amount": ghs(amount) })).told().await;
        let begun = Begun::of(&told.is(201));
        self.press(&begun, "pay").await;
        self.app.get(&format!("/api/payments/verify/{}", begun.reference)).by(person).told().await.is(200);
        begun
    }

    /// Every journal of the hostel, by the route that clients read.
    pub(crate) async fn journals(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("/api/admin/ledger/journals?limit=100&page={page}");
            let told = self.app.get(&path).by(&self.admin).told().await.is(200);
            let rows = told.data().as_array().unwrap().clone();
            if rows.is_empty() {
                break;
            }
            all.extend(rows);
        }
        all
    }

    /// The keys of journals that begin so.
    pub(crate) async fn keys(&self, begin: &str) -> Vec<String> {
        let keys = self.journals().await.iter().map(|journal| text(&journal["key"])).collect::<Vec<_>>();
        keys.into_iter().filter(|key| key.starts_with(begin)).collect()
    }

    /// The types of the hostel's events about an aggregate, in order.
    pub(crate) async fn events(&self, aggregate: &str) -> Vec<String> {
        self.app.settle().await;
        let sql = format!("SELECT kind FROM events WHERE aggregate = '{aggregate}' ORDER BY seq");
        self.app.owner().await.texts(sql).await.concat()
    }

    /// The books are right, by the ledger's own route and by SQL past all code.
    pub(crate) async fn the_books_are_right(&self) {
        let journals = self.journals().await;
        let keys: BTreeSet<_> = journals.iter().map(|journal| text(&journal["key"])).collect();
        assert_eq!(keys.len(), journals.len(), "an effect is in the books twice");
        for journal in &journals {
            let entries = journal["entries"].as_array().unwrap();
            assert!(entries.len() > 1, "{journal}");
            assert_eq!(entries.iter().map(|entry| minor(&entry["amount"])).sum::<i64>(), 0, "{journal}");
        }
        adds_up(&mut self.app.owner().await).await;
    }

    /// Waits until what was told and what is due has had its effect. What is to be done again later is done later: then the
    /// clock is moved.
    pub(crate) async fn rest(&self) {
        let mut owner = self.app.owner().await;
        let mut looks = 0;
        until("what gateways told has its effect", async || {
            looks += 1;
            if looks % 50 == 0 {
                self.app.clock.advance(Duration::from_secs(31));
            }
            let sql = format!(
                "SELECT (SELECT count(*) FROM payment_inbox WHERE state = 'waiting' AND hostel_id IS NOT NULL) \
                 + (SELECT count(*) FROM jobs WHERE kind LIKE 'payment.%' AND due <= {})",
                self.app.house.ambient.now().micros()
            );
            owner.number(sql).await == 0
        })
        .await;
    }

    pub(crate) async fn until_status(&self, begun: &Begun, status: &str) {
        until(&format!("{} is {status}", begun.id), async || self.payment(begun).await["status"] == status).await;
    }

    /// The sandbox's key, which signs what it tells.
    pub(crate) fn sandbox_key(&self) -> SecretKey {
        let keys = std::fs::read_to_string(key_file(&self.app.house.settings.data_dir)).unwrap();
        SecretKey::new(KeyRing::parse(&keys).unwrap().sandbox_secret().as_str()).unwrap()
    }

    /// Tells something in the sandbox's place, signed by it.
    pub(crate) async fn told_by_sandbox(&self, body: &Value) -> Told {
        let body = body.to_string();
        self.deliver("sandbox", &self.sandbox_key().sign(body.as_bytes()), body.into_bytes()).await
    }

    pub(crate) async fn deliver(&self, provider: &str, signature: &str, body: Vec<u8>) -> Told {
        let asked = self.app.post(&format!("/api/payments/webhook/{provider}"));
        asked.header(SIGNATURE_HEADER, signature).raw(body).told().await
    }
}

/// Presses a button of the page at an address.
pub(crate) async fn press(client: &reqwest::Client, url: &str, action: &str) -> String {
    let form = client.post(url).header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body(format!("action={action}")).send().await.unwrap();
    let (status, html) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!(status, 200, "{html}");
    html
}

/// What the sandbox tells of a charge of so much that was paid, in other bytes than its own, and with another id.
pub(crate) fn success(reference: &str, amount: i64) -> Value {
    let id = reference.bytes().fold(7_u64, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007);
    json!({
        "event": "charge.success",
        "data": {
            "id": id, "domain": "test", "status": "success", "reference": reference, "amount": amount,
            "requested_amount": amount, "currency": "GHS", "fees": null, "channel": "card",
            "gateway_response": "Approved", "metadata": "",
        },
    })
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !so().await {
        assert!(started.elapsed() < PATIENCE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// By SQL past all code: what the ledger says is what invoices, payments and deposits say.
pub(crate) async fn adds_up(owner: &mut Owner) {
    let none = [
        (
            "a journal does not sum to zero",
            "SELECT count(*) FROM (SELECT 1 AS one FROM journal_entries GROUP BY hostel_id, journal_id HAVING sum(amount) <> 0) AS broken",
        ),
        (
            "a journal has no entries",
            "SELECT count(*) FROM journals j WHERE NOT EXISTS (SELECT 1 FROM journal_entries e WHERE e.hostel_id = j.hostel_id AND e.journal_id = j.id)",
        ),
        (
            "a balance is not the sum of its entries",
            "SELECT count(*) FROM ledger_accounts a WHERE a.balance <> (SELECT coalesce(sum(e.amount), 0) FROM journal_entries e WHERE e.hostel_id = a.hostel_id AND e.account_kind = a.kind AND e.account_owner = a.owner AND e.currency = a.currency)",
        ),
        (
            "an account is below its floor",
            "SELECT count(*) FROM ledger_accounts WHERE (side = 'debit' AND balance < 0) OR (side = 'credit' AND balance > 0)",
        ),
        (
            "an invoice is not the sum of its lines",
            "SELECT count(*) FROM invoices i WHERE i.total <> (SELECT coalesce(sum(l.amount), 0) FROM invoice_lines l WHERE l.hostel_id = i.hostel_id AND l.invoice_id = i.id)",
        ),
        (
            "an invoice is negative, or paid beyond its total",
            "SELECT count(*) FROM invoices WHERE total < 0 OR paid < 0 OR paid > total",
        ),
        (
            "an invoice is not paid by its payments",
            "SELECT count(*) FROM invoices i WHERE i.paid <> (SELECT coalesce(sum(a.amount), 0) FROM payment_allocations a WHERE a.hostel_id = i.hostel_id AND a.invoice_id = i.id)",
        ),
        (
            "a payment is refunded beyond its amount",
            "SELECT count(*) FROM payments WHERE refunded + refund_pending > amount",
        ),
        (
            "a payment that was not taken is used",
            "SELECT count(*) FROM payments p WHERE p.state <> 'completed' AND EXISTS (SELECT 1 FROM payment_allocations a WHERE a.hostel_id = p.hostel_id AND a.payment_id = p.id)",
        ),
        (
            "a payment is used for more or less than it is",
            "SELECT count(*) FROM payments p WHERE p.state = 'completed' AND p.provider <> 'wallet' AND p.amount - p.refunded - p.refund_pending <> (SELECT coalesce(sum(a.amount), 0) FROM payment_allocations a WHERE a.hostel_id = p.hostel_id AND a.payment_id = p.id)",
        ),
        (
            "refunds and their payment differ",
            "SELECT count(*) FROM payments p WHERE p.refunded <> (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.hostel_id = p.hostel_id AND r.payment_id = p.id AND r.state = 'completed')",
        ),
    ];
    for (what, sql) in none {
        assert_eq!(owner.number(sql).await, 0, "{what}");
    }
    for (what, one, other) in [
        (
            "what is owed",
            "SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM ledger_accounts WHERE kind = 'receivable'",
            "SELECT CAST(coalesce(sum(total - paid), 0) AS BIGINT) FROM invoices",
        ),
        (
            "what gateways hold",
            "SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM ledger_accounts WHERE kind = 'gateway'",
            "SELECT CAST(coalesce(sum(amount - refunded), 0) AS BIGINT) FROM payments WHERE state = 'completed' AND provider <> 'wallet'",
        ),
        (
            "deposits",
            "SELECT CAST(coalesce(-sum(balance), 0) AS BIGINT) FROM ledger_accounts WHERE kind = 'deposit_liability'",
            "SELECT CAST(coalesce(sum(held), 0) AS BIGINT) FROM deposits",
        ),
    ] {
        assert_eq!(owner.number(one).await, owner.number(other).await, "{what}: the ledger and the records differ");
    }
}
