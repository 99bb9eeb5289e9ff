//! What every implementation of the ports must do, as assertions to be run over it: over the ports in memory by this
//! crate's tests, over each database by its adapter's. A promise broken is a panic that says which.
//!
//! [`sequences`] plays random sequences of money operations over an implementation, and checks after each that everything
//! adds up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a promise that is not kept should stop the check")]

mod inbox;
mod ledger;
mod lists;
mod records;
pub mod sequences;
mod transactions;

use std::sync::Arc;

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Actor, Call, Currency, HostelDay, HostelId, Instant, Money, Outcome, Purpose, RequestId, Role, Scope,
    SessionId, Text, Who, ports::Ambient,
};

use crate::{
    model::{
        Deposit, DepositRecord, DepositStatus, Invoice, InvoiceKind, InvoiceRecord, Line, LineKind, Payment, PaymentId,
        PaymentRecord, PaymentState, Period, Refund, RefundOrigin, RefundRecord, RefundState, RoomId, StayFacts,
        StayState,
    },
    ports::{BillingUow, BillingUows, PaymentWritten, Written},
    queries::BillingQueries,
};

/// An implementation under test, and how to set up what it does not write itself.
#[async_trait]
pub trait World: Send + Sync {
    /// Its units of work.
    fn uows(&self) -> Arc<dyn BillingUows>;

    /// Its reading.
    fn queries(&self) -> Arc<dyn BillingQueries>;

    /// Time and ids. Two calls never give the same id.
    fn ambient(&self) -> Ambient;

    /// Lets time pass on the clock of [`ambient`](Self::ambient).
    fn wait(&self, time: std::time::Duration);

    /// A hostel that nothing else uses, called `Attic Hostel`, with bills in `GHS` on the clock of `Africa/Accra`, and as
    /// many members, each with an address.
    async fn house(&self, members: usize) -> House;

    /// Makes or changes a stay, as the context of bookings would have it. A guest has one stay at most, in a bed of its own.
    async fn put_stay(&self, house: HostelId, stay: &StayFacts);

    /// Takes the record of a stay away that was given up or is over.
    async fn remove_stay(&self, house: HostelId, stay: &StayFacts);

    /// A room of the hostel with a monthly price.
    async fn room(&self, house: HostelId, monthly_price: Money) -> RoomId;
}

/// A hostel to try things in.
#[derive(Debug, Clone)]
pub struct House {
    /// Which.
    pub id: HostelId,
    /// Its members, in no order.
    pub members: Vec<AccountId>,
}

/// Checks every promise, one after the other.
pub async fn all(world: &dyn World) {
    records::terms_are_written_over_the_version_before(world).await;
    records::an_invoice_is_read_back_whole(world).await;
    records::an_invoice_is_only_changed_from_the_version_before(world).await;
    records::a_line_that_is_written_never_changes(world).await;
    records::the_invoices_of_a_stay_are_locked_by_age(world).await;
    records::a_payment_is_read_back_whole_in_every_state(world).await;
    records::a_reference_is_taken_once_in_all_hostels(world).await;
    records::what_payments_are_used_for_is_summed(world).await;
    records::a_refund_is_read_back_whole(world).await;
    records::a_deposit_is_read_back_whole(world).await;
    records::a_stay_is_read_as_it_is(world).await;
    records::one_hostel_never_sees_the_money_of_another(world).await;
    ledger::journals_move_balances(world).await;
    ledger::a_key_is_posted_once_in_a_hostel(world).await;
    ledger::an_account_never_has_the_wrong_sign(world).await;
    ledger::signs_are_judged_after_all_journals(world).await;
    ledger::what_a_person_owes_is_told_by_time(world).await;
    inbox::a_webhook_is_kept_once(world).await;
    inbox::an_entry_belongs_to_the_hostel_of_its_payment(world).await;
    inbox::what_was_put_aside_is_listed_to_its_hostel(world).await;
    inbox::what_does_not_fit_is_put_aside_once(world).await;
    inbox::what_is_unfinished_is_found(world).await;
    transactions::what_is_rolled_back_or_dropped_never_was(world).await;
    transactions::a_key_used_again_gets_the_first_answer(world).await;
    transactions::the_last_step_replaces_the_answer_of_the_first(world).await;
    lists::invoices_are_sorted_paged_and_found(world).await;
    lists::payments_are_sorted_paged_and_found(world).await;
    lists::deposits_and_journals_are_found(world).await;
    lists::an_offer_is_made_for_rooms_that_are_there(world).await;
}

/// Everything a check needs, under short names.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) ambient: Ambient,
    pub(crate) house: House,
}

impl<'a> Stage<'a> {
    async fn set(world: &'a dyn World) -> Self {
        Self { world, ambient: world.ambient(), house: world.house(4).await }
    }

    fn member(&self, index: usize) -> AccountId {
        self.house.members.get(index).copied().unwrap()
    }

    /// A call of somebody in the hostel.
    fn call_of(&self, id: AccountId, role: Role) -> Call {
        let session = SessionId::new(self.ambient.ids.uuid());
        self.call_by(Who::Account { id, session, role: Some(role) }, Scope::Hostel(self.house.id))
    }

    #[expect(clippy::disallowed_methods, reason = "the contract plays people, whom nobody else vouches for")]
    fn call_by(&self, who: Who, scope: Scope) -> Call {
        Call::new(Actor::vouched_for(who), scope, RequestId::from_uuid(self.ambient.ids.uuid()))
    }

    fn call(&self) -> Call {
        self.call_of(self.member(0), Role::Admin)
    }

    /// A call of the installation, on what belongs to no hostel.
    fn installation(&self) -> Call {
        self.call_by(Who::System(Purpose::Payments), Scope::System(Purpose::Payments))
    }

    async fn begin(&self) -> Box<dyn BillingUow> {
        self.world.uows().begin(&self.call()).await.unwrap()
    }

    async fn begin_installation(&self) -> Box<dyn BillingUow> {
        self.world.uows().begin(&self.installation()).await.unwrap()
    }

    /// A stay of a member, from February to the end of April 2026.
    fn stay(&self, guest: usize) -> StayFacts {
        StayFacts {
            booking_id: self.ambient.id(),
            guest: self.member(guest),
            check_in: day("2026-02-01"),
            check_out: day("2026-05-01"),
            monthly_price: cedis(45_000),
            first_months: Vec::new(),
            total_price: cedis(135_000),
            state: StayState::Holding,
        }
    }

    /// An invoice that is not written yet.
    fn invoice(&self, stay: &StayFacts, kind: InvoiceKind, sequence: u32, amount: i64) -> Invoice {
        let now = self.ambient.now();
        let from = stay.check_in.plus_months(i64::from(sequence) - 1);
        let line_kind = if kind == InvoiceKind::Rent { LineKind::Rent } else { LineKind::Deposit };
        let text = Text::clean("Rent – 'first' ₵");
        Invoice::from_record(InvoiceRecord {
            id: self.ambient.id(),
            hostel_id: self.house.id,
            booking_id: stay.booking_id,
            user_id: stay.guest,
            kind,
            sequence,
            period: Period { from, to: from.plus_months(1) },
            due_date: from,
            currency: Currency::GHS,
            lines: vec![Line { number: 1, kind: line_kind, text, amount, at: now }],
            paid: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        })
        .unwrap()
    }

    /// A payment that is not written yet.
    fn payment(&self, payer: usize, amount: i64, state: PaymentState) -> Payment {
        let (id, now): (PaymentId, Instant) = (self.ambient.id(), self.ambient.now());
        Payment::from_record(PaymentRecord {
            id,
            hostel_id: self.house.id,
            user_id: self.member(payer),
            booking_id: None,
            invoice_id: None,
            purpose: crate::model::Purpose::WalletTopup,
            provider: "sandbox".to_owned(),
            reference: Payment::reference_of(id),
            amount: cedis(amount),
            refunded: 0,
            refund_pending: 0,
            fees: None,
            gateway_id: None,
            authorization_url: None,
            asking_until: None,
            expires_at: later(now, 1_800),
            state,
            version: 1,
            created_at: now,
            updated_at: now,
        })
        .unwrap()
    }

    fn paid(&self, payer: usize, amount: i64) -> Payment {
        self.payment(payer, amount, PaymentState::Completed { at: self.ambient.now() })
    }

    fn refund(&self, payment: &Payment, amount: i64, state: RefundState) -> Refund {
        let (id, now) = (self.ambient.id(), self.ambient.now());
        Refund::from_record(RefundRecord {
            id,
            hostel_id: self.house.id,
            payment_id: payment.id(),
            user_id: payment.payer(),
            amount: cedis(amount),
            reason: Text::clean("too – much"),
            origin: RefundOrigin::Decided,
            taken_from: Vec::new(),
            reference: Refund::reference_of(id),
            gateway_id: None,
            message: None,
            attempts: 0,
            asking_until: None,
            state,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    fn deposit(&self, invoice: &Invoice) -> Deposit {
        let now = self.ambient.now();
        Deposit::from_record(DepositRecord {
            id: self.ambient.id(),
            hostel_id: self.house.id,
            booking_id: invoice.record().booking_id,
            user_id: invoice.record().user_id,
            invoice_id: invoice.id(),
            currency: Currency::GHS,
            held: 0,
            deductions: Vec::new(),
            answer_until: None,
            answer: None,
            returned: 0,
            status: DepositStatus::Awaiting,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    async fn write_invoices(&self, invoices: &[Invoice]) {
        let mut uow = self.begin().await;
        assert_eq!(uow.invoices().insert(invoices).await.unwrap(), Written::Written);
        end(uow, true).await;
    }

    async fn write_payment(&self, payment: &Payment) {
        let mut uow = self.begin().await;
        assert_eq!(uow.payments().insert(payment).await.unwrap(), PaymentWritten::Written);
        end(uow, true).await;
    }
}

pub(crate) async fn end(uow: Box<dyn BillingUow>, keep: bool) {
    if keep {
        uow.commit(Outcome::done()).await.unwrap();
    } else {
        uow.rollback().await.unwrap();
    }
}

fn day(text: &str) -> HostelDay {
    text.parse().unwrap()
}

fn cedis(minor: i64) -> Money {
    Money::new(minor, Currency::GHS)
}

fn later(now: Instant, seconds: u64) -> Instant {
    now.plus(std::time::Duration::from_secs(seconds))
}
