//! Days and times as people read them, on the wall of the hostel: `1 Sep 2026, 14:32`.

use domicile_kernel::{HostelDay, Instant, Zone};
use jiff::{Timestamp, Zoned, civil, tz::TimeZone};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The clock and calendar on a hostel's wall.
pub(crate) struct Wall(TimeZone);

impl Wall {
    pub(crate) fn of(zone: &Zone) -> Self {
        // A zone was found by its name once already.
        Self(TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC))
    }

    /// `1 Sep 2026`
    pub(crate) fn day(&self, instant: Instant) -> String {
        date(self.at(instant).date())
    }

    /// `1 Sep 2026, 14:32`
    pub(crate) fn day_and_time(&self, instant: Instant) -> String {
        let time = self.at(instant);
        format!("{}, {:02}:{:02}", date(time.date()), time.hour(), time.minute())
    }

    fn at(&self, instant: Instant) -> Zoned {
        zoned(instant, self.0.clone())
    }
}

/// `1 Sep 2026`
pub(crate) fn day(day: HostelDay) -> String {
    civil::Date::new(day.year(), day.month(), day.day()).map_or_else(|_never| day.to_string(), date)
}

/// The instant in UTC, for machines.
pub(crate) fn utc(instant: Instant) -> Zoned {
    zoned(instant, TimeZone::UTC)
}

fn zoned(instant: Instant, zone: TimeZone) -> Zoned {
    Timestamp::from_microsecond(instant.micros()).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone)
}

fn date(date: civil::Date) -> String {
    let month = usize::try_from(date.month() - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
    format!("{} {month} {}", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_on_the_wall_of_the_hostel() {
        let late: Instant = "2026-08-31T22:45:00Z".parse().unwrap();
        let at = |zone: &str| Wall::of(&Zone::parse(zone).unwrap());
        assert_eq!(at("Africa/Accra").day_and_time(late), "31 Aug 2026, 22:45");
        assert_eq!(at("Asia/Kolkata").day_and_time(late), "1 Sep 2026, 04:15");
        assert_eq!(at("Asia/Kolkata").day(late), "1 Sep 2026");
        assert_eq!(Wall::of(&Zone::UTC).day(late), "31 Aug 2026");
    }

    #[test]
    fn every_instant_and_day_can_be_told() {
        let wall = Wall::of(&Zone::parse("Africa/Lagos").unwrap());
        for micros in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!wall.day_and_time(Instant::from_micros(micros)).is_empty());
        }
        assert_eq!(day(HostelDay::new(2026, 12, 1).unwrap()), "1 Dec 2026");
        assert_eq!(day(HostelDay::new(1, 1, 31).unwrap()), "31 Jan 1");
    }
}
