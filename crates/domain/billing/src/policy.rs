//! Decisions as pure functions: how a stay is billed, what a change of it changes of the bills, what a payment pays, where
//! money that goes back is taken from, and what a gateway's report means.

use domicile_kernel::{HostelDay, Instant, Money, money::MoneyError};

use crate::{
    model::{
        BillingTerms, Invoice, InvoiceId, InvoiceKind, Payment, PaymentState, Period, StayFacts, StayState, Suspicion,
        Target,
    },
    ports::{ChargeReport, ChargeStatus, Domain},
};

/// The months of a stay from its check-in day, and what is left at the end, with the rent of each (J32). They add up to the
/// total to the unit: each whole month costs the monthly price, unless it is one of the `first` months, which have amounts of
/// their own; and the last period absorbs the remainder. When the total is less than the months before the last one cost, the
/// first periods take it up and the others cost nothing.
#[must_use]
pub fn schedule(
    (check_in, check_out): (HostelDay, HostelDay),
    first: &[Money],
    monthly: i64,
    total: i64,
) -> Vec<(Period, i64)> {
    let mut periods = Vec::new();
    let mut left = total.max(0);
    let mut first = first.iter();
    for month in 0i64.. {
        let from = check_in.plus_months(month);
        // A day at the end of the calendar has no month behind it: what is left is one period then.
        let next = check_in.plus_months(month + 1);
        let last = next >= check_out || next <= from;
        let whole = first.next().map_or(monthly, |own| own.amount_minor());
        let amount = if last { left } else { left.min(whole.max(0)) };
        left -= amount;
        periods.push((Period { from, to: if last { check_out } else { next } }, amount));
        if last {
            break;
        }
    }
    periods
}

/// What is to be billed of a stay as it is now.
#[must_use]
pub fn wanted(stay: &StayFacts) -> Vec<(Period, i64)> {
    match stay.state {
        StayState::Asked | StayState::GivenUp => Vec::new(),
        StayState::Holding | StayState::MovedOut => {
            let (monthly, total) = (stay.monthly_price.amount_minor(), stay.total_price.amount_minor());
            schedule((stay.check_in, stay.check_out), &stay.first_months, monthly, total)
        }
    }
}

/// The deposit of a stay, by the terms.
pub fn deposit(terms: &BillingTerms, monthly_price: Money) -> Result<Money, MoneyError> {
    monthly_price.fraction(i64::from(terms.deposit_percent), 100)
}

/// When a bill made on a day is due: on the first day of its period, but not sooner after it was made than the terms say.
#[must_use]
pub fn due_date(terms: &BillingTerms, period: Period, made_on: HostelDay) -> HostelDay {
    period.from.max(made_on.plus_days(i64::from(terms.first_due_days)))
}

/// A bill that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draft {
    /// What for.
    pub kind: InvoiceKind,
    /// Its place among those of its kind.
    pub sequence: u32,
    /// For which nights.
    pub period: Period,
    /// Until when it is to be paid.
    pub due_date: HostelDay,
    /// How much, in minor units, positive.
    pub amount: i64,
}

/// What is to change of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Of which.
    pub id: InvoiceId,
    /// Other nights, if they are others.
    pub redated: Option<(Period, HostelDay)>,
    /// What the line says that is to be added, in minor units; 0 for none.
    pub adjustment: i64,
}

/// What has to be done so that the invoices are those of the stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Bills to be made.
    pub drafts: Vec<Draft>,
    /// Bills to be changed.
    pub revisions: Vec<Revision>,
}

/// The bills of a stay that has none yet, made on a day.
pub fn first_bills(terms: &BillingTerms, stay: &StayFacts, today: HostelDay) -> Result<Vec<Draft>, MoneyError> {
    let rent = wanted(stay);
    let mut drafts = Vec::with_capacity(rent.len() + 1);
    let deposit = deposit(terms, stay.monthly_price)?.amount_minor();
    if let Some((first, _)) = rent.first().filter(|_| deposit > 0) {
        let period = Period { from: first.from, to: stay.check_out };
        let due_date = due_date(terms, *first, today);
        drafts.push(Draft { kind: InvoiceKind::Deposit, sequence: 1, period, due_date, amount: deposit });
    }
    drafts.extend((1..).zip(rent).filter(|(_, (_, amount))| *amount > 0).map(|(sequence, (period, amount))| {
        let due_date = due_date(terms, period, today);
        Draft { kind: InvoiceKind::Rent, sequence, period, due_date, amount }
    }));
    Ok(drafts)
}

/// What has to be done to the invoices of a stay after it changed: periods by their place. An issued line is never touched;
/// what a period costs more or less is an adjustment, and no invoice goes below nothing. A second plan for the same stay,
/// made after the first was carried out, is empty.
pub fn plan(
    terms: &BillingTerms,
    stay: &StayFacts,
    invoices: &[Invoice],
    made_on: impl Fn(Instant) -> HostelDay,
    today: HostelDay,
) -> Result<Plan, MoneyError> {
    if stay.state == StayState::Asked {
        return Ok(Plan::default());
    }
    if invoices.is_empty() {
        let drafts = if stay.state == StayState::Holding { first_bills(terms, stay, today)? } else { Vec::new() };
        return Ok(Plan { drafts, revisions: Vec::new() });
    }
    let currency = stay.monthly_price.currency();
    if let Some(other) = invoices.iter().find(|invoice| invoice.record().currency != currency) {
        return Err(MoneyError::Mixed(other.record().currency, currency));
    }
    let wanted = wanted(stay);
    let place = |sequence: u32| usize::try_from(sequence).ok().and_then(|place| wanted.get(place.checked_sub(1)?));
    let mut plan = Plan::default();
    for invoice in invoices {
        let is = invoice.record();
        let revision = match is.kind {
            InvoiceKind::Deposit => Revision { id: is.id, redated: None, adjustment: less_deposit(stay, invoice) },
            InvoiceKind::Rent => match place(is.sequence) {
                None => Revision { id: is.id, redated: None, adjustment: at_most_off(invoice, invoice.billed()) },
                Some((period, amount)) => {
                    let due = due_date(terms, *period, made_on(is.created_at));
                    let redated = (is.period != *period).then_some((*period, due));
                    let more = amount - invoice.billed();
                    let adjustment = match stay.state {
                        // What was given back of a stay that ended early was given back of the nights that nobody slept.
                        StayState::MovedOut if more < 0 => at_most_off(invoice, invoice.total() - amount),
                        _ if more < 0 => at_most_off(invoice, -more),
                        _ => more,
                    };
                    Revision { id: is.id, redated, adjustment }
                }
            },
        };
        if revision.redated.is_some() || revision.adjustment != 0 {
            plan.revisions.push(revision);
        }
    }
    let has = |sequence: u32| {
        invoices
            .iter()
            .any(|invoice| (invoice.record().kind, invoice.record().sequence) == (InvoiceKind::Rent, sequence))
    };
    for (sequence, (period, amount)) in (1..).zip(&wanted) {
        if *amount > 0 && !has(sequence) {
            let due_date = due_date(terms, *period, today);
            let (period, amount) = (*period, *amount);
            plan.drafts.push(Draft { kind: InvoiceKind::Rent, sequence, period, due_date, amount });
        }
    }
    Ok(plan)
}

/// Less by an amount, but never below nothing.
fn at_most_off(invoice: &Invoice, amount: i64) -> i64 {
    -amount.clamp(0, invoice.total())
}

/// A stay that was given up needs no deposit; one that is over needs no more than was paid.
fn less_deposit(stay: &StayFacts, invoice: &Invoice) -> i64 {
    match stay.state {
        StayState::Asked | StayState::Holding => 0,
        StayState::GivenUp => -invoice.total(),
        StayState::MovedOut => -invoice.open(),
    }
}

/// What an amount pays of the open amounts, in their order, and what is left of it.
#[must_use]
pub fn allocate(amount: i64, open: impl IntoIterator<Item = (InvoiceId, i64)>) -> (Vec<(InvoiceId, i64)>, i64) {
    let mut left = amount.max(0);
    let mut parts = Vec::new();
    for (id, open) in open {
        let part = left.min(open.max(0));
        if part > 0 {
            parts.push((id, part));
            left -= part;
        }
    }
    (parts, left)
}

/// Which invoices of a stay may be paid today, in the order they are given: all that are open, or, where the house takes no
/// advance payments, those that are due and, when none is, the one that is due next.
#[must_use]
pub fn payable<'a>(terms: &BillingTerms, invoices: &'a [Invoice], today: HostelDay) -> Vec<&'a Invoice> {
    let open: Vec<&Invoice> = invoices.iter().filter(|invoice| invoice.open() > 0).collect();
    if terms.advance_allowed {
        return open;
    }
    let due: Vec<&Invoice> = open.iter().copied().filter(|invoice| invoice.record().due_date <= today).collect();
    if due.is_empty() { open.into_iter().take(1).collect() } else { due }
}

/// Where money of a payment that goes back is taken from: what is in suspense first, then what is in the wallet (as far as it
/// is still there), then what pays invoices, the last of them first. `None` when that is not enough; `available` of a part is
/// what can be taken of it.
#[must_use]
pub fn take_back(amount: i64, parts: &[(Target, i64)]) -> Option<Vec<(Target, i64)>> {
    let rank = |target: &Target| match target {
        Target::Suspense => 0,
        Target::Wallet => 1,
        Target::Invoice(_) => 2,
    };
    let mut ordered: Vec<(Target, i64)> = parts.iter().rev().copied().collect();
    ordered.sort_by_key(|(target, _)| rank(target));
    let mut left = amount;
    let mut taken = Vec::new();
    for (target, available) in ordered {
        let part = left.min(available.max(0));
        if part > 0 {
            taken.push((target, part));
            left -= part;
        }
    }
    (left == 0).then_some(taken)
}

/// What a report means for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The money was taken, as it was asked for.
    Paid,
    /// It was not, and the payer was told so.
    NotPaid,
    /// Nobody knows yet, or it is known already.
    Nothing,
    /// It does not fit what was asked for: never credited.
    Suspicious(Suspicion),
}

/// Judges a report. What does not fit is suspicious only where it would have been credited: nobody forges a failure.
#[must_use]
pub fn judge(payment: &Payment, report: &ChargeReport, domain: Domain, now: Instant) -> Verdict {
    let is = payment.record();
    if report.reference != is.reference {
        return Verdict::Suspicious(Suspicion::Reference);
    }
    match report.status {
        ChargeStatus::Pending => Verdict::Nothing,
        ChargeStatus::Success if report.domain != domain => Verdict::Suspicious(Suspicion::Domain),
        ChargeStatus::Success if report.asked().currency() != is.amount.currency() => {
            Verdict::Suspicious(Suspicion::Currency)
        }
        ChargeStatus::Success if report.amount.currency() != is.amount.currency() => {
            Verdict::Suspicious(Suspicion::Currency)
        }
        ChargeStatus::Success
            if report.asked() != is.amount || report.amount.amount_minor() < is.amount.amount_minor() =>
        {
            Verdict::Suspicious(Suspicion::Amount)
        }
        ChargeStatus::Success if payment.is_paid() => Verdict::Nothing,
        ChargeStatus::Success => Verdict::Paid,
        // A reversal is one of the whole charge; a part that we gave back does not explain it.
        ChargeStatus::Reversed if payment.is_paid() => {
            if payment.refundable() > 0 {
                Verdict::Suspicious(Suspicion::Reversed)
            } else {
                Verdict::Nothing
            }
        }
        ChargeStatus::Abandoned if now < is.expires_at => Verdict::Nothing,
        ChargeStatus::Failed | ChargeStatus::Reversed | ChargeStatus::Abandoned => match is.state {
            PaymentState::Pending => Verdict::NotPaid,
            PaymentState::Completed { .. } | PaymentState::Failed { .. } => Verdict::Nothing,
        },
    }
}

#[cfg(test)]
mod tests;
