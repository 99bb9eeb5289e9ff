//! Using money in suspense for another invoice of the same person (J30): somebody whose bed was gone when their payment
//! arrived got another one.

use domicile_kernel::{Call, Checks, Detail, Feature, FieldErrors, Outcome, Permission, Refusal, StoreError, faults};
use serde::Deserialize;

use super::settle::{pay_invoices, store};
use crate::{
    Bursar,
    books::Books,
    events::{Change, tell_payment},
    model::{Account, Allocation, InvoiceId, Payment, PaymentId, Target},
    queries::PaymentView,
};

/// What money in suspense is to pay, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ApplyPayment {
    /// Which invoice, of the same person. Required.
    pub invoice_id: Option<String>,
}

/// Why money in suspense could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such payment.
    #[error("Payment not found")]
    PaymentNotFound,
    /// No such invoice.
    #[error("Invoice not found")]
    InvoiceNotFound,
    /// Nothing of the payment is in suspense.
    #[error("Nothing of this payment is in suspense")]
    NothingInSuspense {
        /// Where the payment stands.
        status: &'static str,
    },
    /// It is somebody else's invoice, or one in other money.
    #[error("This invoice is not one that this payment can pay")]
    OtherInvoice,
    /// Nothing is owed on it.
    #[error("There is nothing to pay here")]
    NothingToPay,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ApplyError: through Refused, Invalid, Store;
    Self::PaymentNotFound => NotFound,
    Self::InvoiceNotFound => NotFound,
    Self::NothingInSuspense { status } => ResourceConflict with Detail::State((*status).to_owned()),
    Self::OtherInvoice => ResourceConflict,
    Self::NothingToPay => ResourceConflict);

impl Bursar {
    /// Pays an invoice with what of a payment is in suspense, as far as either goes. What is left stays there, and is
    /// refunded by itself.
    pub async fn apply_payment(
        &self,
        call: &Call,
        id: PaymentId,
        command: ApplyPayment,
    ) -> Result<PaymentView, ApplyError> {
        call.require(Permission::PaymentsApply)?;
        call.require_feature(Feature::Payments)?;
        let hostel = Self::house(call)?;
        let invoice_id = command.check()?;
        let mut uow = self.uows.begin(call).await?;
        let before = uow.payments().lock(id).await?.ok_or(ApplyError::PaymentNotFound)?;
        let invoice = uow.invoices().lock(invoice_id).await?.ok_or(ApplyError::InvoiceNotFound)?;
        let parts = uow.allocations().of_payment(id).await?;
        let suspense = parts.iter().find(|(target, _)| *target == Target::Suspense).map_or(0, |(_, amount)| *amount);
        if suspense == 0 {
            return Err(ApplyError::NothingInSuspense { status: before.status().as_str() });
        }
        let currency = before.record().amount.currency();
        if invoice.record().user_id != before.payer() || invoice.record().currency != currency {
            return Err(ApplyError::OtherInvoice);
        }
        let amount = suspense.min(invoice.open());
        if amount == 0 {
            return Err(ApplyError::NothingToPay);
        }
        let mut books = Books::open(&self.ambient, hostel);
        let mut record = before.record().clone();
        (record.version, record.updated_at) = (before.version() + 1, books.now);
        let payment = Payment::from_record(record).map_err(crate::books::broken)?;
        store(&mut *uow, &payment).await?;
        let mut entries = pay_invoices(&mut *uow, &books, id, vec![(invoice, amount)]).await?;
        entries.push((Account::Suspense(id), amount));
        uow.allocations().add(&[Allocation { payment_id: id, target: Target::Suspense, amount: -amount }]).await?;
        books.enter(format!("apply:{id}:{}", payment.version()), "Payment out of suspense", currency, entries)?;
        tell_payment(&mut *uow, &self.ambient, Change::PaymentApplied, Some(&before), &payment);
        books.close_sound(&mut *uow).await?;
        let view = PaymentView::of(&payment);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

impl ApplyPayment {
    fn check(self) -> Result<InvoiceId, FieldErrors> {
        let mut checks = Checks::new();
        let invoice = checks.require("invoice_id", self.invoice_id);
        let invoice = checks.id("invoice_id", invoice.as_deref(), "Invalid invoice ID");
        checks.conclude(invoice)
    }
}
