//! What gateways tell: kept as it came before it is acknowledged, and processed later; and what did not fit what was asked
//! for, which is put aside and never credited.

use std::fmt;

use domicile_kernel::{HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use super::{InboxEntryId, PaymentId, QuarantineId};

/// A webhook to be kept. Its `Debug` shows neither body nor headers: they name people.
#[derive(Clone, PartialEq, Eq)]
pub struct NewInboxEntry {
    /// Which.
    pub id: InboxEntryId,
    /// The hostel of the payment it names, if there is one.
    pub hostel_id: Option<HostelId>,
    /// Who told it.
    pub provider: String,
    /// What makes two deliveries one; unique among the provider's.
    pub dedupe_key: String,
    /// The reference it names.
    pub reference: Option<String>,
    /// The headers worth keeping, as lines `name: value`; at most 8 KiB.
    pub headers: String,
    /// The body, byte by byte.
    pub body: Vec<u8>,
    /// Where it begins: waiting, or put aside at once when it cannot concern anybody.
    pub state: InboxState,
    /// When it came.
    pub received_at: Instant,
}

impl fmt::Debug for NewInboxEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewInboxEntry")
            .field("id", &self.id)
            .field("provider", &self.provider)
            .field("dedupe_key", &self.dedupe_key)
            .field("bytes", &self.body.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxState {
    /// Its effect is still to come.
    Waiting,
    /// Its effect is in the books.
    Processed {
        /// When.
        at: Instant,
    },
    /// It has none, and why.
    PutAside {
        /// When.
        at: Instant,
        /// Why.
        why: Text,
    },
}

/// Why what a gateway told has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// It cannot be read.
    Unreadable,
    /// It names a charge, and no payment here is that charge.
    Nobodys,
    /// It is about something else than charges.
    Unconcerned,
    /// Whom it comes from never confirmed it, and believing it would have moved no money.
    Unconfirmed,
}

impl Unfit {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Unreadable, Self::Nobodys, Self::Unconcerned, Self::Unconfirmed];

    /// The name for whoever counts them.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Nobodys => "no_payment",
            Self::Unconcerned => "no_charge",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// A webhook as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// What came.
    pub entry: NewInboxEntry,
    /// How often it was delivered, the first time included.
    pub deliveries: i64,
}

impl InboxEntry {
    /// Whether its effect is still to come.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.entry.state, InboxState::Waiting)
    }

    /// Whether it was put aside.
    #[must_use]
    pub const fn is_aside(&self) -> bool {
        matches!(self.entry.state, InboxState::PutAside { .. })
    }
}

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    /// Another amount than was asked for.
    Amount,
    /// Another currency than was asked for.
    Currency,
    /// Money that is not real, or the other way round.
    Domain,
    /// Another charge than the one that was asked about.
    Reference,
    /// Taken back by the provider without our asking, disputed by the payer, or told as taken and never confirmed.
    Reversed,
    /// A refund of which we know nothing, or of another amount.
    Refund,
}

impl Suspicion {
    /// Every one.
    pub const ALL: &'static [Self] =
        &[Self::Amount, Self::Currency, Self::Domain, Self::Reference, Self::Reversed, Self::Refund];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Domain => "domain",
            Self::Reference => "reference",
            Self::Reversed => "reversed",
            Self::Refund => "refund",
        }
    }

    /// The suspicion of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|suspicion| suspicion.as_str() == name)
    }
}

/// A report that did not fit what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Which.
    pub id: QuarantineId,
    /// Whose house.
    pub hostel_id: HostelId,
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
    /// What else helps whoever looks into it, without personal fields.
    pub note: Text,
    /// When.
    pub at: Instant,
}
