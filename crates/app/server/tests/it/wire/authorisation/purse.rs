//! For each operation on money a question that would be answered, on records of its own. What is read, answered or paid out of
//! a wallet is the caller's own for whoever may have money here, and a student's for everybody else; for a super_admin, too,
//! who has none here.

use domicile_billing::{
    AssessDeposit, InitializePayment, ListDeposits, ListInvoices, NewDeduction, RefundPayment, UpdateTerms,
    model::{BookingId as BilledStay, DepositId, PaymentId},
};
use domicile_booking::{CheckOutBooking, model::BookingId};
use domicile_identity::KeyRing;
use domicile_kernel::{AccountId, Call, Currency, Money, Page, Permission, Role, Scope};
use domicile_payments::{SecretKey, sandbox::SIGNATURE_HEADER};
use domicile_server::house::key_file;
use serde_json::json;

use super::{
    stage::{Caller, Question, Stage},
    table::Who,
};

const LATER: &str = "2026-03-01";
const TODAY: &str = "2026-01-20";

/// A payment with where it is paid.
struct Paid {
    id: PaymentId,
    reference: String,
    url: String,
}

impl Stage {
    /// Deposits are taken, and money in suspense waits.
    pub(super) async fn terms_are_set(&self) {
        let call = self.operator();
        let terms = UpdateTerms { deposit_percent: Some(100), rehousing_hours: Some(720), ..UpdateTerms::default() };
        self.app.house.payments.bursar.update_terms(&call, 0, terms).await.unwrap();
    }

    fn operator(&self) -> Call {
        self.app.house.operator(Scope::Hostel(self.hostel))
    }

    /// The caller, where they may have money here; else some student.
    async fn payer(&self, who: Who, caller: &Caller) -> AccountId {
        match (who, &caller.person) {
            (Who::Member(role), Some(person)) if Permission::PaymentsReadOwn.held_by(role) => person.id,
            _ => self.app.member(self.hostel, Role::Student).await.id,
        }
    }

    /// A stay that was agreed to.
    async fn agreed(&self, guest: AccountId, from: &str) -> BookingId {
        let stay = self.app.stay(self.hostel, guest, from).await;
        let id = BookingId::from(stay.id.uuid());
        self.app.house.front_desk.approve_booking(&self.operator(), id, stay.version).await.unwrap();
        id
    }

    /// The bills of a stay, that of the deposit first.
    async fn bills(&self, stay: BookingId) -> Vec<String> {
        let asked = ListInvoices { booking_id: Some(stay.to_string()), ..ListInvoices::default() };
        let page = Page::first("due_date", false);
        let mut found =
            self.app.house.payments.bursar.list_invoices(&self.operator(), asked, &page).await.unwrap().rows;
        found.sort_by_key(|bill| (bill.kind.as_str(), bill.sequence));
        found.iter().map(|bill| bill.id.to_string()).collect()
    }

    async fn bill(&self, guest: AccountId) -> String {
        let stay = self.agreed(guest, LATER).await;
        self.bills(stay).await.remove(1)
    }

    async fn begun(&self, bill: String) -> Paid {
        let asked = InitializePayment { invoice_id: Some(bill), ..InitializePayment::default() };
        let begun = self.app.house.payments.bursar.initialize_payment(&self.operator(), asked).await.unwrap();
        Paid { id: begun.payment.id, reference: begun.payment.reference, url: begun.authorization_url.unwrap() }
    }

    async fn pressed(&self, begun: Paid) -> Paid {
        let form = self.client.post(&begun.url).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(form.body("action=pay").send().await.unwrap().status().as_u16(), 200);
        self.app.house.payments.bursar.verify_payment(&self.operator(), &begun.reference).await.unwrap();
        begun
    }

    async fn paid(&self, bill: String) -> Paid {
        let begun = self.begun(bill).await;
        self.pressed(begun).await
    }

    /// A refund, which in the sandbox of this stage needs attention.
    async fn refund(&self, guest: AccountId) -> String {
        let bill = self.bill(guest).await;
        let paid = self.paid(bill).await;
        let asked = RefundPayment { reason: Some("Closed".into()), ..RefundPayment::default() };
        self.app.house.payments.bursar.refund_payment(&self.operator(), paid.id, asked).await.unwrap().id.to_string()
    }

    /// A deposit that is held, of a stay that is over.
    async fn deposit(&self, guest: AccountId) -> (DepositId, i64) {
        let desk = &self.app.house.front_desk;
        let stay = self.agreed(guest, TODAY).await;
        let first = self.bills(stay).await.remove(0);
        self.paid(first).await;
        let inside = desk.check_in_booking(&self.operator(), stay, 2).await.unwrap();
        desk.check_out_booking(&self.operator(), stay, inside.version, CheckOutBooking::default()).await.unwrap();
        let stay = BilledStay::new(stay.uuid()).to_string();
        let asked = ListDeposits { booking_id: Some(stay), ..ListDeposits::default() };
        let page = Page::first("created_at", false);
        let found = self.app.house.payments.bursar.list_deposits(&self.operator(), asked, &page).await.unwrap();
        (found.rows[0].id, found.rows[0].version)
    }

    /// Who has nothing to do with money, or with this hostel, is asked for on the same records as all others of them: a refusal
    /// leaves them as they are.
    pub(super) async fn question_of_money(&self, id: &'static str, who: Who, caller: &Caller) -> Option<Question> {
        let is_known = match who {
            Who::Member(role) => Permission::PaymentsReadOwn.held_by(role),
            Who::SuperAdmin => true,
            Who::Anonymous | Who::ForeignAdmin | Who::Revoked | Who::Garbage | Who::Expired => false,
        };
        if is_known {
            return self.fresh_question_of_money(id, who, caller).await;
        }
        if let Some(shared) = self.shared.lock().unwrap().get(id) {
            return Some(shared.clone());
        }
        let question = self.fresh_question_of_money(id, who, caller).await?;
        self.shared.lock().unwrap().insert(id, question.clone());
        Some(question)
    }

    async fn fresh_question_of_money(&self, id: &str, who: Who, caller: &Caller) -> Option<Question> {
        let payer = self.payer(who, caller).await;
        let (bursar, money) = (&self.app.house.payments.bursar, Money::new(100, Currency::GHS));
        Some(match id {
            "quotes.get" => {
                let room = self.app.room(self.hostel, 1).await.id;
                Question::at(format!("/api/quotes?room_id={room}&check_in_date={LATER}&check_out_date=2026-06-01"))
            }
            "bookings.quote" => {
                let stay = self.app.stay(self.hostel, payer, LATER).await;
                Question::at(format!("/api/bookings/{}/quote", stay.id))
            }
            "invoices.list" => Question::at("/api/invoices"),
            "payments.list" => Question::at("/api/payments"),
            "deposits.list" => Question::at("/api/deposits"),
            "wallet.get" => Question::at("/api/wallet"),
            "ledger.journals" => Question::at("/api/admin/ledger/journals"),
            "ledger.balances" => Question::at("/api/admin/ledger/balances"),
            "ledger.put_aside" => Question::at("/api/admin/ledger/put-aside"),
            "ledger.quarantine" => Question::at("/api/admin/ledger/quarantine"),
            "billing.statement" => {
                Question::at(format!("/api/billing/statement?from=2026-01-01&to=2026-02-01&user_id={payer}"))
            }
            "billing.terms" => Question::at("/api/billing/terms"),
            "billing.update_terms" => {
                let version = bursar.terms(&self.operator()).await.unwrap().version;
                Question::at("/api/billing/terms").with(json!({ "answer_days": 20 + version % 2 })).seen(version)
            }
            "invoices.get" => Question::at(format!("/api/invoices/{}", self.bill(payer).await)),
            "payments.initialize" => {
                Question::at("/api/payments/initialize").with(json!({ "invoice_id": self.bill(payer).await }))
            }
            "payments.get" | "payments.receipt" | "payments.refunds" | "payments.verify" | "payments.refund" => {
                let bill = self.bill(payer).await;
                let paid = self.paid(bill).await;
                let path = format!("/api/payments/{}", paid.id);
                match id {
                    "payments.get" => Question::at(path),
                    "payments.receipt" => Question::at(format!("{path}/receipt")),
                    "payments.refunds" => Question::at(format!("{path}/refunds")),
                    "payments.verify" => Question::at(format!("/api/payments/verify/{}", paid.reference)),
                    _ => Question::at(format!("{path}/refund")).with(json!({ "amount": money, "reason": "Closed" })),
                }
            }
            "payments.apply" => {
                // The stay lost its bed before the money came.
                let stay = self.agreed(payer, LATER).await;
                let first = self.bills(stay).await.remove(1);
                let begun = self.begun(first).await;
                let given_up = domicile_booking::CancelBooking::default();
                self.app.house.front_desk.cancel_booking(&self.operator(), stay, 2, given_up).await.unwrap();
                let paid = self.pressed(begun).await;
                let body = json!({ "invoice_id": self.bill(payer).await });
                Question::at(format!("/api/payments/{}/apply", paid.id)).with(body)
            }
            "payments.webhook" => {
                let body = json!({ "event": "transfer.success", "data": { "id": self.unique() } });
                let keys = std::fs::read_to_string(key_file(&self.app.house.settings.data_dir)).unwrap();
                let key = SecretKey::new(KeyRing::parse(&keys).unwrap().sandbox_secret().as_str()).unwrap();
                let signature = key.sign(body.to_string().as_bytes());
                Question::at("/api/payments/webhook/sandbox").with(body).header(SIGNATURE_HEADER, signature)
            }
            "sandbox.page" | "sandbox.press" => {
                let bill = self.bill(payer).await;
                let url = self.begun(bill).await.url;
                let page = Question::at(url.strip_prefix(&self.app.base).unwrap());
                if id == "sandbox.page" { page } else { page.form("action=pay") }
            }
            "refunds.get" => Question::at(format!("/api/refunds/{}", self.refund(payer).await)),
            "refunds.retry" => Question::at(format!("/api/refunds/{}/retry", self.refund(payer).await))
                .with(json!({ "account_number": "0123456789", "bank_id": "9" })),
            "wallet.topup" => Question::at("/api/wallet/topup").with(json!({ "amount": money })),
            "wallet.pay" => {
                let body = json!({ "invoice_id": self.bill(payer).await, "amount": money });
                if let (Who::Member(role), Some(person)) = (who, &caller.person)
                    && Permission::PaymentsCreate.held_by(role)
                {
                    let filled = self.app.post("/api/wallet/topup").by(person).json(json!({ "amount": money }));
                    let filled = crate::money::stage::Begun::of(&filled.told().await.is(201));
                    let id = filled.id.parse::<uuid::Uuid>().unwrap();
                    self.pressed(Paid { id: PaymentId::new(id), reference: filled.reference, url: filled.url }).await;
                }
                Question::at("/api/wallet/pay").with(body)
            }
            "deposits.get" | "deposits.assess" | "deposits.settle" | "deposits.answer" => {
                let (deposit, version) = self.deposit(payer).await;
                let path = format!("/api/deposits/{deposit}");
                match id {
                    "deposits.get" => Question::at(path),
                    "deposits.assess" => {
                        Question::at(format!("{path}/assess")).with(json!({ "deductions": [] })).seen(version)
                    }
                    "deposits.settle" => Question::at(format!("{path}/settle")).with(json!({})).seen(version),
                    _ => {
                        let broken = NewDeduction { description: Some("A window".into()), amount: Some(money) };
                        let proposed = AssessDeposit { deductions: Some(vec![broken]) };
                        let after = bursar.assess_deposit(&self.operator(), deposit, version, proposed).await.unwrap();
                        Question::at(format!("{path}/answer")).with(json!({ "accepted": true })).seen(after.version)
                    }
                }
            }
            _ => return None,
        })
    }
}
