//! Invoices follow stays: [`follow`] is called in the transaction of every change of a stay, and makes the invoices what
//! the stay says they must be. It is the only place that bills, and the only one that undoes what was billed.
//!
//! What was paid beyond what a changed stay costs becomes credit in the payer's wallet.

use domicile_kernel::{StoreError, Text, ports::Ambient};

use crate::{
    books::{Books, broken},
    events::{Change, tell_deposit, tell_invoice},
    model::{
        Account, Allocation, BillingTerms, Deposit, DepositRecord, DepositStatus, House, Invoice, InvoiceId,
        InvoiceKind, InvoiceRecord, Line, LineKind, StayFacts, StayState, Target,
    },
    policy::{self, Draft, Revision},
    ports::{BillingUow, Written},
};

/// What was done to the invoices of a stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followed {
    /// Made.
    pub issued: Vec<InvoiceId>,
    /// Changed.
    pub adjusted: Vec<InvoiceId>,
    /// What went into the payer's wallet, in minor units.
    pub to_wallet: i64,
}

/// Makes the invoices of a stay what they must be now (J32): a bill for each month of a stay that was agreed, one for its
/// deposit, adjustments for what a changed stay costs more or less, and credit for everything when it is given up. Called
/// twice with the same stay it changes nothing the second time.
///
/// The caller holds the lock of the booking; this takes those of its invoices, its deposit and the ledger.
pub async fn follow(uow: &mut dyn BillingUow, ambient: &Ambient, stay: &StayFacts) -> Result<Followed, StoreError> {
    let house = uow.house().await?;
    let mut books = Books::open(ambient, house.id);
    let followed = follow_into(uow, &mut books, &house, stay).await?;
    books.close_sound(uow).await?;
    Ok(followed)
}

/// [`follow`], with the journals left to whoever has more of them.
pub(crate) async fn follow_into(
    uow: &mut dyn BillingUow,
    books: &mut Books<'_>,
    house: &House,
    stay: &StayFacts,
) -> Result<Followed, StoreError> {
    if stay.state == StayState::Asked {
        return Ok(Followed::default());
    }
    let invoices = uow.invoices().lock_of_booking(stay.booking_id).await?;
    if invoices.is_empty() && stay.state != StayState::Holding {
        return Ok(Followed::default());
    }
    let terms = uow.terms().find().await?.unwrap_or_default();
    let plan = policy::plan(&terms, stay, &invoices, |at| house.today(at), house.today(books.now)).map_err(broken)?;
    let mut followed = Followed::default();
    issue(uow, books, stay, &plan.drafts, &mut followed).await?;
    for revision in &plan.revisions {
        let Some(invoice) = invoices.iter().find(|invoice| invoice.id() == revision.id) else { continue };
        revise(uow, books, stay, invoice, revision, &mut followed).await?;
    }
    let has_deposit = invoices.iter().any(|invoice| invoice.record().kind == InvoiceKind::Deposit);
    if has_deposit && stay.state != StayState::Holding {
        release_empty(uow, books, stay).await?;
    }
    Ok(followed)
}

async fn issue(
    uow: &mut dyn BillingUow,
    books: &mut Books<'_>,
    stay: &StayFacts,
    drafts: &[Draft],
    followed: &mut Followed,
) -> Result<(), StoreError> {
    let mut invoices = Vec::with_capacity(drafts.len());
    for draft in drafts {
        invoices.push(bill(books, stay, draft)?);
    }
    if invoices.is_empty() {
        return Ok(());
    }
    written(uow.invoices().insert(&invoices).await?, "invoices")?;
    for invoice in &invoices {
        let is = invoice.record();
        let billed = match is.kind {
            InvoiceKind::Rent => Account::RentIncome,
            InvoiceKind::Deposit => Account::DepositBilled(is.user_id),
        };
        let entries = [(Account::Receivable(is.user_id), invoice.total()), (billed, -invoice.total())];
        books.enter(format!("invoice:{}:1", is.id), words(invoice), is.currency, entries)?;
        if is.kind == InvoiceKind::Deposit {
            let deposit = awaited(books, invoice);
            written(uow.deposits().insert(&deposit).await?, "deposits")?;
        }
        tell_invoice(uow, books.ambient, Change::InvoiceIssued, None, invoice);
        followed.issued.push(is.id);
    }
    Ok(())
}

fn bill(books: &Books<'_>, stay: &StayFacts, draft: &Draft) -> Result<Invoice, StoreError> {
    let (from, to) = (draft.period.from, draft.period.to);
    let (kind, text) = match draft.kind {
        InvoiceKind::Rent => (LineKind::Rent, format!("Rent {from} to {to}")),
        InvoiceKind::Deposit => (LineKind::Deposit, format!("Deposit {from} to {to}")),
    };
    let line = Line { number: 1, kind, text: Text::clean(&text), amount: draft.amount, at: books.now };
    Invoice::from_record(InvoiceRecord {
        id: books.ambient.id(),
        hostel_id: books.hostel,
        booking_id: stay.booking_id,
        user_id: stay.guest,
        kind: draft.kind,
        sequence: draft.sequence,
        period: draft.period,
        due_date: draft.due_date,
        currency: stay.monthly_price.currency(),
        lines: vec![line],
        paid: 0,
        version: 1,
        created_at: books.now,
        updated_at: books.now,
    })
    .map_err(broken)
}

fn awaited(books: &Books<'_>, invoice: &Invoice) -> Deposit {
    let is = invoice.record();
    Deposit::from_record(DepositRecord {
        id: books.ambient.id(),
        hostel_id: books.hostel,
        booking_id: is.booking_id,
        user_id: is.user_id,
        invoice_id: is.id,
        currency: is.currency,
        held: 0,
        deductions: Vec::new(),
        answer_until: None,
        answer: None,
        returned: 0,
        status: DepositStatus::Awaiting,
        version: 1,
        created_at: books.now,
        updated_at: books.now,
    })
}

/// Changes an invoice as planned, and moves what was paid beyond its new total into the wallet.
async fn revise(
    uow: &mut dyn BillingUow,
    books: &mut Books<'_>,
    stay: &StayFacts,
    before: &Invoice,
    revision: &Revision,
    followed: &mut Followed,
) -> Result<(), StoreError> {
    let is = before.record();
    if is.kind == InvoiceKind::Deposit && is_over(uow, stay).await? {
        return Ok(());
    }
    let mut after = before.clone();
    if let Some((period, due_date)) = revision.redated {
        after = after.redated(period, due_date, books.now);
    }
    if revision.adjustment != 0 {
        let text = Text::clean(adjustment_text(stay, is.kind, revision.adjustment));
        let (adjusted, line, freed) =
            after.with_line(LineKind::Adjustment, text.clone(), revision.adjustment, books.now).map_err(broken)?;
        let owed = revision.adjustment + freed;
        let (person, wallet) = (is.user_id, Account::Wallet(is.user_id));
        let key = format!("invoice:{}:{line}", is.id);
        let entries = match is.kind {
            InvoiceKind::Rent => {
                vec![(Account::Receivable(person), owed), (Account::RentIncome, -revision.adjustment), (wallet, -freed)]
            }
            InvoiceKind::Deposit => vec![
                (Account::Receivable(person), owed),
                (Account::DepositBilled(person), -owed),
                (Account::DepositLiability(person), freed),
                (wallet, -freed),
            ],
        };
        books.enter(key, text.as_str(), is.currency, entries)?;
        free(uow, is.id, freed).await?;
        if is.kind == InvoiceKind::Deposit && freed > 0 {
            release(uow, books, stay, freed).await?;
        }
        followed.to_wallet += freed;
        after = adjusted;
    }
    // However much changed of it, it is one change.
    let mut record = after.record().clone();
    record.version = is.version + 1;
    let after = Invoice::from_record(record).map_err(broken)?;
    written(uow.invoices().update(&after).await?, "invoices")?;
    tell_invoice(uow, books.ambient, Change::InvoiceAdjusted, Some(before), &after);
    followed.adjusted.push(is.id);
    Ok(())
}

const fn adjustment_text(stay: &StayFacts, kind: InvoiceKind, amount: i64) -> &'static str {
    match (stay.state, kind) {
        (StayState::GivenUp, _) => "The stay was given up",
        (_, InvoiceKind::Deposit) => "The deposit is not needed any more",
        (_, InvoiceKind::Rent) if amount < 0 => "The stay was shortened or costs less",
        (_, InvoiceKind::Rent) => "The stay was extended or costs more",
    }
}

/// Puts what an invoice needs no more into the wallets' part of the payments that paid it, the last one first.
async fn free(uow: &mut dyn BillingUow, invoice: InvoiceId, amount: i64) -> Result<(), StoreError> {
    if amount == 0 {
        return Ok(());
    }
    let mut left = amount;
    let mut rows = Vec::new();
    for (payment_id, paid) in uow.allocations().of_invoice(invoice).await? {
        let part = left.min(paid);
        if part > 0 {
            rows.push(Allocation { payment_id, target: Target::Invoice(invoice), amount: -part });
            rows.push(Allocation { payment_id, target: Target::Wallet, amount: part });
            left -= part;
        }
    }
    if left != 0 {
        return Err(StoreError::Corrupt(format!("invoice {invoice} was paid by no payment with {left}").into()));
    }
    uow.allocations().add(&rows).await
}

/// Whether the deposit of a stay was settled or released: what is left of its bill stays as it is then.
async fn is_over(uow: &mut dyn BillingUow, stay: &StayFacts) -> Result<bool, StoreError> {
    Ok(uow.deposits().lock_of_booking(stay.booking_id).await?.is_some_and(|deposit| deposit.is_over()))
}

/// The house holds this much less of the deposit.
async fn release(uow: &mut dyn BillingUow, books: &Books<'_>, stay: &StayFacts, freed: i64) -> Result<(), StoreError> {
    let Some(before) = uow.deposits().lock_of_booking(stay.booking_id).await? else {
        return Err(StoreError::Corrupt(format!("stay {} has no deposit", stay.booking_id).into()));
    };
    // What was proposed to be kept of a stay that never was is kept no more.
    let mut record = before.record().clone();
    record.deductions.clear();
    let after = Deposit::from_record(record).holding(-freed, books.now).map_err(broken)?;
    written(uow.deposits().update(&after).await?, "deposits")?;
    tell_deposit(uow, books.ambient, Change::DepositReduced, Some(&before), &after);
    Ok(())
}

/// Ends a deposit of which nothing is held and nothing can be paid any more.
async fn release_empty(uow: &mut dyn BillingUow, books: &Books<'_>, stay: &StayFacts) -> Result<(), StoreError> {
    let Some(before) = uow.deposits().lock_of_booking(stay.booking_id).await? else { return Ok(()) };
    if before.is_over() || before.held() > 0 {
        return Ok(());
    }
    let after = before.clone().release(books.now);
    written(uow.deposits().update(&after).await?, "deposits")?;
    tell_deposit(uow, books.ambient, Change::DepositReleased, Some(&before), &after);
    Ok(())
}

/// What an invoice is for, in words.
pub(crate) fn words(invoice: &Invoice) -> String {
    invoice.record().lines.first().map(|line| line.text.as_str().to_owned()).unwrap_or_default()
}

/// The bills of a stay as they would be made today.
pub(crate) fn drafts(
    house: &House,
    terms: &BillingTerms,
    stay: &StayFacts,
    now: domicile_kernel::Instant,
) -> Result<Vec<Draft>, domicile_kernel::money::MoneyError> {
    policy::first_bills(terms, stay, house.today(now))
}

/// A record that its own lock keeps from others must have been written.
pub(crate) fn written(written: Written, table: &str) -> Result<(), StoreError> {
    match written {
        Written::Written => Ok(()),
        Written::Stale => Err(StoreError::Stale),
        Written::Exists => Err(StoreError::Conflict(table.to_owned())),
    }
}
