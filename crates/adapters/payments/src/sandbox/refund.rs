//! A refund at the sandbox.

use domicile_kernel::{Instant, Money};

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxRefundState {
    /// Under way. Nothing moves it: it is for seeing what waiting looks like.
    Pending,
    /// The money went back.
    Processed,
    /// It did not go.
    Failed,
    /// The payer's account is wanted.
    NeedsAttention,
}

impl SandboxRefundState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Processed, Self::Failed, Self::NeedsAttention];

    /// As it is stored and told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Failed => "failed",
            Self::NeedsAttention => "needs-attention",
        }
    }

    /// Reads what [`Self::as_str`] gave.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A refund: a row of `sandbox_refunds`, found by its reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxRefund {
    /// Whoever asked for it made it; there is one refund to a reference, ever.
    pub reference: String,
    /// The charge that is refunded.
    pub charge_reference: String,
    /// How much goes back.
    pub amount: Money,
    /// How it stands.
    pub state: SandboxRefundState,
    /// When it was asked for.
    pub created_at: Instant,
    /// How many times its state is to be told.
    pub notices_due: u32,
    /// How many times it was told. Only [`SandboxStore::delivered`](super::SandboxStore::delivered) raises it.
    pub notices_sent: u32,
    /// Grows by one with each change of the rest.
    pub version: i64,
}

impl SandboxRefund {
    /// Whether its amount is gone from the charge: all but failed ones.
    pub fn counts(&self) -> bool {
        self.state != SandboxRefundState::Failed
    }
}
