//! Deposits (J32): the house proposes what it wants to keep, item by item; the resident answers; then what is kept becomes
//! income and the rest goes back to where it came from, or into the wallet.

use std::time::Duration;

use domicile_kernel::{
    Call, Checks, Detail, FieldErrors, Money, Outcome, Permission, Refusal, StoreError, Text, VersionConflict, faults,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    give_back::{NotReserved, Taken, payers_of},
    initialize::positive,
};
use crate::{
    Bursar,
    books::{Books, broken},
    events::{Change, tell_deposit, tell_invoice},
    model::{
        Account, Allocation, Deduction, Deposit, DepositId, IllegalDepositMove, Invoice, Payment, PaymentId,
        RefundOrigin, StayState, Target,
    },
    ports::BillingUow,
    queries::DepositView,
    stays::written,
};

/// A deduction, as it was sent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NewDeduction {
    /// What for, 1 to 200 characters. Required.
    pub description: Option<String>,
    /// How much. Required.
    pub amount: Option<Money>,
}

/// What the house wants to keep, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AssessDeposit {
    /// Item by item, at most 50; together at most what is held. An empty list says that nothing is to be kept. Required.
    pub deductions: Option<Vec<NewDeduction>>,
}

/// What the resident says, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AnswerDeposit {
    /// Whether they agree. Required.
    pub accepted: Option<bool>,
    /// What else they say, at most 2000 characters.
    pub note: Option<String>,
}

/// How a deposit is to be settled, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SettleDeposit {
    /// `origin`, the way it was paid, when absent; or `wallet`. What a gateway took that is not configured any more goes into
    /// the wallet in any case.
    pub to: Option<String>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such deposit.
    #[error("Deposit not found")]
    NotFound,
    /// Its state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalDepositMove),
    /// The resident still lives here.
    #[error("The deposit is held as long as the stay lasts")]
    StillHere {
        /// Where the deposit stands.
        status: &'static str,
    },
    /// Somebody else changed it in between.
    #[error(transparent)]
    Stale(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(DepositError: through Refused, Invalid, Illegal, Stale, Store;
    Self::NotFound => NotFound,
    Self::StillHere { status } => ResourceConflict with Detail::State((*status).to_owned()));

const MOST_DEDUCTIONS: usize = 50;

impl Bursar {
    /// Proposes what to keep of a deposit of which the caller saw `version`, once the stay is over. The resident has the days
    /// of the terms to answer; proposing something else begins them anew. After the answer it can only be less.
    pub async fn assess_deposit(
        &self,
        call: &Call,
        id: DepositId,
        version: i64,
        command: AssessDeposit,
    ) -> Result<DepositView, DepositError> {
        call.require(Permission::DepositsManage)?;
        Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let before = uow.deposits().lock(id).await?.ok_or(DepositError::NotFound)?;
        let deductions = command.check(before.record().currency)?;
        refuse_who_lives_here(&mut *uow, &before).await?;
        let days = uow.terms().find().await?.unwrap_or_default().answer_days;
        let now = self.ambient.now();
        let until = now.plus(Duration::from_secs(u64::from(days) * 24 * 3600));
        let after = before.clone().assess(deductions, until, now)?;
        self.change(uow, Change::DepositAssessed, &before, version, after).await
    }

    /// The resident says what they think of the deductions, of which they saw `version`.
    pub async fn answer_deposit(
        &self,
        call: &Call,
        id: DepositId,
        version: i64,
        command: AnswerDeposit,
    ) -> Result<DepositView, DepositError> {
        call.require(Permission::PaymentsReadOwn)?;
        Self::house(call)?;
        let (accepted, note) = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let before = uow.deposits().lock(id).await?.ok_or(DepositError::NotFound)?;
        if call.actor.account() != Some(before.record().user_id) {
            return Err(Refusal::NotYours("deposits").into());
        }
        let after = before.clone().answer(accepted, note, self.ambient.now())?;
        self.change(uow, Change::DepositAnswered, &before, version, after).await
    }

    async fn change(
        &self,
        mut uow: Box<dyn BillingUow>,
        change: Change,
        before: &Deposit,
        version: i64,
        after: Deposit,
    ) -> Result<DepositView, DepositError> {
        VersionConflict::check(before.version(), version, || DepositView::of(before))?;
        written(uow.deposits().update(&after).await?, "deposits")?;
        tell_deposit(&mut *uow, &self.ambient, change, Some(before), &after);
        let view = DepositView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// Ends a deposit of which the caller saw `version`, once the stay is over and the resident has answered or their time
    /// to answer is. What is deducted becomes income of the house, the rest goes back.
    pub async fn settle_deposit(
        &self,
        call: &Call,
        id: DepositId,
        version: i64,
        command: SettleDeposit,
    ) -> Result<DepositView, DepositError> {
        call.require(Permission::DepositsManage)?;
        let hostel = Self::house(call)?;
        let to_wallet = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let known = uow.deposits().find(id).await?.ok_or(DepositError::NotFound)?;
        let payments = lock_payments(&mut *uow, &known).await?;
        let invoice_id = known.record().invoice_id;
        let invoice = uow.invoices().lock(invoice_id).await?.ok_or(DepositError::NotFound)?;
        let before = uow.deposits().lock(id).await?.ok_or(DepositError::NotFound)?;
        refuse_who_lives_here(&mut *uow, &before).await?;
        let (after, kept, back) = before.clone().settle(self.ambient.now())?;
        VersionConflict::check(before.version(), version, || DepositView::of(&before))?;
        let mut books = Books::open(&self.ambient, hostel);
        written(uow.deposits().update(&after).await?, "deposits")?;
        let mut returning = Returning { invoice, payments, left: back, to_wallet };
        let credit = self.return_deposit(&mut *uow, &mut books, &before, &mut returning).await?;
        let (person, currency) = (before.record().user_id, before.record().currency);
        let entries = [
            (Account::DepositLiability(person), kept + credit),
            (Account::OtherIncome, -kept),
            (Account::Wallet(person), -credit),
        ];
        let words = match kept {
            0 => "Deposit settled".to_owned(),
            _ => format!("Deposit settled, {} kept", Money::new(kept, currency)),
        };
        books.enter(format!("deposit:{id}"), words, currency, entries)?;
        tell_deposit(&mut *uow, &self.ambient, Change::DepositSettled, Some(&before), &after);
        books.close_sound(&mut *uow).await?;
        let view = DepositView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// Gives back what is not kept, the last payment first. Answers how much of it goes into the wallet by the deposit's own
    /// journal.
    async fn return_deposit(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        deposit: &Deposit,
        returning: &mut Returning,
    ) -> Result<i64, DepositError> {
        if returning.left == 0 {
            return Ok(0);
        }
        let target = Target::Invoice(returning.invoice.id());
        let text = Text::clean("Deposit returned");
        let (invoice, _line) =
            returning.invoice.clone().given_back(text.clone(), returning.left, books.now).map_err(broken)?;
        written(uow.invoices().update(&invoice).await?, "invoices")?;
        tell_invoice(uow, &self.ambient, Change::InvoiceAdjusted, Some(&returning.invoice), &invoice);
        let mut credit = 0;
        for (payment_id, paid) in uow.allocations().of_invoice(invoice.id()).await? {
            let part = returning.left.min(paid);
            let Some(payment) = returning.payments.iter().find(|payment| payment.id() == payment_id) else {
                // It was paid between the look and the lock: the caller tries again.
                return Err(StoreError::Stale.into());
            };
            if part == 0 {
                continue;
            }
            returning.left -= part;
            let mut rows = vec![Allocation { payment_id, target, amount: -part }];
            // What nobody here can give back the way it came is the payer's all the same.
            let to_wallet = returning.to_wallet || !self.can_ask(payment);
            if to_wallet && !payment.is_from_wallet() {
                credit += part;
                rows.push(Allocation { payment_id, target: Target::Wallet, amount: part });
            } else {
                self.refund_part(uow, books, deposit, payment.clone(), (target, part)).await?;
            }
            uow.allocations().add(&rows).await?;
        }
        if returning.left != 0 {
            return Err(StoreError::Corrupt(format!("deposit {} was not paid whole", deposit.id()).into()).into());
        }
        Ok(credit)
    }

    async fn refund_part(
        &self,
        uow: &mut dyn BillingUow,
        books: &mut Books<'_>,
        deposit: &Deposit,
        payment: Payment,
        (target, part): (Target, i64),
    ) -> Result<(), DepositError> {
        let entries = vec![(Account::DepositLiability(deposit.record().user_id), part)];
        let why = (RefundOrigin::Deposit(deposit.id()), Text::clean("Deposit returned"));
        let taken = Taken { parts: vec![(target, part)], entries };
        let written = self.write_refund(uow, books, payment, part, taken, why).await;
        let (_payment, refund) = written.map_err(|error| match error {
            NotReserved::Payment(error) => broken(error),
            NotReserved::Store(error) => error,
        })?;
        if refund.record().state.is_open() {
            let job = self.refund_job(&refund, Duration::ZERO);
            uow.enqueue(job);
        }
        Ok(())
    }
}

/// Nothing is decided of a deposit as long as its stay lasts.
async fn refuse_who_lives_here(uow: &mut dyn BillingUow, deposit: &Deposit) -> Result<(), DepositError> {
    let is = deposit.record();
    let stay = uow.stays().find(is.booking_id).await?;
    let lives_here = stay.is_some_and(|stay| matches!(stay.state, StayState::Asked | StayState::Holding));
    if lives_here { Err(DepositError::StillHere { status: is.status.as_str() }) } else { Ok(()) }
}

/// What is going back.
struct Returning {
    invoice: Invoice,
    payments: Vec<Payment>,
    left: i64,
    to_wallet: bool,
}

/// Locks the payments that paid a deposit, in their order, before anything behind them is locked.
async fn lock_payments(uow: &mut dyn BillingUow, deposit: &Deposit) -> Result<Vec<Payment>, StoreError> {
    let ids: Vec<PaymentId> = payers_of(uow, deposit.record().invoice_id).await?;
    let mut payments = Vec::with_capacity(ids.len());
    for id in ids {
        payments.extend(uow.payments().lock(id).await?);
    }
    Ok(payments)
}

impl AssessDeposit {
    fn check(self, currency: domicile_kernel::Currency) -> Result<Vec<Deduction>, FieldErrors> {
        let mut checks = Checks::new();
        let sent = checks.require("deductions", self.deductions).unwrap_or_default();
        if sent.len() > MOST_DEDUCTIONS {
            let message = format!("deductions must be at most {MOST_DEDUCTIONS}");
            checks.fail("deductions", "max_items", json!({ "max": MOST_DEDUCTIONS }), message);
        }
        let mut deductions = Vec::with_capacity(sent.len().min(MOST_DEDUCTIONS));
        for (index, deduction) in sent.into_iter().take(MOST_DEDUCTIONS).enumerate() {
            let field = format!("deductions[{index}].description");
            let text = checks.require(&field, deduction.description);
            let text = checks.line(&field, text.as_deref(), 1, 200, "Say what it is for");
            let field = format!("deductions[{index}].amount");
            let amount = checks.require(&field, deduction.amount);
            let amount = positive(&mut checks, &field, amount);
            if amount.is_some_and(|amount| amount.currency() != currency) {
                let params = json!({ "currency": currency });
                checks.fail(&format!("{field}.currency"), "currency", params, format!("must be {currency}"));
            }
            if let (Some(text), Some(amount)) = (text, amount) {
                deductions.push(Deduction { text, amount: amount.amount_minor() });
            }
        }
        checks.finish()?;
        Ok(deductions)
    }
}

impl AnswerDeposit {
    fn check(self) -> Result<(bool, Option<Text>), FieldErrors> {
        let mut checks = Checks::new();
        let accepted = checks.require("accepted", self.accepted);
        let note = checks.text("note", self.note.as_deref(), 0, 2000, "").filter(|note| !note.is_empty());
        checks.conclude(accepted.map(|accepted| (accepted, note)))
    }
}

impl SettleDeposit {
    fn check(self) -> Result<bool, FieldErrors> {
        let mut checks = Checks::new();
        let parse = |word: &str| match word {
            "origin" => Some(false),
            "wallet" => Some(true),
            _ => None,
        };
        let to_wallet = checks.one_of("to", self.to.as_deref(), parse, &["origin", "wallet"]);
        checks.finish()?;
        Ok(to_wallet.unwrap_or(false))
    }
}
