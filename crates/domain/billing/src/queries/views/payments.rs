//! What is told of payments, refunds and what did not fit.

use domicile_kernel::{AccountId, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use crate::model::{
    BookingId, InboxEntryId, InvoiceId, Payment, PaymentId, PaymentState, PaymentStatus, Purpose, QuarantineId,
    Quarantined, Refund, RefundId, RefundState, Suspicion,
};

/// A payment as it is told (J30).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PaymentView {
    /// Which.
    pub id: PaymentId,
    /// Which house is paid.
    pub hostel_id: HostelId,
    /// Whose payment.
    pub user_id: AccountId,
    /// The stay it is for.
    pub booking_id: Option<BookingId>,
    /// The invoice it is for.
    pub invoice_id: Option<InvoiceId>,
    /// What it is for.
    pub purpose: Purpose,
    /// Who takes the money; `wallet` when it comes from the payer's wallet.
    pub provider: String,
    /// Its identity at the provider.
    pub reference: String,
    /// Where it stands.
    pub status: PaymentStatus,
    /// How much.
    pub amount: Money,
    /// What was given back.
    pub refunded: Money,
    /// Why it failed, if it did.
    pub failure: Option<Text>,
    /// When the payer cannot pay any more.
    pub expires_at: Instant,
    /// When the money was taken.
    pub completed_at: Option<Instant>,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
    /// From 1, one more with each change.
    pub version: i64,
}

impl PaymentView {
    /// What is told of a payment.
    #[must_use]
    pub fn of(payment: &Payment) -> Self {
        let is = payment.record();
        let (failure, completed_at) = match &is.state {
            PaymentState::Pending => (None, None),
            PaymentState::Completed { at } => (None, Some(*at)),
            PaymentState::Failed { why, .. } => (Some(why.clone()), None),
        };
        Self {
            id: is.id,
            hostel_id: is.hostel_id,
            user_id: is.user_id,
            booking_id: is.booking_id,
            invoice_id: is.invoice_id,
            purpose: is.purpose,
            provider: is.provider.clone(),
            reference: is.reference.clone(),
            status: payment.status(),
            amount: is.amount,
            refunded: payment.money(is.refunded),
            failure,
            expires_at: is.expires_at,
            completed_at,
            created_at: is.created_at,
            updated_at: is.updated_at,
            version: is.version,
        }
    }
}

/// A payment that was begun, and where the payer goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InitializedPayment {
    /// The payment.
    pub payment: PaymentView,
    /// Where the payer pays. None while the gateway has not answered: ask again with the same idempotency key, or verify.
    pub authorization_url: Option<String>,
}

impl InitializedPayment {
    /// What is told of a payment that was begun.
    #[must_use]
    pub fn of(payment: &Payment) -> Self {
        Self { payment: PaymentView::of(payment), authorization_url: payment.record().authorization_url.clone() }
    }
}

/// A refund as it is told (J31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefundView {
    /// Which.
    pub id: RefundId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: RefundState,
    /// Why.
    pub reason: Text,
    /// What the provider said last, if it said anything.
    pub message: Option<Text>,
    /// When it was reserved.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl RefundView {
    /// What is told of a refund.
    #[must_use]
    pub fn of(refund: &Refund) -> Self {
        let is = refund.record();
        Self {
            id: is.id,
            payment_id: is.payment_id,
            amount: is.amount,
            status: is.state,
            reason: is.reason.clone(),
            message: is.message.clone(),
            created_at: is.created_at,
            updated_at: is.updated_at,
        }
    }
}

/// What a provider told and did not fit, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuarantineView {
    /// Which.
    pub id: QuarantineId,
    /// The payment it names.
    pub payment_id: PaymentId,
    /// Who told it.
    pub provider: String,
    /// What did not fit.
    pub suspicion: Suspicion,
    /// What was expected.
    pub expected: Money,
    /// What was told.
    pub reported: Money,
    /// What else is known.
    pub note: Text,
    /// When.
    pub created_at: Instant,
}

impl QuarantineView {
    /// What is told of it.
    #[must_use]
    pub fn of(found: &Quarantined) -> Self {
        Self {
            id: found.id,
            payment_id: found.payment_id,
            provider: found.provider.clone(),
            suspicion: found.suspicion,
            expected: found.expected,
            reported: found.reported,
            note: found.note.clone(),
            created_at: found.at,
        }
    }
}

/// What a provider told and has no effect, as it is told. What it said is not shown: it names people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PutAsideView {
    /// Which.
    pub id: InboxEntryId,
    /// Who told it.
    pub provider: String,
    /// The reference of the payment it names.
    pub reference: Option<String>,
    /// Why it has no effect.
    pub why: Text,
    /// When it came first.
    pub received_at: Instant,
    /// How often it came.
    pub deliveries: i64,
}
