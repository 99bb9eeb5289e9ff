//! Settling a payment: what a report of its gateway changes in the books. Webhooks, questions and sweeps all come here, in
//! whatever order and however often; what is known already changes nothing.
//!
//! A payment that was taken is used as follows. It pays the invoice it names, or the open invoices of the stay it names, the
//! oldest first. What is left when they are paid becomes credit in the payer's wallet. When nothing of it is owed any more
//! (a second payment of the same invoice, a stay that lost its bed), all of it waits in suspense and is refunded by itself,
//! unless somebody of the house uses it for another invoice of the same person first.

use std::time::Duration;

use domicile_kernel::{NewJob, StoreError, Text};

use super::finish::BillingJob;
use crate::{
    Bursar,
    books::{Books, broken},
    events::{Change, note_quarantine, tell_deposit, tell_invoice, tell_payment},
    model::{
        Account, Allocation, Invoice, InvoiceKind, InvoiceStatus, Payment, PaymentId, Purpose, Quarantined, StayState,
        Suspicion, Target,
    },
    policy::{self, Verdict},
    ports::{BillingUow, ChargeReport, Domain, PaymentWritten},
    queries::Work,
    stays::written,
};

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The payment is completed now.
    Paid,
    /// It failed now.
    NotPaid,
    /// Nothing.
    Nothing,
    /// It was put aside.
    Quarantined,
}

impl Bursar {
    /// Changes the books by a report. The payment is locked.
    pub(crate) async fn settle(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        payment: Payment,
        report: &ChargeReport,
        domain: Domain,
    ) -> Result<(Payment, Settled), StoreError> {
        match policy::judge(&payment, report, domain, books.now) {
            Verdict::Nothing => Ok((payment, Settled::Nothing)),
            Verdict::Suspicious(suspicion) => {
                self.quarantine(uow, books, &payment, report, suspicion).await?;
                Ok((payment, Settled::Quarantined))
            }
            Verdict::NotPaid => {
                let why = report.message.as_deref().unwrap_or("The payment was not completed");
                let failed = payment.clone().fail(Text::clean(why), books.now).map_err(broken)?;
                store(uow, &failed).await?;
                tell_payment(uow, books.ambient, Change::PaymentFailed, Some(&payment), &failed);
                Ok((failed, Settled::NotPaid))
            }
            Verdict::Paid => {
                let fees = report.fees.map(domicile_kernel::Money::amount_minor);
                let paid = payment.clone().complete(report.gateway_id.clone(), fees, books.now).map_err(broken)?;
                store(uow, &paid).await?;
                self.credit(uow, books, &payment, &paid).await?;
                Ok((paid, Settled::Paid))
            }
        }
    }

    /// Uses a payment that was taken just now.
    async fn credit(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        before: &Payment,
        payment: &Payment,
    ) -> Result<(), StoreError> {
        let is = payment.record();
        let (parts, left) = match (is.purpose, is.booking_id) {
            (Purpose::WalletTopup, _) | (_, None) => (Vec::new(), payment.amount()),
            (Purpose::Invoice | Purpose::Booking, Some(booking)) => {
                let invoices = uow.invoices().lock_of_booking(booking).await?;
                let named = |invoice: &&Invoice| {
                    let asked = is.invoice_id.is_none_or(|id| invoice.id() == id);
                    asked && invoice.record().currency == is.amount.currency()
                };
                let open = invoices.iter().filter(named).map(|invoice| (invoice.id(), invoice.open()));
                let (parts, left) = policy::allocate(payment.amount(), open);
                (chosen(invoices, &parts), left)
            }
        };
        let nothing_owed = parts.is_empty() && is.purpose != Purpose::WalletTopup;
        let mut entries = pay_invoices(uow, books, is.id, parts).await?;
        entries.push((Account::Gateway(is.provider.clone()), payment.amount()));
        if left > 0 {
            let (account, target) = if nothing_owed {
                (Account::Suspense(is.id), Target::Suspense)
            } else {
                (Account::Wallet(is.user_id), Target::Wallet)
            };
            entries.push((account, -left));
            uow.allocations().add(&[Allocation { payment_id: is.id, target, amount: left }]).await?;
        }
        let text = if is.purpose == Purpose::WalletTopup { "Wallet top-up" } else { "Payment" };
        books.enter(format!("charge:{}", is.id), text, is.amount.currency(), entries)?;
        if nothing_owed {
            let job = self.suspense_job(uow, books, payment).await?;
            uow.enqueue(job);
        }
        let change = if nothing_owed { Change::PaymentSuspended } else { Change::PaymentCompleted };
        tell_payment(uow, books.ambient, change, Some(before), payment);
        Ok(())
    }

    /// The job that gives money in suspense back: at once, unless a stay lost its bed and the house wants time to find another.
    async fn suspense_job(
        &self,
        uow: &mut dyn BillingUow,
        books: &Books<'_>,
        payment: &Payment,
    ) -> Result<NewJob, StoreError> {
        let stay = match payment.record().booking_id {
            Some(booking) => uow.stays().find(booking).await?,
            None => None,
        };
        let lost_bed = stay.is_none_or(|stay| stay.state == StayState::GivenUp);
        let hours = if lost_bed { uow.terms().find().await?.unwrap_or_default().rehousing_hours } else { 0 };
        let due = books.now.plus(Duration::from_secs(u64::from(hours) * 3600));
        Ok(BillingJob { hostel_id: books.hostel, work: Work::Suspense(payment.id()) }.at(self.ambient.id(), due))
    }

    /// Puts a report aside that does not fit, once.
    pub(crate) async fn quarantine(
        &self,
        uow: &mut dyn BillingUow,
        books: &Books<'_>,
        payment: &Payment,
        report: &ChargeReport,
        suspicion: Suspicion,
    ) -> Result<(), StoreError> {
        let found = Quarantined {
            id: self.ambient.id(),
            hostel_id: books.hostel,
            payment_id: payment.id(),
            provider: payment.record().provider.clone(),
            suspicion,
            expected: payment.record().amount,
            reported: report.asked(),
            note: Text::clean(&format!("reported as {:?} ({:?})", report.status, report.domain).to_lowercase()),
            at: books.now,
        };
        if uow.quarantine().add(&found).await? {
            note_quarantine(uow, books.ambient, &found);
        }
        Ok(())
    }
}

/// The invoices that get a part, each with it.
pub(crate) fn chosen(invoices: Vec<Invoice>, parts: &[(crate::model::InvoiceId, i64)]) -> Vec<(Invoice, i64)> {
    let part = |invoice: &Invoice| parts.iter().find(|(id, _)| *id == invoice.id()).map(|(_, amount)| *amount);
    invoices.into_iter().filter_map(|invoice| part(&invoice).map(|amount| (invoice, amount))).collect()
}

/// Pays locked invoices out of a payment. Answers the entries of what they are paid with, which leaves the other side of the
/// journal to the caller.
pub(crate) async fn pay_invoices(
    uow: &mut dyn BillingUow,
    books: &Books<'_>,
    payment_id: PaymentId,
    parts: Vec<(Invoice, i64)>,
) -> Result<Vec<(Account, i64)>, StoreError> {
    let mut entries = Vec::new();
    let mut rows = Vec::with_capacity(parts.len());
    for (before, amount) in parts {
        let after = before.clone().paid_by(amount, books.now).map_err(broken)?;
        written(uow.invoices().update(&after).await?, "invoices")?;
        let person = before.record().user_id;
        entries.push((Account::Receivable(person), -amount));
        if before.record().kind == InvoiceKind::Deposit {
            hold(uow, books, &before, amount).await?;
            entries.push((Account::DepositBilled(person), amount));
            entries.push((Account::DepositLiability(person), -amount));
        }
        rows.push(Allocation { payment_id, target: Target::Invoice(before.id()), amount });
        let paid = after.status() == InvoiceStatus::Paid;
        let change = if paid { Change::InvoicePaid } else { Change::InvoicePartlyPaid };
        tell_invoice(uow, books.ambient, change, Some(&before), &after);
    }
    if !rows.is_empty() {
        uow.allocations().add(&rows).await?;
    }
    Ok(entries)
}

/// The house holds this much more of the deposit.
async fn hold(uow: &mut dyn BillingUow, books: &Books<'_>, invoice: &Invoice, amount: i64) -> Result<(), StoreError> {
    let booking = invoice.record().booking_id;
    let Some(before) = uow.deposits().lock_of_booking(booking).await? else {
        return Err(StoreError::Corrupt(format!("stay {booking} has no deposit").into()));
    };
    let after = before.clone().holding(amount, books.now).map_err(broken)?;
    written(uow.deposits().update(&after).await?, "deposits")?;
    tell_deposit(uow, books.ambient, Change::DepositHeld, Some(&before), &after);
    Ok(())
}

/// Writes a locked payment.
pub(crate) async fn store(uow: &mut dyn BillingUow, payment: &Payment) -> Result<(), StoreError> {
    match uow.payments().update(payment).await? {
        PaymentWritten::Written => Ok(()),
        PaymentWritten::Stale => Err(StoreError::Stale),
        PaymentWritten::ReferenceTaken => Err(StoreError::Conflict("payments: reference".to_owned())),
    }
}
