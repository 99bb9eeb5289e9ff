//! The terms a house lets its beds by. They are kept with the hostel's settings (J15); this context only reads them.

use std::time::Duration;

use domicile_kernel::{Currency, HostelDay, Instant, Zone};

use crate::policy::PriceRuleName;

/// What a hostel has decided about bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseTerms {
    /// Every price is in it.
    pub currency: Currency,
    /// Whose midnight begins a day.
    pub zone: Zone,
    /// The shortest stay, in months as the requirement prints them; 0 for any number of nights.
    pub minimum_stay_months: u32,
    /// Whether a stay waits for somebody's approval.
    pub approval_required: bool,
    /// How many hours an unapproved stay holds its bed.
    pub pending_hold_hours: u32,
    /// How many hours before the check-in day booking closes; 0 keeps it open through that day.
    pub booking_deadline_hours: u32,
    /// How many hours before the check-in day the guest's own right to cancel ends.
    pub cancellation_deadline_hours: u32,
    /// The rule by which new stays are priced.
    pub proration: PriceRuleName,
}

impl HouseTerms {
    /// Which day it is in the house.
    #[must_use]
    pub fn today(&self, now: Instant) -> HostelDay {
        self.zone.day_of(now)
    }

    /// Until when an unapproved stay asked for now holds its bed.
    #[must_use]
    pub fn hold_until(&self, now: Instant) -> Instant {
        now.plus(hours(self.pending_hold_hours))
    }

    /// The last instant at which a stay from `check_in` on can be booked; none when only the calendar limits it.
    #[must_use]
    pub fn booking_closes(&self, check_in: HostelDay) -> Option<Instant> {
        let early = self.booking_deadline_hours;
        (early > 0).then(|| self.zone.start_of(check_in).minus(hours(early)))
    }

    /// The last instant at which a guest may cancel a stay from `check_in` on.
    #[must_use]
    pub fn cancellation_closes(&self, check_in: HostelDay) -> Instant {
        self.zone.start_of(check_in).minus(hours(self.cancellation_deadline_hours))
    }
}

impl Default for HouseTerms {
    /// What a new hostel starts with.
    fn default() -> Self {
        Self {
            currency: Currency::GHS,
            zone: Zone::parse("Africa/Accra").unwrap_or(Zone::UTC),
            minimum_stay_months: 1,
            approval_required: true,
            pending_hold_hours: 72,
            booking_deadline_hours: 0,
            cancellation_deadline_hours: 24,
            proration: PriceRuleName::CalendarDays,
        }
    }
}

const fn hours(count: u32) -> Duration {
    Duration::from_secs(count as u64 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_counted_from_the_houses_own_midnight() {
        let terms = HouseTerms {
            zone: Zone::parse("Asia/Kolkata").unwrap(),
            booking_deadline_hours: 2,
            cancellation_deadline_hours: 24,
            ..HouseTerms::default()
        };
        let day = "2026-02-01".parse().unwrap();
        assert_eq!(terms.booking_closes(day).unwrap().to_string(), "2026-01-31T16:30:00Z");
        assert_eq!(terms.cancellation_closes(day).to_string(), "2026-01-30T18:30:00Z");
        assert_eq!(HouseTerms { booking_deadline_hours: 0, ..terms }.booking_closes(day), None);
    }
}
