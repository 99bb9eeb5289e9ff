//! Asking what became of a payment (J30): what the payer's browser does when it comes back from the checkout page.

use domicile_kernel::{Call, Detail, Permission, Refusal, StoreError, faults};
use serde_json::json;

use super::look::Looked;
use crate::{Bursar, model::PaymentStatus, queries::PaymentView};

/// Why a payment could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such payment.
    #[error("Payment not found")]
    NotFound,
    /// It failed.
    #[error("The payment was declined: {why}")]
    Declined {
        /// Why, in the gateway's words.
        why: String,
        /// The payment as it is now.
        payment: Box<PaymentView>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(VerifyError: through Refused, Store;
    Self::NotFound => NotFound,
    Self::Declined { payment, .. } => PaymentFailed with Detail::Data(json!({ "payment": payment })));

impl Bursar {
    /// Asks the gateway about the payment with this reference, one's own or any with `payments:read:all`, and settles it.
    /// While the gateway does not answer, the payment is told as it is known: pending. Not gated by the feature.
    pub async fn verify_payment(&self, call: &Call, reference: &str) -> Result<PaymentView, VerifyError> {
        call.require(Permission::PaymentsReadOwn)?;
        Self::house(call)?;
        let bare = Self::bare(call);
        let known = self.queries.payment_by_reference(&bare, reference).await?.ok_or(VerifyError::NotFound)?;
        if call.actor.account() != Some(known.user_id) && !call.may(Permission::PaymentsReadAll) {
            return Err(Refusal::NotYours("payments").into());
        }
        let payment = match self.look(&bare, &bare, known.id).await? {
            Looked::Unknown => return Err(VerifyError::NotFound),
            Looked::Known(payment) | Looked::BeingAsked(payment) | Looked::Unanswered(payment) => payment,
        };
        let view = PaymentView::of(&payment);
        if view.status == PaymentStatus::Failed {
            let why = view.failure.as_ref().map(|why| why.as_str().to_owned()).unwrap_or_default();
            return Err(VerifyError::Declined { why, payment: Box::new(view) });
        }
        Ok(view)
    }
}
