//! A stay as billing sees it: somebody's nights in a bed for a price. Bookings are made by another context, which tells its
//! changes in this form.

use domicile_kernel::{AccountId, HostelDay, Money};

use super::BookingId;

/// Whether a stay holds its bed, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StayState {
    /// Asked for and not agreed to: nothing is billed yet.
    Asked,
    /// Agreed or lived in: the bed is theirs.
    Holding,
    /// Given up, refused or expired: the bed is not theirs any more, and nothing is owed for it.
    GivenUp,
    /// Lived to its end: what was billed is owed.
    MovedOut,
}

/// What billing needs to know of a stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayFacts {
    /// Which.
    pub booking_id: BookingId,
    /// Who stays, and owes.
    pub guest: AccountId,
    /// The first day.
    pub check_in: HostelDay,
    /// The day of leaving.
    pub check_out: HostelDay,
    /// For one bed and one month, as it was agreed.
    pub monthly_price: Money,
    /// What each of the first months costs, from the check-in day, where its guest moved to a room of another price in or
    /// after it; the months behind them cost `monthly_price`. Empty when nobody moved.
    pub first_months: Vec<Money>,
    /// For the whole stay, as it was agreed: what the rent lines add up to.
    pub total_price: Money,
    /// Where it stands.
    pub state: StayState,
}

/// A part of a stay that is billed in one: a month from the check-in day, or what is left at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// Its first day, on which it is due.
    pub from: HostelDay,
    /// The day after its last night.
    pub to: HostelDay,
}
