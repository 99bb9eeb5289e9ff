//! Instants and days. An instant is a point on the world's clock, in whole microseconds; a day is a date on the wall of
//! one hostel. Neither module nor crate ever asks what time it is: that is [`Clock`](crate::ports::Clock).

use std::{fmt, str::FromStr, time::Duration};

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time: microseconds since the Unix epoch, UTC. On the wire RFC 3339 with `Z` (W5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-01-20T10:30:00Z"))]
pub struct Instant(i64);

impl Instant {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant and a while later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This instant and a while earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an instant.
#[derive(Debug, thiserror::Error)]
#[error("an instant is RFC 3339 with an offset, such as 2026-01-20T10:30:00Z")]
pub struct InstantError(#[source] jiff::Error);

impl FromStr for Instant {
    type Err = InstantError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|stamp| Self(stamp.as_microsecond())).map_err(InstantError)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A time zone of the IANA database (bundled), such as `Africa/Accra`.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

/// Why a text is not a time zone.
#[derive(Debug, thiserror::Error)]
#[error("a time zone is a name of the IANA database, such as Africa/Accra or UTC")]
pub struct ZoneError(#[source] Option<jiff::Error>);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// Finds a zone by its IANA name.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        if name.is_empty() || name.len() > 64 {
            return Err(ZoneError(None));
        }
        jiff::tz::TimeZone::get(name).map(Self).map_err(|error| ZoneError(Some(error)))
    }

    /// The zone's name as it was found.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Which day it is on this zone's wall at an instant.
    #[must_use]
    pub fn day_of(&self, instant: Instant) -> HostelDay {
        HostelDay(instant.timestamp().to_zoned(self.0.clone()).date())
    }

    /// When a day begins here. A day whose midnight does not exist begins at its first instant.
    #[must_use]
    pub fn start_of(&self, day: HostelDay) -> Instant {
        day.0.to_zoned(self.0.clone()).map_or(Instant(0), |zoned| Instant(zoned.timestamp().as_microsecond()))
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A date in a hostel's own zone, `YYYY-MM-DD` on the wire. Years 1 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2026-02-01"))]
pub struct HostelDay(Date);

/// Why a text is not a day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a date is YYYY-MM-DD and must exist, such as 2026-02-28")]
pub struct HostelDayError;

impl HostelDay {
    /// A day by year, month and day of month, if it exists.
    #[must_use]
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        (1..=9999).contains(&year).then(|| Date::new(year, month, day).ok()).flatten().map(Self)
    }

    /// The year, 1 to 9999.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    #[must_use]
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, from 1.
    #[must_use]
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// How many days this day's month has.
    #[must_use]
    pub fn days_in_month(self) -> i64 {
        i64::from(self.0.days_in_month())
    }

    /// Days from `self` to `later`; negative when it is earlier.
    #[must_use]
    pub fn days_until(self, later: Self) -> i64 {
        (later.0 - self.0).get_days().into()
    }

    /// The day `days` later (earlier when negative), clamped to the calendar's ends.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let days = jiff::Span::new().try_days(days).unwrap_or_default();
        Self(self.0.saturating_add(days))
    }

    /// The same day of the month `months` later; the 31st clamps to the last day of a shorter month.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let months = jiff::Span::new().try_months(months).unwrap_or_default();
        Self(self.0.saturating_add(months))
    }
}

impl FromStr for HostelDay {
    type Err = HostelDayError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |range: std::ops::Range<usize>| {
            text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let dashes = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        match (digits(0..4), digits(5..7), digits(8..10)) {
            (Some(year), Some(month), Some(day)) if dashes => {
                let number = |part: &str| part.parse::<i16>().unwrap_or(0);
                Self::new(number(year), number(month) as i8, number(day) as i8).ok_or(HostelDayError)
            }
            _ => Err(HostelDayError),
        }
    }
}

impl fmt::Display for HostelDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl fmt::Debug for HostelDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for HostelDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostelDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> HostelDay {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_must_exist_and_be_written_in_full() {
        for bad in [
            "2025-02-30",
            "2025-13-01",
            "2025-1-01",
            "20250101",
            "2025-01-01T00:00:00Z",
            "",
            "2025-00-10",
            "0000-01-01",
            "+025-01-01",
            "２025-01-01",
        ] {
            assert_eq!(bad.parse::<HostelDay>(), Err(HostelDayError), "{bad}");
        }
        assert_eq!(day("2024-02-29").to_string(), "2024-02-29");
    }

    #[test]
    fn months_clamp_at_the_end() {
        assert_eq!(day("2026-01-31").plus_months(1), day("2026-02-28"));
        assert_eq!(day("2026-01-31").plus_months(2), day("2026-03-31"));
        assert_eq!(day("2026-03-01").days_until(day("2026-02-01")), -28);
        assert_eq!(day("2026-01-01").days_until(day("2027-01-01")), 365);
    }

    #[test]
    fn instants_are_written_in_utc_with_z_and_read_back() {
        let instant = Instant::from_micros(1_737_369_000_000_001);
        assert_eq!(instant.to_string(), "2025-01-20T10:30:00.000001Z");
        assert_eq!("2025-01-20T11:30:00.000001+01:00".parse::<Instant>().unwrap(), instant);
        assert_eq!(Instant::from_micros(-1).seconds(), -1);
    }

    #[test]
    fn a_day_is_the_hostels_own() {
        let instant: Instant = "2026-03-10T23:30:00Z".parse().unwrap();
        assert_eq!(Zone::UTC.day_of(instant), day("2026-03-10"));
        assert_eq!(Zone::parse("Asia/Kolkata").unwrap().day_of(instant), day("2026-03-11"));
        assert_eq!(
            Zone::parse("Africa/Accra").unwrap().start_of(day("2026-03-10")).to_string(),
            "2026-03-10T00:00:00Z"
        );
        assert!(Zone::parse("Mars/Olympus").is_err());
    }

    proptest::proptest! {
        #[test]
        fn days_survive_text(offset in 0i64..3_000_000) {
            let start = day("0001-01-01").plus_days(offset);
            proptest::prop_assert_eq!(start.to_string().parse::<HostelDay>().unwrap(), start);
        }
    }
}
