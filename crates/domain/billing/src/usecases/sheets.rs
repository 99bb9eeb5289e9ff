//! Sheets to keep: the receipt of a payment, and a statement of what happened between a person and a hostel (J32).

use domicile_kernel::{
    AccountId, Call, Checks, Currency, FieldErrors, HostelDay, Money, Permission, Refusal, StoreError, faults,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Bursar,
    model::{InvoiceKind, PaymentId, Refund, RefundState, Target},
    ports::{Domain, PrintError, ReceiptLine, ReceiptSheet, StatementLine, StatementSheet},
    queries::{Payer, PaymentUse},
};

/// Which statement is asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskStatement {
    /// Whose; the caller's own when absent. Somebody else's only with `payments:read:all`.
    pub user_id: Option<String>,
    /// The first day, `YYYY-MM-DD`. Required.
    pub from: Option<String>,
    /// The last day, at most ten years later. Required.
    pub to: Option<String>,
}

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such payment.
    #[error("Payment not found")]
    PaymentNotFound,
    /// Nothing was paid, so there is nothing to be receipted.
    #[error("There is a receipt once the payment is completed")]
    NotPaid,
    /// No such person.
    #[error("User not found")]
    PersonNotFound,
    /// It could not be printed.
    #[error("Something went wrong on our side")]
    Print(#[from] PrintError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(SheetError: through Refused, Invalid, Store;
    Self::PaymentNotFound => NotFound,
    Self::NotPaid => ResourceConflict,
    Self::PersonNotFound => NotFound,
    Self::Print(_) => InternalError);

impl Bursar {
    /// The receipt of a payment that was completed, for its payer and for who may see every payment.
    pub async fn receipt(&self, call: &Call, id: PaymentId) -> Result<ReceiptSheet, SheetError> {
        call.require(Permission::PaymentsReadOwn)?;
        Self::house(call)?;
        let payment = self.queries.payment(call, id).await?.ok_or(SheetError::PaymentNotFound)?;
        if call.actor.account() != Some(payment.user_id) && !call.may(Permission::PaymentsReadAll) {
            return Err(Refusal::NotYours("payments").into());
        }
        let paid_at = payment.completed_at.ok_or(SheetError::NotPaid)?;
        let (house, payer) = self.queries.parties(call, payment.user_id).await?;
        let uses = bought(self.queries.uses(call, id).await?, &self.queries.refunds(call, id).await?);
        Ok(ReceiptSheet {
            hostel: house.name.as_str().to_owned(),
            zone: house.zone,
            number: payment.reference,
            paid_at,
            payer: payer.map(known_as).unwrap_or_default(),
            provider: self.paid_by(payment.provider),
            lines: uses.iter().map(|part| receipt_line(part, payment.amount.currency())).collect(),
            amount: payment.amount,
            refunded: payment.refunded,
            made_at: self.ambient.now(),
        })
    }

    /// What happened between a person and the hostel from one day to another: the caller's own, or somebody else's with
    /// `payments:read:all`.
    pub async fn statement(&self, call: &Call, asked: AskStatement) -> Result<StatementSheet, SheetError> {
        call.require(Permission::PaymentsReadOwn)?;
        Self::house(call)?;
        let (asked_for, from, to) = asked.check()?;
        let person = match asked_for {
            Some(person) => person,
            None => call.account()?,
        };
        if call.actor.account() != Some(person) && !call.may(Permission::PaymentsReadAll) {
            return Err(Refusal::NotYours("statements").into());
        }
        let (house, payer) = self.queries.parties(call, person).await?;
        let payer = payer.ok_or(SheetError::PersonNotFound)?;
        // Nobody knows yet what will be owed on a day to come.
        let to = to.min(house.today(self.ambient.now())).max(from);
        let (begins, ends) = (house.zone.start_of(from), house.zone.start_of(to.plus_days(1)));
        let opening = self.queries.owed_before(call, person, begins).await?;
        let movements = self.queries.movements(call, person, begins, ends).await?;
        let mut balance = opening.amount_minor();
        let mut lines = Vec::with_capacity(movements.len());
        for movement in movements {
            balance = balance.saturating_add(movement.amount);
            lines.push(StatementLine {
                at: movement.at,
                text: movement.text,
                amount: Money::new(movement.amount, house.currency),
                balance: Money::new(balance, house.currency),
            });
        }
        Ok(StatementSheet {
            hostel: house.name.as_str().to_owned(),
            zone: house.zone,
            person: known_as(payer),
            from,
            to,
            opening,
            lines,
            closing: Money::new(balance, house.currency),
            made_at: self.ambient.now(),
        })
    }

    /// By whom, for people to read. Nobody shall take a rehearsal for money.
    fn paid_by(&self, provider: String) -> String {
        let rehearsed = self.gateways.find(&provider).is_some_and(|gateway| gateway.domain() == Domain::Test);
        if rehearsed { format!("{provider}: no real money moved") } else { provider }
    }

    /// Prints a receipt.
    pub fn print_receipt(&self, sheet: &ReceiptSheet) -> Result<Vec<u8>, SheetError> {
        Ok(self.printer.receipt(sheet)?)
    }

    /// Prints a statement.
    pub fn print_statement(&self, sheet: &StatementSheet) -> Result<Vec<u8>, SheetError> {
        Ok(self.printer.statement(sheet)?)
    }
}

fn known_as(payer: Payer) -> String {
    payer.name.unwrap_or(payer.email)
}

/// What a payment was used for, in amounts that add up to it: what was given back, or is on its way, counts as what it was
/// used for before.
fn bought(mut uses: Vec<PaymentUse>, refunds: &[Refund]) -> Vec<PaymentUse> {
    let given_back = refunds.iter().map(Refund::record).filter(|refund| refund.state != RefundState::Failed);
    for part in given_back.flat_map(|refund| &refund.taken_from) {
        if let Some(used) = uses.iter_mut().find(|used| used.target == part.target) {
            used.amount += part.amount;
        }
    }
    uses.retain(|used| used.amount != 0);
    uses
}

fn receipt_line(part: &PaymentUse, currency: Currency) -> ReceiptLine {
    let text = match (part.target, part.invoice) {
        (Target::Invoice(_), Some((InvoiceKind::Rent, period))) => format!("Rent {} to {}", period.from, period.to),
        (Target::Invoice(_), Some((InvoiceKind::Deposit, _))) => "Deposit".to_owned(),
        (Target::Invoice(_), None) => "Invoice".to_owned(),
        (Target::Wallet, _) => "Credit in the wallet".to_owned(),
        (Target::Suspense, _) => "Not used yet".to_owned(),
    };
    ReceiptLine { text, amount: Money::new(part.amount, currency) }
}

impl AskStatement {
    fn check(self) -> Result<(Option<AccountId>, HostelDay, HostelDay), FieldErrors> {
        const MOST_MONTHS: i64 = 120;
        let mut checks = Checks::new();
        let person = checks.id("user_id", self.user_id.as_deref(), "Invalid user ID");
        let from = checks.require("from", self.from);
        let from = checks.day("from", from.as_deref());
        let to = checks.require("to", self.to);
        let to = checks.day("to", to.as_deref());
        if let (Some(from), Some(to)) = (from, to) {
            checks.ensure(from <= to, "to", "not_before", "to must not be before from");
            if to > from.plus_months(MOST_MONTHS) {
                let message = format!("A statement is for at most {MOST_MONTHS} months");
                checks.fail("to", "max_months", json!({ "max": MOST_MONTHS }), message);
            }
        }
        let days = from.zip(to);
        checks.conclude(days.map(|(from, to)| (person, from, to)))
    }
}
