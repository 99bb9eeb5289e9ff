//! The rows of the table that are billing's.

use domicile_billing::{
    BillingQueries, DepositFilter, InvoiceFilter, JournalFilter, PaymentFilter,
    model::{
        Account, Allocation, BillingTerms, BookingId, Deduction, Deposit, DepositRecord, DepositStatus, InboxState,
        Invoice, InvoiceKind, InvoiceRecord, Journal, Line, LineKind, NewInboxEntry, Payment, PaymentId, PaymentRecord,
        PaymentState, Period, Quarantined, Refund, RefundId, RefundOrigin, RefundRecord, RefundState, Suspicion,
        Target,
    },
    ports::{BillingUows, PaymentWritten, Posted, Written},
};
use domicile_kernel::{
    AccountId, Currency, HostelId, IdempotencyKey, Money, Outcome, Page, Position, Purpose, Role, Scope, Text,
};
use domicile_testkit::store::TestStore;

use super::Count;

/// The records of one hostel that are counted with.
struct Records<'a> {
    store: &'a TestStore,
    hostel_id: HostelId,
    user_id: AccountId,
    booking_id: BookingId,
}

impl Records<'_> {
    fn invoice(&self, kind: InvoiceKind, sequence: u32) -> Invoice {
        let now = self.store.ambient.now();
        let from = "2026-02-01".parse::<domicile_kernel::HostelDay>().unwrap();
        let line = Line { number: 1, kind: LineKind::Rent, text: Text::clean("Rent"), amount: 1_000, at: now };
        Invoice::from_record(InvoiceRecord {
            id: self.store.ambient.id(),
            hostel_id: self.hostel_id,
            booking_id: self.booking_id,
            user_id: self.user_id,
            kind,
            sequence,
            period: Period { from, to: from.plus_months(1) },
            due_date: from,
            currency: Currency::GHS,
            lines: vec![line],
            paid: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        })
        .unwrap()
    }

    fn payment(&self) -> Payment {
        let (id, now): (PaymentId, _) = (self.store.ambient.id(), self.store.ambient.now());
        Payment::from_record(PaymentRecord {
            id,
            hostel_id: self.hostel_id,
            user_id: self.user_id,
            booking_id: None,
            invoice_id: None,
            purpose: domicile_billing::model::Purpose::WalletTopup,
            provider: "sandbox".to_owned(),
            reference: Payment::reference_of(id),
            amount: Money::new(1_000, Currency::GHS),
            refunded: 0,
            refund_pending: 0,
            fees: None,
            gateway_id: None,
            authorization_url: Some("https://gateway.example/1".to_owned()),
            asking_until: None,
            expires_at: now,
            state: PaymentState::Completed { at: now },
            version: 1,
            created_at: now,
            updated_at: now,
        })
        .unwrap()
    }

    fn refund(&self, payment: &Payment) -> Refund {
        let (id, now): (RefundId, _) = (self.store.ambient.id(), self.store.ambient.now());
        Refund::from_record(RefundRecord {
            id,
            hostel_id: self.hostel_id,
            payment_id: payment.id(),
            user_id: self.user_id,
            amount: Money::new(10, Currency::GHS),
            reason: Text::clean("too much"),
            origin: RefundOrigin::Decided,
            taken_from: Vec::new(),
            reference: Refund::reference_of(id),
            gateway_id: None,
            message: None,
            attempts: 0,
            asking_until: None,
            state: RefundState::Pending,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    fn deposit(&self, invoice: &Invoice) -> Deposit {
        let now = self.store.ambient.now();
        Deposit::from_record(DepositRecord {
            id: self.store.ambient.id(),
            hostel_id: self.hostel_id,
            booking_id: self.booking_id,
            user_id: self.user_id,
            invoice_id: invoice.id(),
            currency: Currency::GHS,
            held: 100,
            deductions: Vec::new(),
            answer_until: None,
            answer: None,
            returned: 0,
            status: DepositStatus::Held,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    fn journal(&self, key: &str, amount: i64) -> Journal {
        let entries = [(Account::Receivable(self.user_id), amount), (Account::RentIncome, -amount)];
        let (id, now) = (self.store.ambient.id(), self.store.ambient.now());
        Journal::new(id, self.hostel_id, key.to_owned(), "Rent".to_owned(), Currency::GHS, entries, now).unwrap()
    }

    fn webhook(&self) -> NewInboxEntry {
        NewInboxEntry {
            id: self.store.ambient.id(),
            hostel_id: Some(self.hostel_id),
            provider: "sandbox".to_owned(),
            dedupe_key: "charge:1".to_owned(),
            reference: None,
            headers: String::new(),
            body: b"{}".to_vec(),
            state: InboxState::Waiting,
            received_at: self.store.ambient.now(),
        }
    }
}

#[tokio::test]
async fn each_method_of_billing_makes_as_many_round_trips_as_the_table_says() {
    for store in TestStore::both().await {
        let mut count = Count { store: &store, wrong: Vec::new() };
        let db = &store.database;
        let hostel_id = store.hostel("Counted").await;
        let user_id = store.member(hostel_id, Role::Manager).await;
        let records = Records { store: &store, hostel_id, user_id, booking_id: store.ambient.id() };
        let call = store.call_as(user_id, Some(Role::Admin), Scope::Hostel(hostel_id));
        let installation = store.call(Scope::System(Purpose::Payments));
        let now = store.ambient.now();
        // SQLite's only writer needs no locks.
        let lock = u64::from(store.is_postgres());

        let mut uow = BillingUows::begin(db, &call).await.unwrap();
        count!(count, 1, "house", uow.house().await);
        count!(count, 1, "held_house", uow.held_house().await);
        count!(count, 1, "parties", uow.parties(user_id).await);
        count!(count, 1, "terms.find", uow.terms().find().await);
        let terms = BillingTerms { version: 1, updated_at: Some(now), ..BillingTerms::default() };
        assert_eq!(count!(count, 1, "terms.put", uow.terms().put(&terms).await), Written::Written);
        count!(count, 1, "stays.find", uow.stays().find(records.booking_id).await);

        let bills = [
            records.invoice(InvoiceKind::Deposit, 1),
            records.invoice(InvoiceKind::Rent, 1),
            records.invoice(InvoiceKind::Rent, 2),
        ];
        // As many as there are.
        assert_eq!(count!(count, 2, "invoices.insert", uow.invoices().insert(&bills).await), Written::Written);
        let bill = &bills[1];
        count!(count, 1, "invoices.find", uow.invoices().find(bill.id()).await);
        count!(count, 1 + lock, "invoices.lock", uow.invoices().lock(bill.id()).await);
        let all = uow.invoices().lock_of_booking(records.booking_id);
        assert_eq!(count!(count, 1 + lock, "invoices.lock_of_booking", all.await).len(), 3);
        let paid = bill.clone().paid_by(10, now).unwrap();
        assert_eq!(count!(count, 1, "invoices.update", uow.invoices().update(&paid).await), Written::Written);
        let (adjusted, ..) = paid.with_line(LineKind::Adjustment, Text::clean("less"), -5, now).unwrap();
        let updated = count!(count, 2, "invoices.update with a line", uow.invoices().update(&adjusted).await);
        assert_eq!(updated, Written::Written);

        let payment = records.payment();
        let written = count!(count, 1, "payments.insert", uow.payments().insert(&payment).await);
        assert_eq!(written, PaymentWritten::Written);
        count!(count, 1, "payments.find", uow.payments().find(payment.id()).await);
        let payment = count!(count, 1, "payments.lock", uow.payments().lock(payment.id()).await).unwrap();
        let reference = payment.record().reference.clone();
        count!(count, 1, "payments.find_by_reference", uow.payments().find_by_reference("sandbox", &reference).await);
        let reserved = payment.clone().reserve_refund(10, now).unwrap();
        let written = count!(count, 1, "payments.update", uow.payments().update(&reserved).await);
        assert_eq!(written, PaymentWritten::Written);

        let row = |target, amount| Allocation { payment_id: payment.id(), target, amount };
        let rows = [row(Target::Invoice(bill.id()), 10), row(Target::Wallet, 5), row(Target::Suspense, 1)];
        count!(count, 1, "allocations.add", uow.allocations().add(&rows).await);
        assert_eq!(
            count!(count, 1, "allocations.of_payment", uow.allocations().of_payment(payment.id()).await).len(),
            3
        );
        let ever = count!(count, 1, "allocations.ever_of_invoice", uow.allocations().ever_of_invoice(bill.id()).await);
        assert_eq!(ever.len(), 1);
        assert_eq!(count!(count, 1, "allocations.of_invoice", uow.allocations().of_invoice(bill.id()).await).len(), 1);

        let refund = records.refund(&payment);
        assert_eq!(count!(count, 1, "refunds.insert", uow.refunds().insert(&refund).await), Written::Written);
        count!(count, 1, "refunds.find", uow.refunds().find(refund.id()).await);
        let refund = count!(count, 1, "refunds.lock", uow.refunds().lock(refund.id()).await).unwrap();
        let asking = refund.asking(now.plus(std::time::Duration::from_secs(9)), now).unwrap();
        assert_eq!(count!(count, 1, "refunds.update", uow.refunds().update(&asking).await), Written::Written);
        count!(count, 1, "refunds.of_payment", uow.refunds().of_payment(payment.id()).await);

        let deposit = records.deposit(&bills[0]);
        assert_eq!(count!(count, 1, "deposits.insert", uow.deposits().insert(&deposit).await), Written::Written);
        count!(count, 1, "deposits.find", uow.deposits().find(deposit.id()).await);
        count!(count, 1 + lock, "deposits.lock", uow.deposits().lock(deposit.id()).await);
        let of_stay = uow.deposits().lock_of_booking(records.booking_id);
        count!(count, 1 + lock, "deposits.lock_of_booking", of_stay.await);
        let lamp = |amount| Deduction { text: Text::clean("a lamp"), amount };
        let assessed = deposit.assess(vec![lamp(5), lamp(6), lamp(7)], now, now).unwrap();
        assert_eq!(count!(count, 3, "deposits.update", uow.deposits().update(&assessed).await), Written::Written);

        // Journals and entries, and the accounts once to lock and once to move, however many there are.
        let journals: Vec<_> = (0..12).map(|n| records.journal(&format!("k:{n}"), n + 1)).collect();
        assert_eq!(count!(count, 4, "ledger.post", uow.ledger().post(&journals).await), Posted::Posted);
        let again = [records.journal("k:0", 1)];
        let repeated = count!(count, 1, "ledger.post of a known key", uow.ledger().post(&again).await);
        assert_eq!(repeated, Posted::Repeated("k:0".to_owned()));
        count!(count, 1, "ledger.balance", uow.ledger().balance(&Account::RentIncome, Currency::GHS).await);
        let found = Quarantined {
            id: store.ambient.id(),
            hostel_id,
            payment_id: payment.id(),
            provider: "sandbox".to_owned(),
            suspicion: Suspicion::Amount,
            expected: Money::new(2, Currency::GHS),
            reported: Money::new(1, Currency::GHS),
            note: Text::clean("success"),
            at: now,
        };
        assert!(count!(count, 1, "quarantine.add", uow.quarantine().add(&found).await));
        count!(count, 1, "commit", uow.commit(Outcome::done()).await);

        let mut uow = count!(count, 1, "begin", BillingUows::begin(db, &installation).await);
        let webhook = records.webhook();
        assert!(count!(count, 1, "inbox.whose", uow.inbox().whose("sandbox", &reference).await).is_some());
        let _ = count!(count, 1, "inbox.receive", uow.inbox().receive(&webhook).await);
        let _ = count!(count, 1, "inbox.receive again", uow.inbox().receive(&webhook).await);
        uow.commit(Outcome::done()).await.unwrap();
        let mut uow = BillingUows::begin(db, &call).await.unwrap();
        assert!(count!(count, 1, "inbox.find", uow.inbox().find(webhook.id).await).is_some());
        assert!(count!(count, 1, "inbox.lock", uow.inbox().lock(webhook.id).await).is_some());
        count!(count, 1, "inbox.mark", uow.inbox().mark(webhook.id, &InboxState::Processed { at: now }).await);
        uow.commit(Outcome::done()).await.unwrap();

        // The later step of a command costs the key one statement, at its commit.
        let mut keyed = call.clone();
        keyed.idempotency = Some(IdempotencyKey { key: "k".to_owned(), fingerprint: [1; 32] });
        BillingUows::begin(db, &keyed).await.unwrap().commit(Outcome::done()).await.unwrap();
        let uow = count!(count, 1, "begin of a later step", BillingUows::begin(db, &keyed.completes()).await);
        count!(count, 2, "commit of a later step", uow.commit(Outcome::done()).await);

        let page = Page::first("created_at", true);
        let by_cursor = Page { position: Position::After(None), ..page.clone() };
        for (name, page) in [("number", &page), ("cursor", &by_cursor)] {
            let before = db.round_trips();
            assert_eq!(db.invoices(&call, &InvoiceFilter::default(), page).await.unwrap().rows.len(), 3);
            assert_eq!(db.payments(&call, &PaymentFilter::default(), page).await.unwrap().rows.len(), 1);
            assert_eq!(db.deposits(&call, &DepositFilter::default(), page).await.unwrap().rows.len(), 1);
            assert_eq!(db.journals(&call, &JournalFilter::default(), page).await.unwrap().rows.len(), 12);
            assert_eq!(db.quarantined(&call, page).await.unwrap().rows.len(), 1);
            count.is(&format!("five lists by {name}"), before, 10);
        }
        count!(count, 2, "read house", BillingQueries::house(db, &call).await);
        count!(count, 2, "read terms", BillingQueries::terms(db, &call).await);
        count!(count, 2, "invoice", db.invoice(&call, bill.id()).await);
        count!(count, 2, "payment", db.payment(&call, payment.id()).await);
        count!(count, 2, "payment_by_reference", db.payment_by_reference(&call, &reference).await);
        count!(count, 2, "uses", db.uses(&call, payment.id()).await);
        count!(count, 2, "refunds", db.refunds(&call, payment.id()).await);
        count!(count, 2, "refund", db.refund(&call, asking.id()).await);
        count!(count, 2, "deposit", db.deposit(&call, assessed.id()).await);
        count!(count, 2, "balances", db.balances(&call).await);
        count!(count, 2, "balance", db.balance(&call, &Account::RentIncome).await);
        count!(count, 2, "owed_before", db.owed_before(&call, user_id, now).await);
        count!(
            count,
            2,
            "movements",
            db.movements(&call, user_id, now, now.plus(std::time::Duration::from_secs(1))).await
        );
        count!(count, 2, "stay", db.stay(&call, records.booking_id).await);
        count!(count, 2, "parties", BillingQueries::parties(db, &call, user_id).await);
        count!(count, 2, "unfinished", db.unfinished(&installation, now, None, 10).await);
        assert!(count.wrong.is_empty(), "on {:?}:\n{}", db.backend(), count.wrong.join("\n"));
    }
}
