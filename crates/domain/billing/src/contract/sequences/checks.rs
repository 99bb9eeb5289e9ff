//! What has to add up after every operation, and at the end.

use std::collections::BTreeMap;

use domicile_kernel::{AccountId, Page, Position};

use super::Game;
use crate::{
    DepositFilter, InvoiceFilter, InvoiceView, JournalFilter, JournalView,
    contract::end,
    model::{Account, InvoiceKind, PaymentState, RefundState, Target},
};

impl Game<'_> {
    async fn journals(&self) -> Vec<JournalView> {
        let mut page = Page { position: Position::After(None), limit: 100, ..Page::first("created_at", false) };
        let mut all = Vec::new();
        loop {
            let filter = JournalFilter::default();
            let part = self.stage.world.queries().journals(&self.admin(), &filter, &page).await.unwrap();
            all.extend(part.rows);
            match part.next {
                Some(next) => page.position = Position::After(Some(next)),
                None => return all,
            }
        }
    }

    async fn all_invoices(&self) -> Vec<InvoiceView> {
        let mut page = Page { position: Position::After(None), limit: 100, ..Page::first("due_date", false) };
        let mut all = Vec::new();
        loop {
            let filter = InvoiceFilter::default();
            let part = self.stage.world.queries().invoices(&self.admin(), &filter, &page).await.unwrap();
            all.extend(part.rows);
            match part.next {
                Some(next) => page.position = Position::After(Some(next)),
                None => return all,
            }
        }
    }

    /// Every journal is zero, every balance the sum of its entries and of its own sign, no invoice negative or paid beyond
    /// its total, no payment given back beyond its amount; and what invoices, payments and deposits say is what the ledger
    /// says.
    pub(super) async fn everything_adds_up(&mut self) {
        let place = self.place.clone();
        let journals = self.journals().await;
        self.summary.journals = journals.len() as u64;
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for journal in &journals {
            let mut sum = 0;
            for entry in &journal.entries {
                sum += entry.amount.amount_minor();
                *sums.entry(entry.account.clone()).or_default() += entry.amount.amount_minor();
            }
            assert_eq!(sum, 0, "{place}: {journal:?}");
        }
        let balances = self.stage.world.queries().balances(&self.admin()).await.unwrap();
        for (account, balance) in &balances {
            assert!(account.side().allows(balance.amount_minor()), "{place}: {account} has {balance}");
        }
        let told: BTreeMap<String, i64> =
            balances.iter().map(|(account, balance)| (account.to_string(), balance.amount_minor())).collect();
        sums.retain(|_, sum| *sum != 0);
        assert_eq!(told, sums, "{place}: balances are the sums of their entries");

        let invoices = self.all_invoices().await;
        let mut owed: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
        for invoice in &invoices {
            let lines: i64 = invoice.lines.iter().map(|line| line.amount.amount_minor()).sum();
            assert_eq!(lines, invoice.total.amount_minor(), "{place}: {invoice:?}");
            let (total, paid) = (invoice.total.amount_minor(), invoice.paid.amount_minor());
            assert!(0 <= paid && paid <= total, "{place}: {invoice:?}");
            let of = owed.entry(invoice.user_id).or_default();
            of.0 += total - paid;
            if invoice.kind == InvoiceKind::Deposit {
                of.1 += total - paid;
            }
        }
        let balance = |account: Account| told.get(&account.to_string()).copied().unwrap_or(0);
        for (person, (all, deposits)) in &owed {
            assert_eq!(balance(Account::Receivable(*person)), *all, "{place}: what {person} owes");
            assert_eq!(-balance(Account::DepositBilled(*person)), *deposits, "{place}: deposits billed to {person}");
        }
        self.deposits_are_held(&place, &balance).await;
        self.payments_are_used(&place, &invoices, &balance).await;
        self.stays_are_billed(&place, &invoices);
    }

    async fn deposits_are_held(&self, place: &str, balance: &impl Fn(Account) -> i64) {
        let page = Page { limit: 100, ..Page::first("created_at", false) };
        let list = self.stage.world.queries().deposits(&self.admin(), &DepositFilter::default(), &page).await;
        let mut held: BTreeMap<AccountId, i64> = BTreeMap::new();
        for deposit in list.unwrap().rows {
            let (holds, deducted) = (deposit.held.amount_minor(), deposit.deducted.amount_minor());
            let over = deposit.status == crate::model::DepositStatus::Settled;
            assert!(holds >= 0 && (over || deducted <= holds), "{place}: {deposit:?}");
            *held.entry(deposit.user_id).or_default() += holds;
        }
        for (person, held) in held {
            assert_eq!(-balance(Account::DepositLiability(person)), held, "{place}: held for {person}");
        }
    }

    /// Each unit of a payment is in one place: an invoice, the wallet, suspense, on its way back, or given back.
    async fn payments_are_used(&self, place: &str, invoices: &[InvoiceView], balance: &impl Fn(Account) -> i64) {
        let mut paid: BTreeMap<Target, i64> = BTreeMap::new();
        let mut uow = self.stage.begin().await;
        for (id, _) in &self.payments {
            let payment = uow.payments().find(*id).await.unwrap().unwrap();
            let is = payment.record();
            let parts = uow.allocations().of_payment(*id).await.unwrap();
            assert!(parts.iter().all(|(_, amount)| *amount > 0), "{place}: {parts:?}");
            let used: i64 = parts.iter().map(|(_, amount)| amount).sum();
            let taken = if matches!(is.state, PaymentState::Completed { .. }) { payment.amount() } else { 0 };
            assert_eq!(used + is.refunded + is.refund_pending, taken, "{place}: {payment:?} is {parts:?}");
            let refunds = uow.refunds().of_payment(*id).await.unwrap();
            let sum = |states: &[RefundState]| {
                let of = refunds.iter().filter(|refund| states.contains(&refund.record().state));
                of.map(crate::model::Refund::amount).sum::<i64>()
            };
            let open = sum(&[RefundState::Pending, RefundState::NeedsAttention]);
            assert_eq!((sum(&[RefundState::Completed]), open), (is.refunded, is.refund_pending), "{place}: refunds");
            assert_eq!(-balance(Account::RefundPayable(*id)), is.refund_pending, "{place}: payable of {id}");
            let suspense = parts.iter().find(|(target, _)| *target == Target::Suspense).map_or(0, |(_, part)| *part);
            assert_eq!(-balance(Account::Suspense(*id)), suspense, "{place}: suspense of {id}");
            for (target, amount) in parts {
                *paid.entry(target).or_default() += amount;
            }
        }
        end(uow, false).await;
        for invoice in invoices {
            let by = paid.get(&Target::Invoice(invoice.id)).copied().unwrap_or(0);
            assert_eq!(by, invoice.paid.amount_minor(), "{place}: {invoice:?}");
        }
    }

    /// The rent of a stay that was agreed is what it costs, to the unit, but for what was given back before it was lowered;
    /// nothing is owed for a stay that was given up.
    fn stays_are_billed(&self, place: &str, invoices: &[InvoiceView]) {
        for stay in &self.stays {
            let of_stay = || invoices.iter().filter(|invoice| invoice.booking_id == stay.booking_id);
            let lines = |refunds: bool| {
                let rent = of_stay().filter(|invoice| invoice.kind == InvoiceKind::Rent);
                let lines = rent.flat_map(|invoice| &invoice.lines);
                let of_kind = lines.filter(move |line| (line.kind == crate::model::LineKind::Refund) == refunds);
                of_kind.map(|line| line.amount.amount_minor()).sum::<i64>()
            };
            match stay.state {
                crate::model::StayState::Asked => assert_eq!(of_stay().count(), 0, "{place}: {stay:?}"),
                crate::model::StayState::GivenUp => {
                    let total: i64 = of_stay().map(|invoice| invoice.total.amount_minor()).sum();
                    assert_eq!(total, 0, "{place}: {stay:?}");
                }
                crate::model::StayState::Holding | crate::model::StayState::MovedOut => {
                    let (billed, given_back) = (lines(false), lines(true));
                    let costs = stay.total_price.amount_minor();
                    let close = billed >= costs && billed <= costs - given_back;
                    assert!(close, "{place}: billed {billed} with {given_back} back of {stay:?}");
                }
            }
        }
    }

    /// The house's books hold at the gateway what the gateway holds for the house: nothing was charged that is not booked,
    /// nothing booked that was not charged, and nothing given back twice.
    pub(super) async fn the_gateway_agrees(&mut self) {
        let account = Account::Gateway("sandbox".to_owned());
        let booked = self.stage.world.queries().balance(&self.admin(), &account).await.unwrap();
        let mut payments = Vec::new();
        for (_, reference) in &self.payments {
            payments.push(self.stage.world.queries().payment_by_reference(&self.admin(), reference).await.unwrap());
        }
        let place = &self.place;
        assert_eq!(booked.amount_minor(), self.gateway.holds(), "{place}: the gateway and the books of {payments:#?}");
        for (id, _) in self.payments.clone() {
            let refunds = self.stage.world.queries().refunds(&self.admin(), id).await.unwrap();
            let done = refunds.iter().filter(|refund| refund.record().state == RefundState::Completed);
            self.summary.refunds += done.count() as u32;
        }
    }
}
