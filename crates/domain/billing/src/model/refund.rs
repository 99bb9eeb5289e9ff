//! A refund: a part of a payment on its way back. Its amount is reserved before anybody is asked to give it back.
//!
//! ```text
//!  pending ──▶ completed
//!     │ ▲  └─▶ failed
//!     ▼ │ retried with an account
//!  needs_attention ──▶ completed, failed
//! ```

use domicile_kernel::{AccountId, Code, Detail, Fault, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use super::{Allocation, DepositId, PaymentId, RefundId};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Reserved, and on its way.
    Pending,
    /// The payer has it.
    Completed,
    /// It did not go through; the money is where it was.
    Failed,
    /// The provider needs an account to send it to.
    NeedsAttention,
}

impl RefundState {
    /// Every state.
    pub const ALL: &'static [Self] = &[Self::Pending, Self::Completed, Self::Failed, Self::NeedsAttention];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::NeedsAttention => "needs_attention",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.as_str() == name)
    }

    /// Whether its amount is still reserved.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::NeedsAttention)
    }
}

/// Why money goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundOrigin {
    /// Somebody decided so.
    Decided,
    /// Nothing was owed that it could have paid.
    Suspense,
    /// A deposit was settled.
    Deposit(DepositId),
}

impl RefundOrigin {
    /// The name in the store; a deposit's id stands beside it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Suspense => "suspense",
            Self::Deposit(_) => "deposit",
        }
    }
}

/// Everything that is kept of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    /// Which.
    pub id: RefundId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Who gets it.
    pub user_id: AccountId,
    /// How much.
    pub amount: Money,
    /// Why, for the payer to read; 1 to 500 characters.
    pub reason: Text,
    /// Why, for the books.
    pub origin: RefundOrigin,
    /// What it was taken from, as positive amounts that add up to it. A part of a settled deposit is in no allocation.
    pub taken_from: Vec<Allocation>,
    /// Its identity at the provider.
    pub reference: String,
    /// The provider's own id of it.
    pub gateway_id: Option<String>,
    /// What the provider said last.
    pub message: Option<Text>,
    /// How often the provider was asked.
    pub attempts: u32,
    /// Until when somebody of us may be asking the gateway: nobody else does meanwhile.
    pub asking_until: Option<Instant>,
    /// Where it stands.
    pub state: RefundState,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was reserved.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund(RefundRecord);

/// The refund's state does not allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This refund is {} and cannot be {attempted}", state.as_str())]
pub struct IllegalRefundMove {
    /// Where it stands.
    pub state: RefundState,
    /// What was tried.
    pub attempted: &'static str,
}

impl Fault for IllegalRefundMove {
    fn code(&self) -> Code {
        Code::ResourceConflict
    }

    fn detail(&self) -> Detail {
        Detail::State(self.state.as_str().to_owned())
    }
}

impl Refund {
    /// The reference of a refund: made of its id, so that whoever repeats a step finds the same one.
    #[must_use]
    pub fn reference_of(id: RefundId) -> String {
        format!("domr-{}", id.uuid().simple())
    }

    /// A refund as it was kept, or as it is made.
    #[must_use]
    pub const fn from_record(record: RefundRecord) -> Self {
        Self(record)
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &RefundRecord {
        &self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> RefundId {
        self.0.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// How much, in minor units.
    #[must_use]
    pub const fn amount(&self) -> i64 {
        self.0.amount.amount_minor()
    }

    /// Taken by one of us who asks the gateway now, until an instant; none when somebody else is at it or it is over.
    #[must_use]
    pub fn asking(self, until: Instant, now: Instant) -> Option<Self> {
        let free = self.0.asking_until.is_none_or(|theirs| theirs <= now);
        (free && self.0.state.is_open()).then(|| {
            self.changed(now, |record| {
                record.asking_until = Some(until);
                record.attempts = record.attempts.saturating_add(1);
            })
        })
    }

    /// What the provider said, without an end: it is still on its way, or needs attention.
    pub fn heard(
        self,
        state: RefundState,
        gateway_id: Option<String>,
        message: Option<Text>,
        at: Instant,
    ) -> Result<Self, IllegalRefundMove> {
        self.open_for(state.as_str())?;
        Ok(self.changed(at, |record| {
            record.state = state;
            record.gateway_id = gateway_id.or(record.gateway_id.take());
            record.message = message.or(record.message.take());
            record.asking_until = None;
        }))
    }

    fn open_for(&self, attempted: &'static str) -> Result<(), IllegalRefundMove> {
        if self.0.state.is_open() { Ok(()) } else { Err(IllegalRefundMove { state: self.0.state, attempted }) }
    }

    fn changed(mut self, at: Instant, change: impl FnOnce(&mut RefundRecord)) -> Self {
        change(&mut self.0);
        self.0.version += 1;
        self.0.updated_at = at;
        self
    }
}
