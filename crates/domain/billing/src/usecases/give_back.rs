//! Giving money back, whoever decided it: where it is taken from, and what happens when the gateway says how it went (J31).
//!
//! The amount is reserved first: it leaves the suspense, the wallet or the invoice it was in, and stands as payable. Then
//! the gateway is asked, by one of us at a time, and asked what it did before it is asked again. When it did not go through,
//! the amount goes back to where it was.

use std::collections::BTreeMap;

use domicile_kernel::{StoreError, Text};

use super::{
    look::ASKING,
    restore::{lock_stays, refollow, restore},
    settle::store,
};
use crate::{
    Bursar,
    books::{Books, broken},
    events::{Change, tell_deposit, tell_invoice, tell_refund},
    model::{
        Account, Allocation, Deposit, Invoice, InvoiceId, InvoiceKind, Payment, PaymentError, PaymentId, Refund,
        RefundOrigin, RefundRecord, RefundState, Suspicion, Target,
    },
    policy,
    ports::{BillingUow, NewRefund, RefundReport, RefundStatus},
    queries::RefundView,
    stays::written,
};

/// Where a payment is, locked, and how much can be taken of each part.
pub(crate) struct Sources {
    invoices: Vec<Invoice>,
    deposits: BTreeMap<Target, Deposit>,
    /// What can be taken, by target.
    pub(crate) parts: Vec<(Target, i64)>,
}

impl Sources {
    /// What can be taken altogether.
    pub(crate) fn sum(&self) -> i64 {
        self.parts.iter().map(|(_, amount)| amount).sum()
    }
}

/// Money that was taken out of where it was.
pub(crate) struct Taken {
    /// What of it was where.
    pub(crate) parts: Vec<(Target, i64)>,
    /// The entries of where it came from.
    pub(crate) entries: Vec<(Account, i64)>,
}

/// Why money could not be reserved.
pub(crate) enum NotReserved {
    /// The payment does not allow it, or has not that much left where it can be taken.
    Payment(PaymentError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for NotReserved {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Locks what a locked payment is used for, and tells how much can be taken of it.
pub(crate) async fn sources(uow: &mut dyn BillingUow, payment: &Payment) -> Result<Sources, StoreError> {
    let mut invoices = Vec::new();
    for (target, _) in uow.allocations().of_payment(payment.id()).await? {
        if let Target::Invoice(id) = target {
            invoices.extend(uow.invoices().find(id).await?);
        }
    }
    invoices.sort_by_key(|invoice| (invoice.record().booking_id, invoice.id()));
    let mut locked = Vec::with_capacity(invoices.len());
    for invoice in &invoices {
        locked.extend(uow.invoices().lock(invoice.id()).await?);
    }
    let mut deposits = BTreeMap::new();
    let mut parts = Vec::new();
    // What was read before the locks may have changed until then.
    for (target, amount) in uow.allocations().of_payment(payment.id()).await? {
        let available = match target {
            Target::Suspense => amount,
            // What went back into the wallet it came from is the payer's already.
            Target::Wallet if payment.is_from_wallet() => 0,
            Target::Wallet => {
                let wallet = Account::Wallet(payment.payer());
                let balance = uow.ledger().balance(&wallet, payment.record().amount.currency()).await?;
                amount.min(-balance)
            }
            Target::Invoice(id) => match locked.iter().find(|invoice| invoice.id() == id) {
                None => 0,
                Some(invoice) if invoice.record().kind == InvoiceKind::Rent => amount,
                Some(invoice) => match uow.deposits().lock_of_booking(invoice.record().booking_id).await? {
                    Some(deposit) if !deposit.is_over() => {
                        let free = deposit.held() - deposit.deducted();
                        deposits.insert(target, deposit);
                        amount.min(free)
                    }
                    _ => 0,
                },
            },
        };
        parts.push((target, available));
    }
    Ok(Sources { invoices: locked, deposits, parts })
}

/// Takes money out of where it is. Answers the entries of where it came from, which leaves the other side to the caller.
async fn withdraw(
    uow: &mut dyn BillingUow,
    books: &Books<'_>,
    payment: &Payment,
    sources: &Sources,
    taken: &[(Target, i64)],
) -> Result<Vec<(Account, i64)>, StoreError> {
    let mut entries = Vec::new();
    let mut rows = Vec::with_capacity(taken.len());
    for (target, amount) in taken {
        rows.push(Allocation { payment_id: payment.id(), target: *target, amount: -amount });
        match target {
            Target::Suspense => entries.push((Account::Suspense(payment.id()), *amount)),
            Target::Wallet => entries.push((Account::Wallet(payment.payer()), *amount)),
            Target::Invoice(id) => {
                let Some(before) = sources.invoices.iter().find(|invoice| invoice.id() == *id) else {
                    return Err(StoreError::Stale);
                };
                let (after, _line) =
                    before.clone().given_back(Text::clean("Refunded"), *amount, books.now).map_err(broken)?;
                written(uow.invoices().update(&after).await?, "invoices")?;
                tell_invoice(uow, books.ambient, Change::InvoiceAdjusted, Some(before), &after);
                match sources.deposits.get(target) {
                    None => entries.push((Account::RentIncome, *amount)),
                    Some(before) => {
                        let after = before.clone().holding(-amount, books.now).map_err(broken)?;
                        written(uow.deposits().update(&after).await?, "deposits")?;
                        tell_deposit(uow, books.ambient, Change::DepositReduced, Some(before), &after);
                        entries.push((Account::DepositLiability(before.record().user_id), *amount));
                    }
                }
            }
        }
    }
    uow.allocations().add(&rows).await?;
    Ok(entries)
}

impl Bursar {
    /// Reserves an amount of a locked payment to be given back, or gives it back at once when it came from the wallet.
    /// `from` narrows where it may be taken from.
    pub(crate) async fn reserve(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        payment: Payment,
        amount: Option<i64>,
        from: impl Fn(Target) -> bool + Send,
        (origin, reason): (RefundOrigin, Text),
    ) -> Result<(Payment, Refund), NotReserved> {
        if !payment.is_paid() {
            let attempted = "refunded";
            return Err(NotReserved::Payment(PaymentError::Illegal { status: payment.status(), attempted }));
        }
        let mut sources = sources(uow, &payment).await?;
        sources.parts.retain(|(target, _)| from(*target));
        let left = payment.refundable().min(sources.sum());
        let amount = amount.unwrap_or(left);
        let taken = if (1..=left).contains(&amount) { policy::take_back(amount, &sources.parts) } else { None };
        let Some(taken) = taken else {
            return Err(NotReserved::Payment(PaymentError::TooMuch { left: payment.money(left) }));
        };
        let entries = withdraw(uow, books, &payment, &sources, &taken).await?;
        self.write_refund(uow, books, payment, amount, Taken { parts: taken, entries }, (origin, reason)).await
    }

    /// Writes a refund whose amount was taken from somewhere, with its journal.
    pub(crate) async fn write_refund(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        before: Payment,
        amount: i64,
        Taken { parts: taken, mut entries }: Taken,
        (origin, reason): (RefundOrigin, Text),
    ) -> Result<(Payment, Refund), NotReserved> {
        let now = books.now;
        let at_once = before.is_from_wallet();
        let payment = before.clone().reserve_refund(amount, now).map_err(NotReserved::Payment)?;
        let id = self.ambient.id();
        let part = |(target, amount)| Allocation { payment_id: before.id(), target, amount };
        let refund = Refund::from_record(RefundRecord {
            id,
            hostel_id: books.hostel,
            payment_id: before.id(),
            user_id: before.payer(),
            amount: before.money(amount),
            reason,
            origin,
            taken_from: taken.into_iter().map(part).collect(),
            reference: Refund::reference_of(id),
            gateway_id: None,
            message: None,
            attempts: 0,
            asking_until: None,
            state: if at_once { RefundState::Completed } else { RefundState::Pending },
            version: 1,
            created_at: now,
            updated_at: now,
        });
        let payment = if at_once { payment.refund(amount, now).map_err(NotReserved::Payment)? } else { payment };
        let mut record = payment.record().clone();
        record.version = before.version() + 1;
        let payment = Payment::from_record(record).map_err(NotReserved::Payment)?;
        store(uow, &payment).await?;
        written(uow.refunds().insert(&refund).await?, "refunds")?;
        let to = if at_once { Account::Wallet(before.payer()) } else { Account::RefundPayable(before.id()) };
        entries.push((to, -amount));
        books.enter(format!("refund:{id}"), "Refund", before.record().amount.currency(), entries)?;
        let change = if at_once { Change::RefundCompleted } else { Change::RefundRequested };
        tell_refund(uow, books.ambient, change, Some(&before), &payment, &RefundView::of(&refund));
        if at_once {
            end_empty_deposits(uow, books, &refund).await?;
        }
        Ok((payment, refund))
    }

    /// What the gateway is told of a refund.
    pub(crate) fn order_of(payment: &Payment, refund: &Refund) -> NewRefund {
        let is = refund.record();
        NewRefund {
            reference: is.reference.clone(),
            charge_reference: payment.record().reference.clone(),
            charge_gateway_id: payment.record().gateway_id.clone(),
            gateway_id: is.gateway_id.clone(),
            amount: is.amount,
            reason: is.reason.as_str().to_owned(),
            requested_at: is.created_at,
        }
    }

    /// Takes a refund from others, so that one of us asks the gateway about it.
    pub(crate) fn ask_for(&self, refund: &Refund) -> Option<Refund> {
        let now = self.ambient.now();
        refund.clone().asking(now.plus(ASKING), now)
    }

    /// Writes down how a refund went. Payment and refund are locked. What is over stays as it is; a report that says otherwise
    /// is put aside, for somebody to look at.
    pub(crate) async fn conclude(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        (payment, refund): (Payment, Refund),
        report: &RefundReport,
    ) -> Result<(Payment, Refund), StoreError> {
        if !refund.record().state.is_open() {
            if contradicts(&refund, report) {
                self.quarantine(uow, books, &payment, &self.as_charge(&payment, report), Suspicion::Refund).await?;
            }
            return Ok((payment, refund));
        }
        let message = report.message.as_deref().map(Text::clean);
        let id = report.gateway_id.clone();
        if report.amount != refund.record().amount && report.status != RefundStatus::Failed {
            self.quarantine(uow, books, &payment, &self.as_charge(&payment, report), Suspicion::Refund).await?;
            let message = Some(Text::clean(&format!("the provider reports {}", report.amount)));
            return self.heard(uow, books, (payment, refund), RefundState::NeedsAttention, (id, message)).await;
        }
        match report.status {
            RefundStatus::Pending => {
                self.heard(uow, books, (payment, refund), RefundState::Pending, (id, message)).await
            }
            RefundStatus::NeedsAttention => {
                self.heard(uow, books, (payment, refund), RefundState::NeedsAttention, (id, message)).await
            }
            RefundStatus::Processed => {
                let amount = refund.amount();
                let after = payment.clone().refund(amount, books.now).map_err(broken)?;
                store(uow, &after).await?;
                let gateway = Account::Gateway(payment.record().provider.clone());
                let entries = [(Account::RefundPayable(payment.id()), amount), (gateway, -amount)];
                let key = format!("refund_paid:{}", refund.id());
                books.enter(key, "Refund paid out", refund.record().amount.currency(), entries)?;
                end_empty_deposits(uow, books, &refund).await?;
                self.over(uow, books, (payment, after), refund, (RefundState::Completed, report, message)).await
            }
            RefundStatus::Failed => {
                let after = payment.clone().release_refund(refund.amount(), books.now).map_err(broken)?;
                store(uow, &after).await?;
                let invoices = lock_stays(uow, &refund).await?;
                let mut entries = restore(uow, books, &payment, &refund, invoices).await?;
                entries.push((Account::RefundPayable(payment.id()), refund.amount()));
                let key = format!("refund_failed:{}", refund.id());
                books.enter(key, "Refund did not go through", refund.record().amount.currency(), entries)?;
                let done =
                    self.over(uow, books, (payment, after), refund, (RefundState::Failed, report, message)).await?;
                refollow(uow, books, &done.1).await?;
                Ok(done)
            }
        }
    }

    /// The refund is still open; what the provider said is kept: its id and its words.
    pub(super) async fn heard(
        &self,
        uow: &mut dyn BillingUow,
        books: &Books<'_>,
        (payment, refund): (Payment, Refund),
        state: RefundState,
        (gateway_id, message): (Option<String>, Option<Text>),
    ) -> Result<(Payment, Refund), StoreError> {
        let new = refund.record().state != state;
        let after = refund.heard(state, gateway_id, message, books.now).map_err(broken)?;
        written(uow.refunds().update(&after).await?, "refunds")?;
        if new && state == RefundState::NeedsAttention {
            let view = RefundView::of(&after);
            tell_refund(uow, books.ambient, Change::RefundNeedsAttention, None, &payment, &view);
        }
        Ok((payment, after))
    }

    async fn over(
        &self,
        uow: &mut dyn BillingUow,
        books: &Books<'_>,
        (before, payment): (Payment, Payment),
        refund: Refund,
        (state, report, message): (RefundState, &RefundReport, Option<Text>),
    ) -> Result<(Payment, Refund), StoreError> {
        let after = refund.heard(state, report.gateway_id.clone(), message, books.now).map_err(broken)?;
        written(uow.refunds().update(&after).await?, "refunds")?;
        let change = if state == RefundState::Completed { Change::RefundCompleted } else { Change::RefundFailed };
        tell_refund(uow, books.ambient, change, Some(&before), &payment, &RefundView::of(&after));
        Ok((payment, after))
    }
}

/// Whether a report of a refund that is over tells another end than the one it had.
fn contradicts(refund: &Refund, report: &RefundReport) -> bool {
    match (refund.record().state, report.status) {
        (RefundState::Completed, RefundStatus::Failed) | (RefundState::Failed, RefundStatus::Processed) => true,
        (RefundState::Completed, RefundStatus::Processed) => report.amount != refund.record().amount,
        // What is not the end was told late, or overtaken.
        (_, RefundStatus::Pending | RefundStatus::NeedsAttention) => false,
        (RefundState::Failed, RefundStatus::Failed) => false,
        (RefundState::Pending | RefundState::NeedsAttention, _) => false,
    }
}

/// Ends the deposits that a refund emptied for good: with nothing held, nothing to be paid any more, and nothing on its way
/// that might come back, there is none.
async fn end_empty_deposits(uow: &mut dyn BillingUow, books: &Books<'_>, refund: &Refund) -> Result<(), StoreError> {
    for part in &refund.record().taken_from {
        let Target::Invoice(id) = part.target else { continue };
        let Some(invoice) = uow.invoices().find(id).await? else { continue };
        if invoice.record().kind != InvoiceKind::Deposit || invoice.open() > 0 {
            continue;
        }
        let Some(before) = uow.deposits().lock_of_booking(invoice.record().booking_id).await? else { continue };
        if before.is_over() || before.held() > 0 || is_on_its_way(uow, id, refund).await? {
            continue;
        }
        let after = before.clone().release(books.now);
        written(uow.deposits().update(&after).await?, "deposits")?;
        tell_deposit(uow, books.ambient, Change::DepositReleased, Some(&before), &after);
    }
    Ok(())
}

/// Whether another refund than this one took of an invoice and has no end yet.
async fn is_on_its_way(uow: &mut dyn BillingUow, invoice: InvoiceId, this: &Refund) -> Result<bool, StoreError> {
    for payment in uow.allocations().ever_of_invoice(invoice).await? {
        let refunds = uow.refunds().of_payment(payment).await?;
        let mut open = refunds.iter().filter(|other| other.id() != this.id() && other.record().state.is_open());
        if open.any(|other| other.record().taken_from.iter().any(|part| part.target == Target::Invoice(invoice))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which payments pay an invoice, without locks: to lock them in their order before the invoice.
pub(crate) async fn payers_of(uow: &mut dyn BillingUow, invoice: InvoiceId) -> Result<Vec<PaymentId>, StoreError> {
    let mut payments: Vec<PaymentId> =
        uow.allocations().of_invoice(invoice).await?.into_iter().map(|(payment, _)| payment).collect();
    payments.sort_unstable();
    Ok(payments)
}
