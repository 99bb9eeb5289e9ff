//! The nights of a stay.

use domicile_kernel::HostelDay;
use serde::{Deserialize, Serialize};

/// From the check-in day up to, but without, the check-out day: `[check_in, check_out)`. Never empty, so a stay always
/// has a night, and a guest can move in on the day the one before moves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StayDates {
    check_in: HostelDay,
    check_out: HostelDay,
}

/// Why two days are no stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Check-out date must be after check-in date")]
pub struct EmptyStay;

impl StayDates {
    /// The nights between two days of the hostel's own calendar; refused when there is none.
    pub fn new(check_in: HostelDay, check_out: HostelDay) -> Result<Self, EmptyStay> {
        if check_in < check_out { Ok(Self { check_in, check_out }) } else { Err(EmptyStay) }
    }

    /// The first day.
    #[must_use]
    pub const fn check_in(self) -> HostelDay {
        self.check_in
    }

    /// The day of leaving, on which the bed is free again.
    #[must_use]
    pub const fn check_out(self) -> HostelDay {
        self.check_out
    }

    /// How many nights, at least one.
    #[must_use]
    pub fn nights(self) -> i64 {
        self.check_in.days_until(self.check_out)
    }

    /// Whether the two share a night. Touching days share none.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.check_in < other.check_out && other.check_in < self.check_out
    }

    /// Whether every night of `other` is one of these.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.check_in <= other.check_in && other.check_out <= self.check_out
    }

    /// Whether a day is one on which the guest sleeps here.
    #[must_use]
    pub fn has_night_of(self, day: HostelDay) -> bool {
        self.check_in <= day && day < self.check_out
    }

    /// What is left of the stay when the guest leaves on a day: as many nights as were slept here, at least one, and never
    /// more than were agreed.
    #[must_use]
    pub fn left_on(self, day: HostelDay) -> Self {
        Self { check_in: self.check_in, check_out: day.max(self.check_in.plus_days(1)).min(self.check_out) }
    }

    /// The difference of the calendar months, as the requirement prints it: `(Y2 - Y1) * 12 + (M2 - M1)` (J7). From the
    /// 31st of January to the 1st of February is one.
    #[must_use]
    pub fn printed_months(self) -> i64 {
        let months = |day: HostelDay| i64::from(day.year()) * 12 + i64::from(day.month());
        months(self.check_out) - months(self.check_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(check_in: &str, check_out: &str) -> StayDates {
        StayDates::new(check_in.parse().unwrap(), check_out.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_stay_has_at_least_one_night() {
        let day = "2026-02-01".parse().unwrap();
        assert_eq!(StayDates::new(day, day), Err(EmptyStay));
        assert_eq!(StayDates::new(day, day.plus_days(-1)), Err(EmptyStay));
        assert_eq!(StayDates::new(day, day.plus_days(1)).unwrap().nights(), 1);
    }

    #[test]
    fn touching_stays_do_not_overlap() {
        let first = dates("2026-02-01", "2026-03-01");
        assert!(!first.overlaps(dates("2026-03-01", "2026-04-01")));
        assert!(!first.overlaps(dates("2026-01-01", "2026-02-01")));
        assert!(first.overlaps(dates("2026-02-28", "2026-04-01")));
        assert!(first.overlaps(dates("2026-01-01", "2026-02-02")));
        assert!(first.overlaps(dates("2026-02-10", "2026-02-11")));
    }

    #[test]
    fn months_are_counted_as_printed() {
        assert_eq!(dates("2026-01-31", "2026-02-01").printed_months(), 1);
        assert_eq!(dates("2026-01-01", "2026-01-31").printed_months(), 0);
        assert_eq!(dates("2025-12-15", "2027-01-01").printed_months(), 13);
    }
}
