//! A hostel with students, staff, a manager and an admin, a gateway, and a bursar over memory.

use std::sync::Arc;

use domicile_billing::{
    AskWallet, BillingJob, Bursar, DepositView, InitializePayment, InitializedPayment, InvoiceView, JobDone,
    ListDeposits, ListInvoices, PaymentView, RefundPayment, RefundView, UpdateTerms, Webhook, Work,
    memory::{MemoryBilling, MemoryGateway, PlainPrinter},
    model::{Account, StayFacts, StayState},
    ports::{BillingUows, Gateways},
    stays::{Followed, follow},
};
use domicile_kernel::{
    AccountId, Actor, Call, Currency, Detail, Fault, HostelId, Money, NewEvent, Outcome, Page, Purpose, RequestId,
    Role, Scope, SessionId, Who,
    ports::{Ambient, fixed},
};

pub(crate) struct House {
    pub(crate) bursar: Bursar,
    pub(crate) memory: MemoryBilling,
    pub(crate) gateway: Arc<MemoryGateway>,
    pub(crate) ambient: Ambient,
    pub(crate) clock: Arc<fixed::FixedClock>,
    pub(crate) id: HostelId,
    people: Vec<(Role, AccountId)>,
}

impl House {
    /// It is the 20th of January 2026, ten in the morning, in Accra.
    pub(crate) fn new() -> Self {
        Self::billing_in(Currency::GHS)
    }

    pub(crate) fn billing_in(currency: Currency) -> Self {
        let (ambient, clock) = fixed::ambient("2026-01-20T10:00:00Z");
        let memory = MemoryBilling::new();
        let id = ambient.id();
        memory.open_hostel(id, "Attic Hostel", currency);
        let roles = [Role::Manager, Role::Admin, Role::Staff, Role::Student, Role::Student];
        let people: Vec<_> = roles.into_iter().map(|role| (role, ambient.id())).collect();
        for (at, (role, person)) in people.iter().enumerate() {
            memory.enrol(*person, &format!("{}{at}@example.com", role.as_str()));
        }
        let gateway = Arc::new(MemoryGateway::new("sandbox"));
        let bursar = Bursar::new(
            Arc::new(memory.clone()),
            Arc::new(memory.clone()),
            Gateways::new().with(gateway.clone()),
            Arc::new(PlainPrinter),
            ambient.clone(),
        );
        Self { bursar, memory, gateway, ambient, clock, id, people }
    }

    /// The same house, with other gateways.
    pub(crate) fn with_gateways(&self, gateways: Gateways) -> Bursar {
        let (memory, ambient) = (Arc::new(self.memory.clone()), self.ambient.clone());
        Bursar::new(memory.clone(), memory, gateways, Arc::new(PlainPrinter), ambient)
    }

    pub(crate) async fn with_terms(terms: UpdateTerms) -> Self {
        let house = Self::new();
        house.bursar.update_terms(&house.admin(), 0, terms).await.unwrap();
        house
    }

    /// Deposits of one month.
    pub(crate) async fn with_deposits() -> Self {
        Self::with_terms(UpdateTerms { deposit_percent: Some(100), ..UpdateTerms::default() }).await
    }

    pub(crate) fn student_id(&self, nth: usize) -> AccountId {
        self.people.iter().filter(|(role, _)| *role == Role::Student).nth(nth).unwrap().1
    }

    #[expect(clippy::disallowed_methods, reason = "a test vouches for its own actors")]
    pub(crate) fn call_of(&self, who: Who, scope: Scope) -> Call {
        Call::new(Actor::vouched_for(who), scope, RequestId::from_uuid(self.ambient.ids.uuid()))
    }

    pub(crate) fn call(&self, id: AccountId, role: Role) -> Call {
        let session = SessionId::new(self.ambient.ids.uuid());
        self.call_of(Who::Account { id, session, role: Some(role) }, Scope::Hostel(self.id))
    }

    fn person(&self, role: Role) -> Call {
        self.call(self.people.iter().find(|(of, _)| *of == role).unwrap().1, role)
    }

    pub(crate) fn student(&self, nth: usize) -> Call {
        self.call(self.student_id(nth), Role::Student)
    }

    pub(crate) fn manager(&self) -> Call {
        self.person(Role::Manager)
    }

    pub(crate) fn admin(&self) -> Call {
        self.person(Role::Admin)
    }

    pub(crate) fn staff(&self) -> Call {
        self.person(Role::Staff)
    }

    pub(crate) fn system(&self) -> Call {
        self.call_of(Who::System(Purpose::Jobs), Scope::System(Purpose::Jobs))
    }

    pub(crate) fn anybody(&self) -> Call {
        self.call_of(Who::Anonymous, Scope::System(Purpose::Payments))
    }

    pub(crate) fn go_to(&self, instant: &str) {
        self.clock.set(instant.parse().unwrap());
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// A stay of a student from February to the end of March, for 450 cedis a month, that nobody has agreed to.
    pub(crate) fn asked(&self, student: usize) -> StayFacts {
        StayFacts {
            booking_id: self.ambient.id(),
            guest: self.student_id(student),
            check_in: "2026-02-01".parse().unwrap(),
            check_out: "2026-04-01".parse().unwrap(),
            monthly_price: cedis(45_000),
            first_months: Vec::new(),
            total_price: cedis(90_000),
            state: StayState::Asked,
        }
    }

    /// The same, agreed and billed.
    pub(crate) async fn agreed(&self, student: usize) -> StayFacts {
        let stay = StayFacts { state: StayState::Holding, ..self.asked(student) };
        self.change(&stay).await;
        stay
    }

    /// Changes a stay, and what is owed for it.
    pub(crate) async fn change(&self, stay: &StayFacts) -> Followed {
        self.memory.put_stay(self.id, stay.clone());
        let mut uow = self.memory.begin(&self.manager()).await.unwrap();
        let followed = follow(&mut *uow, &self.ambient, stay).await.unwrap();
        uow.commit(Outcome::done()).await.unwrap();
        followed
    }

    pub(crate) async fn give_up(&self, stay: &StayFacts) -> Followed {
        self.change(&StayFacts { state: StayState::GivenUp, ..stay.clone() }).await
    }

    pub(crate) async fn move_out(&self, stay: &StayFacts) -> Followed {
        self.change(&StayFacts { state: StayState::MovedOut, ..stay.clone() }).await
    }

    pub(crate) async fn invoices(&self, stay: &StayFacts) -> Vec<InvoiceView> {
        let asked = ListInvoices { booking_id: Some(stay.booking_id.to_string()), ..ListInvoices::default() };
        self.bursar.list_invoices(&self.manager(), asked, &Page::first("due_date", false)).await.unwrap().rows
    }

    pub(crate) async fn deposit(&self, stay: &StayFacts) -> DepositView {
        let asked = ListDeposits { booking_id: Some(stay.booking_id.to_string()), ..ListDeposits::default() };
        let page = Page::first("created_at", true);
        self.bursar.list_deposits(&self.manager(), asked, &page).await.unwrap().rows.remove(0)
    }

    pub(crate) async fn begin(&self, invoice: &InvoiceView, amount: Option<i64>) -> InitializedPayment {
        let call = self.call(invoice.user_id, Role::Student);
        self.bursar.initialize_payment(&call, paying(invoice, amount)).await.unwrap()
    }

    /// Begins to pay, pays at the gateway and comes back.
    pub(crate) async fn pay(&self, invoice: &InvoiceView, amount: Option<i64>) -> PaymentView {
        let begun = self.begin(invoice, amount).await;
        self.gateway.pay(&begun.payment.reference);
        self.verify(&begun.payment).await
    }

    pub(crate) async fn verify(&self, payment: &PaymentView) -> PaymentView {
        self.bursar.verify_payment(&self.manager(), &payment.reference).await.unwrap()
    }

    pub(crate) async fn payment(&self, payment: &PaymentView) -> PaymentView {
        self.bursar.payment(&self.manager(), payment.id).await.unwrap()
    }

    pub(crate) async fn refund(&self, payment: &PaymentView, amount: Option<i64>) -> RefundView {
        self.bursar.refund_payment(&self.admin(), payment.id, refunding(amount)).await.unwrap()
    }

    pub(crate) async fn wallet(&self, student: usize) -> i64 {
        self.bursar.wallet(&self.student(student), AskWallet::default()).await.unwrap().balance.amount_minor()
    }

    /// The balance of an account in the books.
    pub(crate) fn balance(&self, account: &Account) -> i64 {
        let journals = self.memory.journals(self.id);
        let entries = journals.iter().flat_map(domicile_billing::model::Journal::entries);
        entries.filter(|entry| entry.account == *account).map(|entry| entry.amount).sum()
    }

    /// How many journals have a key that begins so.
    pub(crate) fn journals(&self, of: &str) -> usize {
        self.memory.journals(self.id).iter().filter(|journal| journal.key().starts_with(of)).count()
    }

    /// Delivers what the gateway would tell of a charge.
    pub(crate) async fn deliver(&self, reference: &str) {
        let (signature, body) = self.gateway.webhook(reference).unwrap();
        self.bursar.receive_webhook(&self.anybody(), webhook(Some(signature), body)).await.unwrap();
    }

    /// Does every job that is due, as often as it takes; answers how many were done.
    pub(crate) async fn work(&self) -> usize {
        for round in 0..50 {
            let now = self.ambient.now();
            let due: Vec<_> = self.memory.jobs().into_iter().filter(|job| job.due <= now).collect();
            if due.is_empty() {
                return round;
            }
            for job in due {
                let read = BillingJob::read(job.kind, &job.payload).unwrap();
                match self.bursar.perform(&self.system(), read).await.unwrap() {
                    JobDone::Done => self.memory.complete_job(&job),
                    JobDone::Again(due, _) => self.memory.postpone_job(&job, due),
                }
            }
        }
        panic!("work is never done");
    }

    /// Does what there is nothing left of afterwards.
    pub(crate) async fn perform(&self, work: Work) {
        let done = self.bursar.perform(&self.system(), BillingJob { hostel_id: self.id, work }).await.unwrap();
        assert_eq!(done, JobDone::Done, "{work:?}");
    }

    pub(crate) fn events(&self, kind: &str) -> Vec<NewEvent> {
        self.memory.events().into_iter().filter(|event| event.kind == kind).collect()
    }
}

pub(crate) fn webhook(signature: Option<String>, body: Vec<u8>) -> Webhook {
    Webhook { provider: "sandbox".to_owned(), signature, headers: "x-test: 1".to_owned(), body }
}

pub(crate) fn paying(invoice: &InvoiceView, amount: Option<i64>) -> InitializePayment {
    InitializePayment {
        invoice_id: Some(invoice.id.to_string()),
        amount: amount.map(cedis),
        ..InitializePayment::default()
    }
}

pub(crate) fn refunding(amount: Option<i64>) -> RefundPayment {
    RefundPayment { amount: amount.map(cedis), reason: Some("The shower was cold".to_owned()) }
}

pub(crate) fn cedis(minor: i64) -> Money {
    Money::new(minor, Currency::GHS)
}

/// Total, paid and status of each invoice.
pub(crate) fn sums(invoices: &[InvoiceView]) -> Vec<(i64, i64, &'static str)> {
    let row =
        |invoice: &InvoiceView| (invoice.total.amount_minor(), invoice.paid.amount_minor(), invoice.status.as_str());
    invoices.iter().map(row).collect()
}

/// The refusal's code.
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, impl Fault>) -> &'static str {
    result.unwrap_err().code().as_str()
}

/// The names of the wrong fields and the rules they broke.
pub(crate) fn wrong<T: std::fmt::Debug>(result: Result<T, impl Fault>) -> Vec<String> {
    match result.unwrap_err().detail() {
        Detail::Fields(errors) => errors.0.into_iter().map(|error| format!("{} {}", error.field, error.rule)).collect(),
        other => panic!("no field errors but {other:?}"),
    }
}
