//! What a payment was used for. Rows are only ever added; what stands is their sum by payment and target.

use super::{InvoiceId, PaymentId};

/// Where a part of a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// It pays an invoice.
    Invoice(InvoiceId),
    /// It is credit in the payer's wallet.
    Wallet,
    /// Nobody knows yet what it is for.
    Suspense,
}

/// A part of a payment put somewhere, or taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Where.
    pub target: Target,
    /// In minor units of the payment's currency; negative when it is taken away. As a sum never negative.
    pub amount: i64,
}
