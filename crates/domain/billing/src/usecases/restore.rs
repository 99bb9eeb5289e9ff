//! Putting money back that was to be given back and could not be: to where it was, as far as that is still there (J31).

use std::collections::{BTreeMap, BTreeSet};

use domicile_kernel::{StoreError, Text};

use crate::{
    books::{Books, broken},
    events::{Change, tell_deposit, tell_invoice},
    model::{Account, Allocation, BookingId, Deposit, Invoice, InvoiceId, InvoiceKind, Payment, Refund, Target},
    ports::BillingUow,
    stays::{follow_into, written},
};

/// Locks every invoice of the stays that a refund was taken from, before any of them is written: what follows needs all of a
/// stay's, and who locks some first and the others later meets somebody who does so the other way round.
pub(super) async fn lock_stays(
    uow: &mut dyn BillingUow,
    refund: &Refund,
) -> Result<BTreeMap<InvoiceId, Invoice>, StoreError> {
    let mut locked = BTreeMap::new();
    for booking in stays_of(uow, refund).await? {
        let invoices = uow.invoices().lock_of_booking(booking).await?;
        locked.extend(invoices.into_iter().map(|invoice| (invoice.id(), invoice)));
    }
    Ok(locked)
}

/// The stays that a refund was taken from, in their order.
async fn stays_of(uow: &mut dyn BillingUow, refund: &Refund) -> Result<BTreeSet<BookingId>, StoreError> {
    let mut stays = BTreeSet::new();
    for part in &refund.record().taken_from {
        if let Target::Invoice(id) = part.target
            && let Some(invoice) = uow.invoices().find(id).await?
        {
            stays.insert(invoice.record().booking_id);
        }
    }
    Ok(stays)
}

/// Puts a refund's amount back to where it was taken from. Answers the entries. What was part of a deposit that is over, or of
/// a stay whose record was taken away, becomes credit in the wallet: nobody knows what that stay costs. The invoices are those
/// of [`lock_stays`].
pub(super) async fn restore(
    uow: &mut dyn BillingUow,
    books: &Books<'_>,
    payment: &Payment,
    refund: &Refund,
    mut invoices: BTreeMap<InvoiceId, Invoice>,
) -> Result<Vec<(Account, i64)>, StoreError> {
    let mut entries = Vec::new();
    let mut rows = Vec::new();
    let mut parts = refund.record().taken_from.clone();
    for part in &mut parts {
        let amount = part.amount;
        match part.target {
            Target::Suspense => entries.push((Account::Suspense(payment.id()), -amount)),
            Target::Wallet => entries.push((Account::Wallet(payment.payer()), -amount)),
            Target::Invoice(id) => {
                let Some(before) = invoices.remove(&id) else { return Err(StoreError::Stale) };
                let booking = before.record().booking_id;
                let deposit = match before.record().kind {
                    InvoiceKind::Rent => None,
                    InvoiceKind::Deposit => uow.deposits().lock_of_booking(booking).await?,
                };
                let is_gone = uow.stays().find(booking).await?.is_none();
                if is_gone || deposit.as_ref().is_some_and(Deposit::is_over) {
                    part.target = Target::Wallet;
                    entries.push((Account::Wallet(payment.payer()), -amount));
                } else {
                    let text = Text::clean("The refund did not go through");
                    let (after, _line) = before.clone().given_back(text, -amount, books.now).map_err(broken)?;
                    written(uow.invoices().update(&after).await?, "invoices")?;
                    tell_invoice(uow, books.ambient, Change::InvoiceAdjusted, Some(&before), &after);
                    match deposit {
                        None => entries.push((Account::RentIncome, -amount)),
                        Some(before) => {
                            let after = before.clone().holding(amount, books.now).map_err(broken)?;
                            written(uow.deposits().update(&after).await?, "deposits")?;
                            tell_deposit(uow, books.ambient, Change::DepositHeld, Some(&before), &after);
                            entries.push((Account::DepositLiability(before.record().user_id), -amount));
                        }
                    }
                }
            }
        }
        rows.push(Allocation { payment_id: payment.id(), ..*part });
    }
    uow.allocations().add(&rows).await?;
    Ok(entries)
}

/// Makes the invoices that a refund was put back to what their stays say: the stay may have changed meanwhile.
pub(super) async fn refollow(
    uow: &mut dyn BillingUow,
    books: &mut Books<'_>,
    refund: &Refund,
) -> Result<(), StoreError> {
    let house = uow.house().await?;
    for id in stays_of(uow, refund).await? {
        if let Some(stay) = uow.stays().find(id).await? {
            follow_into(uow, books, &house, &stay).await?;
        }
    }
    Ok(())
}
