//! A payment: money that somebody pays, from the asking to the giving back.
//!
//! ```text
//!             success               refund reserved, then given back
//!  pending ───────────▶ completed ──────────▶ partially_refunded ──▶ refunded
//!     │ ▲ late success      ▲
//!     ▼ │                   │
//!   failed ─────────────────┘
//! ```
//!
//! Nothing leads back from `completed`: what arrives out of order changes nothing. A late success of a failed payment does
//! count, because the payer's money was taken.

use domicile_kernel::{AccountId, Code, Detail, Fault, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use super::{BookingId, InvoiceId, PaymentId};

/// What a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// One invoice.
    Invoice,
    /// The open invoices of a stay, the oldest first.
    Booking,
    /// The payer's wallet.
    WalletTopup,
}

impl Purpose {
    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Booking => "booking",
            Self::WalletTopup => "wallet_topup",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Invoice, Self::Booking, Self::WalletTopup].into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// Where a payment stands, with what belongs to that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentState {
    /// The payer has not paid yet, as far as is known.
    Pending,
    /// The money was taken.
    Completed {
        /// When we learned it.
        at: Instant,
    },
    /// It was not, and the session is over or was declined.
    Failed {
        /// When we learned it.
        at: Instant,
        /// Why, for the payer to read.
        why: Text,
    },
}

/// The name of where a payment stands, refunds counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Not decided yet.
    Pending,
    /// Paid.
    Completed,
    /// Not paid.
    Failed,
    /// Paid, and a part was given back.
    PartiallyRefunded,
    /// Paid, and all was given back.
    Refunded,
}

impl PaymentStatus {
    /// Every status.
    pub const ALL: &'static [Self] =
        &[Self::Pending, Self::Completed, Self::Failed, Self::PartiallyRefunded, Self::Refunded];
    /// Their names, in the same order.
    pub const WORDS: &'static [&'static str] = &["pending", "completed", "failed", "partially_refunded", "refunded"];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}

/// Everything that is kept of a payment. `0 <= refunded`, `0 <= refund_pending`, and together at most the amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Which.
    pub id: PaymentId,
    /// Which house is paid.
    pub hostel_id: HostelId,
    /// Whose payment: who owes the invoice, or fills the wallet.
    pub user_id: AccountId,
    /// The stay it is for.
    pub booking_id: Option<BookingId>,
    /// The invoice it is for.
    pub invoice_id: Option<InvoiceId>,
    /// What it is for.
    pub purpose: Purpose,
    /// Who takes the money; [`Payment::WALLET`] when it comes from the wallet.
    pub provider: String,
    /// Its identity at the provider; unique there.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What was given back, in minor units.
    pub refunded: i64,
    /// What is reserved to be given back, in minor units.
    pub refund_pending: i64,
    /// What the provider kept, in minor units, as far as it told.
    pub fees: Option<i64>,
    /// The provider's own id of it.
    pub gateway_id: Option<String>,
    /// Where the payer pays; none until the gateway answered.
    pub authorization_url: Option<String>,
    /// Until when somebody of us may be asking the gateway: nobody else does meanwhile.
    pub asking_until: Option<Instant>,
    /// When the session ends, after which the payer cannot pay any more.
    pub expires_at: Instant,
    /// Where it stands.
    pub state: PaymentState,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment(PaymentRecord);

/// What cannot be done to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// Its status does not allow it.
    #[error("This payment is {} and cannot be {attempted}", status.as_str())]
    Illegal {
        /// Where it stands.
        status: PaymentStatus,
        /// What was tried, such as `refunded`.
        attempted: &'static str,
    },
    /// More would be given back than was paid.
    #[error("At most {} can be refunded of this payment", left.printed())]
    TooMuch {
        /// What can still be given back.
        left: Money,
    },
    /// The numbers are those of no payment.
    #[error("a payment is never refunded beyond its amount")]
    Numbers,
}

impl Fault for PaymentError {
    fn code(&self) -> Code {
        match self {
            Self::Illegal { .. } | Self::TooMuch { .. } => Code::ResourceConflict,
            Self::Numbers => Code::InternalError,
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Illegal { status, .. } => Detail::State(status.as_str().to_owned()),
            Self::TooMuch { left } => Detail::Data(serde_json::json!({ "refundable": left })),
            Self::Numbers => Detail::None,
        }
    }
}

impl Payment {
    /// The provider of payments that come from the payer's wallet.
    pub const WALLET: &'static str = "wallet";

    /// The reference of a payment: made of its id, so that whoever repeats a step finds the same one.
    #[must_use]
    pub fn reference_of(id: PaymentId) -> String {
        format!("dom-{}", id.uuid().simple())
    }

    /// A payment as it was kept, or as it is made; refused when its numbers are those of none.
    pub fn from_record(record: PaymentRecord) -> Result<Self, PaymentError> {
        let amount = record.amount.amount_minor();
        let back = record.refunded.checked_add(record.refund_pending);
        let sound = amount > 0
            && record.refunded >= 0
            && record.refund_pending >= 0
            && back.is_some_and(|back| back <= amount)
            && (back == Some(0) || matches!(record.state, PaymentState::Completed { .. }));
        if sound { Ok(Self(record)) } else { Err(PaymentError::Numbers) }
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &PaymentRecord {
        &self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> PaymentId {
        self.0.id
    }

    /// Whose.
    #[must_use]
    pub const fn payer(&self) -> AccountId {
        self.0.user_id
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

    /// An amount in its currency.
    #[must_use]
    pub const fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.0.amount.currency())
    }

    /// What can still be given back, in minor units.
    #[must_use]
    pub const fn refundable(&self) -> i64 {
        match self.0.state {
            PaymentState::Completed { .. } => self.amount() - self.0.refunded - self.0.refund_pending,
            PaymentState::Pending | PaymentState::Failed { .. } => 0,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> PaymentStatus {
        match self.0.state {
            PaymentState::Pending => PaymentStatus::Pending,
            PaymentState::Failed { .. } => PaymentStatus::Failed,
            PaymentState::Completed { .. } if self.0.refunded == 0 => PaymentStatus::Completed,
            PaymentState::Completed { .. } if self.0.refunded < self.amount() => PaymentStatus::PartiallyRefunded,
            PaymentState::Completed { .. } => PaymentStatus::Refunded,
        }
    }

    /// Whether the money was taken.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self.0.state, PaymentState::Completed { .. })
    }

    /// Whether the gateway may still have something new to say of it: it is pending, or it failed before its session was
    /// over, in which the payer may have tried again.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        match self.0.state {
            PaymentState::Pending => true,
            PaymentState::Failed { at, .. } => at < self.0.expires_at,
            PaymentState::Completed { .. } => false,
        }
    }

    /// It failed, and the gateway says so after the end of its session: that is the last word.
    #[must_use]
    pub fn failed_for_good(self, now: Instant) -> Self {
        let late = now >= self.0.expires_at;
        let early = matches!(self.0.state, PaymentState::Failed { at, .. } if at < self.0.expires_at);
        if !(late && early) {
            return self;
        }
        self.changed(now, |record| {
            if let PaymentState::Failed { at, .. } = &mut record.state {
                *at = now;
            }
        })
    }

    /// Whether it comes from the payer's wallet.
    #[must_use]
    pub fn is_from_wallet(&self) -> bool {
        self.0.provider == Self::WALLET
    }

    /// Taken by one of us who asks the gateway now, until an instant; none when somebody else is at it, or when there is
    /// nothing to ask.
    #[must_use]
    pub fn asking(self, until: Instant, now: Instant) -> Option<Self> {
        let free = self.0.asking_until.is_none_or(|theirs| theirs <= now);
        let open = matches!(self.0.state, PaymentState::Pending) && self.0.authorization_url.is_none();
        (free && open).then(|| self.changed(now, |record| record.asking_until = Some(until)))
    }

    /// With the checkout that the gateway opened.
    #[must_use]
    pub fn opened(self, authorization_url: String, at: Instant) -> Self {
        self.changed(at, |record| {
            record.authorization_url = Some(authorization_url);
            record.asking_until = None;
        })
    }

    /// Nobody asks the gateway any more.
    #[must_use]
    pub fn not_asking(self, at: Instant) -> Self {
        self.changed(at, |record| record.asking_until = None)
    }

    /// The money was taken. Refused when that is known already.
    pub fn complete(self, gateway_id: Option<String>, fees: Option<i64>, at: Instant) -> Result<Self, PaymentError> {
        match self.0.state {
            PaymentState::Completed { .. } => {
                Err(PaymentError::Illegal { status: self.status(), attempted: "completed" })
            }
            PaymentState::Pending | PaymentState::Failed { .. } => Ok(self.changed(at, |record| {
                record.state = PaymentState::Completed { at };
                record.gateway_id = gateway_id;
                record.fees = fees;
                record.asking_until = None;
            })),
        }
    }

    /// The money was not taken. Refused unless it was still open.
    pub fn fail(self, why: Text, at: Instant) -> Result<Self, PaymentError> {
        match self.0.state {
            PaymentState::Pending => Ok(self.changed(at, |record| {
                record.state = PaymentState::Failed { at, why };
                record.asking_until = None;
            })),
            PaymentState::Completed { .. } | PaymentState::Failed { .. } => {
                Err(PaymentError::Illegal { status: self.status(), attempted: "failed" })
            }
        }
    }

    /// With `amount` reserved to be given back.
    pub fn reserve_refund(self, amount: i64, at: Instant) -> Result<Self, PaymentError> {
        if !self.is_paid() {
            return Err(PaymentError::Illegal { status: self.status(), attempted: "refunded" });
        }
        if !(1..=self.refundable()).contains(&amount) {
            return Err(PaymentError::TooMuch { left: self.money(self.refundable()) });
        }
        Ok(self.changed(at, |record| record.refund_pending += amount))
    }

    /// What was reserved was given back.
    pub fn refund(self, amount: i64, at: Instant) -> Result<Self, PaymentError> {
        Self::from_record(
            self.changed(at, |record| {
                record.refund_pending -= amount;
                record.refunded += amount;
            })
            .0,
        )
    }

    /// What was reserved is not given back after all.
    pub fn release_refund(self, amount: i64, at: Instant) -> Result<Self, PaymentError> {
        Self::from_record(self.changed(at, |record| record.refund_pending -= amount).0)
    }

    fn changed(mut self, at: Instant, change: impl FnOnce(&mut PaymentRecord)) -> Self {
        change(&mut self.0);
        self.0.version += 1;
        self.0.updated_at = at;
        self
    }
}
