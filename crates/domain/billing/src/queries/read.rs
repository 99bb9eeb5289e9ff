//! The use cases that only read.

use std::collections::BTreeMap;

use domicile_kernel::{
    AccountId, Call, Currency, FieldErrors, Money, Page, PageOf, Permission, Refusal, StoreError, faults,
};

use super::{
    AskWallet, BalanceView, DepositView, InvoiceView, JournalView, ListDeposits, ListInvoices, ListJournals,
    ListPayments, PaymentView, PutAsideView, QuarantineView, RefundView, WalletView,
};
use crate::{
    Bursar,
    model::{Account, DepositId, InvoiceId, PaymentId, RefundId},
};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A filter makes no sense.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such record.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ReadError: through Refused, Invalid, Store; Self::NotFound(_) => NotFound);

impl Bursar {
    /// The invoices of the hostel, for who may see every payment; otherwise one's own.
    pub async fn list_invoices(
        &self,
        call: &Call,
        asked: ListInvoices,
        page: &Page,
    ) -> Result<PageOf<InvoiceView>, ReadError> {
        Self::reading(call)?;
        let mut filter = asked.check()?;
        filter.user_id = only_own(call, filter.user_id, "invoices")?;
        Ok(self.queries.invoices(call, &filter, page).await?)
    }

    /// One invoice, for who owes it and for who may see every payment.
    pub async fn invoice(&self, call: &Call, id: InvoiceId) -> Result<InvoiceView, ReadError> {
        Self::reading(call)?;
        let view = self.queries.invoice(call, id).await?.ok_or(ReadError::NotFound("Invoice"))?;
        own_or_all(call, view.user_id, "invoices")?;
        Ok(view)
    }

    /// The payments of the hostel, for who may see all; otherwise one's own.
    pub async fn list_payments(
        &self,
        call: &Call,
        asked: ListPayments,
        page: &Page,
    ) -> Result<PageOf<PaymentView>, ReadError> {
        Self::reading(call)?;
        let mut filter = asked.check()?;
        filter.user_id = only_own(call, filter.user_id, "payments")?;
        Ok(self.queries.payments(call, &filter, page).await?)
    }

    /// One payment, for its payer and for who may see all.
    pub async fn payment(&self, call: &Call, id: PaymentId) -> Result<PaymentView, ReadError> {
        Self::reading(call)?;
        let view = self.queries.payment(call, id).await?.ok_or(ReadError::NotFound("Payment"))?;
        own_or_all(call, view.user_id, "payments")?;
        Ok(view)
    }

    /// The refunds of a payment, oldest first, for its payer and for who may see every payment.
    pub async fn list_refunds(&self, call: &Call, payment: PaymentId) -> Result<Vec<RefundView>, ReadError> {
        self.payment(call, payment).await?;
        Ok(self.queries.refunds(call, payment).await?.iter().map(RefundView::of).collect())
    }

    /// One refund, for its payer and for who may see every payment.
    pub async fn refund(&self, call: &Call, id: RefundId) -> Result<RefundView, ReadError> {
        Self::reading(call)?;
        let view = self.queries.refund(call, id).await?.ok_or(ReadError::NotFound("Refund"))?;
        self.payment(call, view.payment_id).await?;
        Ok(view)
    }

    /// The deposits of the hostel, for who may see every payment; otherwise one's own.
    pub async fn list_deposits(
        &self,
        call: &Call,
        asked: ListDeposits,
        page: &Page,
    ) -> Result<PageOf<DepositView>, ReadError> {
        Self::reading(call)?;
        let mut filter = asked.check()?;
        filter.user_id = only_own(call, filter.user_id, "deposits")?;
        Ok(self.queries.deposits(call, &filter, page).await?)
    }

    /// One deposit, for its resident and for who may see every payment.
    pub async fn deposit(&self, call: &Call, id: DepositId) -> Result<DepositView, ReadError> {
        Self::reading(call)?;
        let view = self.queries.deposit(call, id).await?.ok_or(ReadError::NotFound("Deposit"))?;
        own_or_all(call, view.user_id, "deposits")?;
        Ok(view)
    }

    /// A wallet in the hostel: the caller's own, and for who may see every payment that of any member, present or former.
    pub async fn wallet(&self, call: &Call, asked: AskWallet) -> Result<WalletView, ReadError> {
        Self::reading(call)?;
        let hostel_id = Self::house(call)?;
        let user_id = match asked.check()? {
            Some(other) if call.actor.account() != Some(other) => {
                own_or_all(call, other, "wallets")?;
                self.queries.parties(call, other).await?.1.ok_or(ReadError::NotFound("User"))?;
                other
            }
            _ => call.account()?,
        };
        let held = self.queries.balance(call, &Account::Wallet(user_id)).await?;
        let balance = domicile_kernel::Money::new(-held.amount_minor(), held.currency());
        Ok(WalletView { hostel_id, user_id, balance })
    }

    /// The trial balance: what the accounts of each kind hold, in the order of their names and currencies. Kinds of which
    /// every account is at zero are left out. The lines of one currency sum to zero, as every journal does.
    pub async fn balances(&self, call: &Call) -> Result<Vec<BalanceView>, ReadError> {
        call.require(Permission::LedgerRead)?;
        Self::house(call)?;
        let mut kinds: BTreeMap<(&'static str, Currency), (i64, u64)> = BTreeMap::new();
        for (account, balance) in self.queries.balances(call).await? {
            let (sum, accounts) = kinds.entry((account.kind(), balance.currency())).or_default();
            *sum = sum.checked_add(balance.amount_minor()).ok_or_else(|| {
                StoreError::Corrupt(format!("the accounts {} hold more than can be counted", account.kind()).into())
            })?;
            *accounts += 1;
        }
        let line = |((account, currency), (sum, accounts)): ((&str, Currency), (i64, u64))| BalanceView {
            account: account.to_owned(),
            balance: Money::new(sum, currency),
            accounts,
        };
        Ok(kinds.into_iter().map(line).collect())
    }

    /// The journals of the hostel's ledger.
    pub async fn list_journals(
        &self,
        call: &Call,
        asked: ListJournals,
        page: &Page,
    ) -> Result<PageOf<JournalView>, ReadError> {
        call.require(Permission::LedgerRead)?;
        Self::house(call)?;
        Ok(self.queries.journals(call, &asked.check()?, page).await?)
    }

    /// What gateways told and did not fit.
    pub async fn list_quarantined(&self, call: &Call, page: &Page) -> Result<PageOf<QuarantineView>, ReadError> {
        call.require(Permission::LedgerRead)?;
        Self::house(call)?;
        Ok(self.queries.quarantined(call, page).await?)
    }

    /// What gateways told of the hostel's payments and has no effect: it cannot be read, it did not fit, it was never confirmed.
    pub async fn list_put_aside(&self, call: &Call, page: &Page) -> Result<PageOf<PutAsideView>, ReadError> {
        call.require(Permission::LedgerRead)?;
        Self::house(call)?;
        Ok(self.queries.put_aside(call, page).await?)
    }

    fn reading(call: &Call) -> Result<(), Refusal> {
        call.require(Permission::PaymentsReadOwn)?;
        Self::house(call).map(|_hostel| ())
    }
}

/// Whose records a list is narrowed to.
fn only_own(call: &Call, asked: Option<AccountId>, what: &'static str) -> Result<Option<AccountId>, Refusal> {
    if call.may(Permission::PaymentsReadAll) {
        return Ok(asked);
    }
    let own = call.account()?;
    if asked.is_some_and(|asked| asked != own) { Err(Refusal::NotYours(what)) } else { Ok(Some(own)) }
}

fn own_or_all(call: &Call, whose: AccountId, what: &'static str) -> Result<(), Refusal> {
    let own = call.actor.account() == Some(whose);
    if own || call.may(Permission::PaymentsReadAll) { Ok(()) } else { Err(Refusal::NotYours(what)) }
}
