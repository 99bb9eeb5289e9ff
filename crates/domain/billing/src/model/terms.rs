//! The terms a house bills by, and what of its settings billing reads.

use domicile_kernel::{Currency, HostelDay, HostelId, Instant, Text, Zone};

/// What billing needs of a hostel's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// Which.
    pub id: HostelId,
    /// What it is called, for receipts.
    pub name: Text,
    /// Every bill is in it.
    pub currency: Currency,
    /// Whose midnight begins a day.
    pub zone: Zone,
}

impl House {
    /// Which day it is in the house.
    #[must_use]
    pub fn today(&self, now: Instant) -> HostelDay {
        self.zone.day_of(now)
    }
}

/// What a hostel has decided about bills. A hostel that never decided has the default, with version 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingTerms {
    /// The deposit, in hundredths of a month's rent: 100 is one month, 0 none. At most 1,200.
    pub deposit_percent: u32,
    /// How many days after the bills are made the first one is due, if that is after the first day of its period.
    pub first_due_days: u32,
    /// Whether bills can be paid before the one that is due next.
    pub advance_allowed: bool,
    /// How many days a resident has to answer proposed deductions before they count as accepted.
    pub answer_days: u32,
    /// How many hours money for a stay that lost its bed waits in suspense for the house to use it for another bed, before
    /// it is refunded by itself. 0 refunds at once.
    pub rehousing_hours: u32,
    /// From 1, one more with each change; 0 for the default that was never written.
    pub version: i64,
    /// When they were last changed.
    pub updated_at: Option<Instant>,
}

impl Default for BillingTerms {
    fn default() -> Self {
        Self {
            deposit_percent: 0,
            first_due_days: 0,
            advance_allowed: true,
            answer_days: 7,
            rehousing_hours: 0,
            version: 0,
            updated_at: None,
        }
    }
}
