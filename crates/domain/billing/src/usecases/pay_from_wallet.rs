//! Paying an invoice out of one's wallet (J32).

use domicile_kernel::{
    Call, Checks, Detail, Feature, FieldErrors, Money, Outcome, Permission, Refusal, StoreError, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    initialize::{Bill, positive, within},
    settle::pay_invoices,
};
use crate::{
    Bursar,
    books::Books,
    events::{Change, tell_payment},
    model::{Account, InvoiceId, Payment, PaymentError, PaymentId, PaymentRecord, PaymentState, Purpose},
    ports::PaymentWritten,
    queries::PaymentView,
};

/// What is to be paid out of the wallet, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PayFromWallet {
    /// Which invoice, one's own. Required.
    pub invoice_id: Option<String>,
    /// How much; all that is open when absent. At most that.
    pub amount: Option<Money>,
}

/// Why nothing was paid.
#[derive(Debug, thiserror::Error)]
pub enum PayFromWalletError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such invoice.
    #[error("Invoice not found")]
    InvoiceNotFound,
    /// Nothing is owed on it.
    #[error("There is nothing to pay here")]
    NothingToPay,
    /// The house takes no advance payments, and an older invoice is open.
    #[error("An older invoice has to be paid first")]
    NotDueYet {
        /// The oldest open invoice.
        first: InvoiceId,
    },
    /// The wallet does not hold enough.
    #[error("Your wallet holds {} of the {} needed", balance.printed(), needed.printed())]
    InsufficientBalance {
        /// What is in it.
        balance: Money,
        /// What was to be paid.
        needed: Money,
    },
    /// The numbers are those of no payment.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(PayFromWalletError: through Refused, Invalid, Payment, Store;
    Self::InvoiceNotFound => NotFound,
    Self::NothingToPay => ResourceConflict,
    Self::NotDueYet { first } => ResourceConflict with Detail::Data(json!({ "invoice_id": first })),
    Self::InsufficientBalance { balance, needed } =>
        InsufficientBalance with Detail::Data(json!({ "balance": balance, "needed": needed })));

impl Bursar {
    /// Pays an invoice of the caller's own out of their wallet, at once.
    pub async fn pay_from_wallet(
        &self,
        call: &Call,
        command: PayFromWallet,
    ) -> Result<PaymentView, PayFromWalletError> {
        call.require(Permission::PaymentsCreate)?;
        call.require_feature(Feature::Payments)?;
        let hostel = Self::house(call)?;
        let payer = call.account()?;
        let (invoice_id, asked) = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let mut invoices = Bill::Invoice(invoice_id).payable(&mut *uow, self.ambient.now(), false).await?;
        let place = invoices.all.iter().position(|invoice| invoice.id() == invoice_id);
        let first = invoices.before(invoice_id);
        let invoice = place.map(|place| invoices.all.swap_remove(place)).ok_or(PayFromWalletError::InvoiceNotFound)?;
        if invoice.record().user_id != payer {
            return Err(Refusal::NotYours("invoices").into());
        }
        if let Some(first) = first {
            return Err(PayFromWalletError::NotDueYet { first });
        }
        if invoice.open() == 0 {
            return Err(PayFromWalletError::NothingToPay);
        }
        let amount = within(asked, invoice.money(invoice.open()))?;
        let currency = amount.currency();
        let held = -uow.ledger().balance(&Account::Wallet(payer), currency).await?;
        let short = PayFromWalletError::InsufficientBalance { balance: Money::new(held, currency), needed: amount };
        if held < amount.amount_minor() {
            return Err(short);
        }
        let mut books = Books::open(&self.ambient, hostel);
        let now = books.now;
        let id: PaymentId = self.ambient.id();
        let payment = Payment::from_record(PaymentRecord {
            id,
            hostel_id: hostel,
            user_id: payer,
            booking_id: Some(invoice.record().booking_id),
            invoice_id: Some(invoice_id),
            purpose: Purpose::Invoice,
            provider: Payment::WALLET.to_owned(),
            reference: Payment::reference_of(id),
            amount,
            refunded: 0,
            refund_pending: 0,
            fees: None,
            gateway_id: None,
            authorization_url: None,
            asking_until: None,
            expires_at: now,
            state: PaymentState::Completed { at: now },
            version: 1,
            created_at: now,
            updated_at: now,
        })?;
        match uow.payments().insert(&payment).await? {
            PaymentWritten::Written => {}
            PaymentWritten::ReferenceTaken | PaymentWritten::Stale => {
                return Err(StoreError::Conflict("payments: reference".to_owned()).into());
            }
        }
        let mut entries = pay_invoices(&mut *uow, &books, id, vec![(invoice, amount.amount_minor())]).await?;
        entries.push((Account::Wallet(payer), amount.amount_minor()));
        books.enter(format!("charge:{id}"), "Payment from the wallet", currency, entries)?;
        tell_payment(&mut *uow, &self.ambient, Change::PaymentCompleted, None, &payment);
        // Somebody may have spent it between the look and the posting: the ledger has the last word.
        if let Err(_wallet) = books.close(&mut *uow).await? {
            return Err(short);
        }
        let view = PaymentView::of(&payment);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

impl PayFromWallet {
    fn check(self) -> Result<(InvoiceId, Option<Money>), FieldErrors> {
        let mut checks = Checks::new();
        let invoice = checks.require("invoice_id", self.invoice_id);
        let invoice = checks.id("invoice_id", invoice.as_deref(), "Invalid invoice ID");
        let amount = positive(&mut checks, "amount", self.amount);
        checks.conclude(invoice.map(|invoice| (invoice, amount)))
    }
}
