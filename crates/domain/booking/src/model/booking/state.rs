//! Where a booking can stand, and what can be done to it there.

use std::fmt;

use domicile_kernel::{AccountId, Code, Detail, Fault, Instant, Text};
use serde::{Deserialize, Serialize};

/// The name of a booking's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Asked for; the bed is held for a while.
    Pending,
    /// The bed is theirs for the dates.
    Approved,
    /// Refused by the house.
    Rejected,
    /// Given up before it began.
    Cancelled,
    /// Living here.
    CheckedIn,
    /// Left.
    CheckedOut,
}

impl BookingStatus {
    /// Every status, in the order of a stay.
    pub const ALL: &'static [Self] =
        &[Self::Pending, Self::Approved, Self::Rejected, Self::Cancelled, Self::CheckedIn, Self::CheckedOut];
    /// Their names, in the same order.
    pub const WORDS: &'static [&'static str] =
        &["pending", "approved", "rejected", "cancelled", "checked_in", "checked_out"];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::CheckedIn => "checked_in",
            Self::CheckedOut => "checked_out",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }

    /// Whether a booking of this status keeps its bed from others, and its guest from another bed.
    #[must_use]
    pub const fn holds_bed(self) -> bool {
        match self {
            Self::Pending | Self::Approved | Self::CheckedIn => true,
            Self::Rejected | Self::Cancelled | Self::CheckedOut => false,
        }
    }
}

impl fmt::Display for BookingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a booking stands, with what belongs to that state. `by` is none where no person decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BookingState {
    /// Asked for.
    Pending {
        /// When the hold on the bed ends by itself.
        hold_until: Instant,
    },
    /// Agreed.
    Approved {
        /// When.
        at: Instant,
        /// By whom.
        by: Option<AccountId>,
    },
    /// Refused.
    Rejected {
        /// When.
        at: Instant,
        /// By whom.
        by: Option<AccountId>,
        /// Why, as it was told.
        reason: Option<Text>,
    },
    /// Given up, by the guest, the house or the end of the hold.
    Cancelled {
        /// When.
        at: Instant,
        /// By whom.
        by: Option<AccountId>,
        /// Why, as it was told; `hold_expired` when the hold ended, `no_show` by custom when the guest never came.
        reason: Option<Text>,
    },
    /// Moved in.
    CheckedIn {
        /// When.
        at: Instant,
    },
    /// Moved out.
    CheckedOut {
        /// When.
        at: Instant,
    },
}

impl BookingState {
    /// Its name.
    #[must_use]
    pub const fn status(&self) -> BookingStatus {
        match self {
            Self::Pending { .. } => BookingStatus::Pending,
            Self::Approved { .. } => BookingStatus::Approved,
            Self::Rejected { .. } => BookingStatus::Rejected,
            Self::Cancelled { .. } => BookingStatus::Cancelled,
            Self::CheckedIn { .. } => BookingStatus::CheckedIn,
            Self::CheckedOut { .. } => BookingStatus::CheckedOut,
        }
    }

    /// Why it was refused or given up, if it was and somebody said.
    #[must_use]
    pub const fn reason(&self) -> Option<&Text> {
        match self {
            Self::Rejected { reason, .. } | Self::Cancelled { reason, .. } => reason.as_ref(),
            Self::Pending { .. } | Self::Approved { .. } | Self::CheckedIn { .. } | Self::CheckedOut { .. } => None,
        }
    }
}

/// What can be done to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Agree to it.
    Approve,
    /// Refuse it.
    Reject,
    /// Give it up.
    Cancel,
    /// End it because nobody agreed in time.
    EndHold,
    /// Move in.
    CheckIn,
    /// Move out.
    CheckOut,
    /// Change its bed, dates or particulars.
    Rearrange,
    /// Take the record away.
    Delete,
}

impl Move {
    /// Every move.
    pub const ALL: &'static [Self] = &[
        Self::Approve,
        Self::Reject,
        Self::Cancel,
        Self::EndHold,
        Self::CheckIn,
        Self::CheckOut,
        Self::Rearrange,
        Self::Delete,
    ];

    /// The one table of the state machine (J22).
    #[must_use]
    pub const fn is_legal_from(self, status: BookingStatus) -> bool {
        use BookingStatus::{Approved, CheckedIn, Pending};
        match self {
            Self::Approve | Self::Reject | Self::EndHold => matches!(status, Pending),
            Self::Cancel => matches!(status, Pending | Approved),
            Self::CheckIn => matches!(status, Approved),
            Self::CheckOut => matches!(status, CheckedIn),
            Self::Rearrange => status.holds_bed(),
            Self::Delete => !status.holds_bed(),
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject => "rejected",
            Self::Cancel => "cancelled",
            Self::EndHold => "released",
            Self::CheckIn => "checked in",
            Self::CheckOut => "checked out",
            Self::Rearrange => "changed",
            Self::Delete => "deleted",
        }
    }
}

/// The booking's state does not allow the move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This booking is {} and cannot be {}", self.status, self.attempted.done())]
pub struct IllegalMove {
    /// Where the booking stands.
    pub status: BookingStatus,
    /// What was tried.
    pub attempted: Move,
}

impl Fault for IllegalMove {
    fn code(&self) -> Code {
        Code::ResourceConflict
    }

    fn detail(&self) -> Detail {
        Detail::State(self.status.as_str().to_owned())
    }
}

/// The reason of a booking whose hold ended by itself.
pub(super) const HOLD_EXPIRED: &str = "hold_expired";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (status, word) in BookingStatus::ALL.iter().zip(BookingStatus::WORDS) {
            assert_eq!((status.as_str(), BookingStatus::parse(word)), (*word, Some(*status)));
        }
    }
}
