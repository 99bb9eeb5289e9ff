//! What an account is in one hostel, and the card that the hostel keeps of the person.

use domicile_kernel::{AccountId, HostelId, Instant, Role, Text};

use super::{account::Email, words};

words! {
    /// Whether a member may enter.
    MembershipStatus {
        /// May enter.
        Active = "active",
        /// Registered, and waits for the hostel's approval (J15).
        Pending = "pending",
        /// May no longer enter.
        Deactivated = "deactivated",
    }
}

impl MembershipStatus {
    /// Whether a membership may go from this status to another. A member is never made to wait again.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!((self, next), (_, Self::Active | Self::Deactivated) | (Self::Pending, Self::Pending))
    }
}

/// The hostel's own directory card of a person: copied from the account when the owner joins, following the owner's profile,
/// and open to the hostel's admin without touching the account (J16).
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// At most 50 characters.
    pub first_name: Text,
    /// At most 50 characters.
    pub last_name: Text,
    /// The address; always the account's.
    pub email: Email,
    /// E.164. Sealed at rest (J14).
    pub phone: Option<String>,
}

/// What an account is in one hostel.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// Where.
    pub hostel_id: HostelId,
    /// Who. Unique with the hostel.
    pub account_id: AccountId,
    /// As what; never `super_admin`.
    pub role: Role,
    /// Whether they may enter.
    pub status: MembershipStatus,
    /// The hostel's card of the person.
    pub card: Card,
    /// Counts edits, from 1 (W7).
    pub version: i64,
    /// When the person joined.
    pub created_at: Instant,
    /// When it was last edited.
    pub updated_at: Instant,
}

impl Membership {
    /// A new one.
    #[must_use]
    pub const fn new(
        hostel_id: HostelId,
        account_id: AccountId,
        role: Role,
        status: MembershipStatus,
        card: Card,
        now: Instant,
    ) -> Self {
        Self { hostel_id, account_id, role, status, card, version: 1, created_at: now, updated_at: now }
    }

    /// The same membership, one version on.
    #[must_use]
    pub fn edited(self, now: Instant) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }

    /// What is left when the person is gone: nothing personal, no way in.
    #[must_use]
    pub fn of_deleted(self, now: Instant) -> Self {
        let card = Card {
            first_name: Text::default(),
            last_name: Text::default(),
            email: Email::of_deleted(self.account_id),
            phone: None,
        };
        Self { status: MembershipStatus::Deactivated, card, ..self }.edited(now)
    }
}
