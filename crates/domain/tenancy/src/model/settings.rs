//! How a hostel is set up: one record a hostel, always complete (J15).

use std::{fmt, str::FromStr};

use domicile_kernel::{Currency, HostelId, Instant, Zone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The bounds of the numbers, both ends included. A decision: the requirement prints only the defaults.
pub mod bounds {
    /// Months; 0 lets stays be shorter than a month.
    pub const MINIMUM_STAY_MONTHS: (i64, i64) = (0, 24);
    /// Minutes, up to a day.
    pub const ENTRY_REQUEST_EXPIRY_MINUTES: (i64, i64) = (1, 1_440);
    /// Hours, up to 30 days.
    pub const PENDING_HOLD_HOURS: (i64, i64) = (1, 720);
    /// Hours, up to 30 days; 0 sets no deadline before the day itself.
    pub const DEADLINE_HOURS: (i64, i64) = (0, 720);
    /// Hours, up to a year.
    pub const SLA_HOURS: (i64, i64) = (1, 8_760);
}

/// A time of day on the hostel's wall, to the minute: `HH:MM`, 00:00 to 23:59.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, example = "22:00"))]
pub struct ClockTime(u16);

/// Why a text is not a time of day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a time of day is HH:MM on the 24-hour clock, such as 22:00")]
pub struct ClockTimeError;

impl ClockTime {
    /// A time by hour (0 to 23) and minute (0 to 59), if it exists.
    #[must_use]
    pub const fn new(hour: u16, minute: u16) -> Option<Self> {
        if hour < 24 && minute < 60 { Some(Self(hour * 60 + minute)) } else { None }
    }

    /// Minutes since midnight, 0 to 1439.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromStr for ClockTime {
    type Err = ClockTimeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits =
            |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok());
        let (hour, minute) = text.split_once(':').ok_or(ClockTimeError)?;
        match (digits(hour).flatten(), digits(minute).flatten()) {
            (Some(hour), Some(minute)) => Self::new(hour, minute).ok_or(ClockTimeError),
            _ => Err(ClockTimeError),
        }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// When nobody is to be disturbed: from `start`, included, to `end`, not included, over midnight when `end` is the
/// earlier one. Equal ends mean never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuietHours {
    /// The first quiet minute.
    pub start: ClockTime,
    /// The first minute that is not quiet any more.
    pub end: ClockTime,
}

/// How many hours a maintenance request may wait, by priority; each 1 to 8,760.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlaHours {
    /// Low priority.
    pub low: u32,
    /// Medium priority.
    pub medium: u32,
    /// High priority.
    pub high: u32,
    /// Urgent.
    pub urgent: u32,
}

/// How somebody becomes a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Registering is enough.
    Open,
    /// Registering asks; the admin lets in.
    Approval,
    /// Only the admin makes members.
    Closed,
}

impl Registration {
    /// The words on the wire and in the database, in the order of the enum.
    pub const WORDS: &'static [&'static str] = &["open", "approval", "closed"];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approval => "approval",
            Self::Closed => "closed",
        }
    }

    /// The way with this word, in lower case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Approval, Self::Closed].into_iter().find(|way| way.as_str() == word)
    }
}

/// How the rent of days that are no whole month is found, in stays that are agreed to from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Proration {
    /// As parts of the month they begin in.
    CalendarDays,
    /// As thirtieths of a month.
    ThirtyDays,
    /// A month that has begun is a whole one.
    WholeMonths,
}

impl Proration {
    /// The words on the wire and in the database, in the order of the enum.
    pub const WORDS: &'static [&'static str] = &["calendar_days", "thirty_days", "whole_months"];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalendarDays => "calendar_days",
            Self::ThirtyDays => "thirty_days",
            Self::WholeMonths => "whole_months",
        }
    }

    /// The way with this word, in lower case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::CalendarDays, Self::ThirtyDays, Self::WholeMonths].into_iter().find(|way| way.as_str() == word)
    }
}

/// The settings of a hostel as they go out and are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SettingsView {
    /// Whose settings.
    pub hostel_id: HostelId,
    /// What prices are in, ISO 4217. It stays as it is once something is priced or booked in it.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "GHS"))]
    pub currency: Currency,
    /// Where the hostel's days begin, IANA name.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "Africa/Accra"))]
    pub time_zone: Zone,
    /// The shortest stay in calendar months; 0 for none.
    pub minimum_stay_months: u32,
    /// Whether a stay waits for a manager.
    pub approval_required: bool,
    /// After how many minutes a request at the gate lapses.
    pub entry_request_expiry_minutes: u32,
    /// After how many hours a stay nobody approved ends by itself.
    pub pending_hold_hours: u32,
    /// How many hours before the check-in day begins booking closes; 0 lets one book through that day.
    pub booking_deadline_hours: u32,
    /// Until how many hours before the check-in day begins the guest may cancel.
    pub cancellation_deadline_hours: u32,
    /// How long a maintenance request may wait.
    pub maintenance_sla_hours: SlaHours,
    /// When nobody is to be disturbed, on the hostel's wall.
    pub quiet_hours: QuietHours,
    /// How somebody becomes a member.
    pub registration: Registration,
    /// For telephone numbers without a country code, ISO 3166-1 alpha-2.
    pub default_country: String,
    /// How days that are no whole month are priced.
    pub proration: Proration,
    /// Grows by one with each change, from 1.
    pub version: i64,
    /// When they were last changed.
    pub updated_at: Instant,
}

/// What a change sets, checked; `None` leaves a setting as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// See [`SettingsView::currency`].
    pub currency: Option<Currency>,
    /// See [`SettingsView::time_zone`].
    pub time_zone: Option<Zone>,
    /// See [`SettingsView::minimum_stay_months`].
    pub minimum_stay_months: Option<u32>,
    /// See [`SettingsView::approval_required`].
    pub approval_required: Option<bool>,
    /// See [`SettingsView::entry_request_expiry_minutes`].
    pub entry_request_expiry_minutes: Option<u32>,
    /// See [`SettingsView::pending_hold_hours`].
    pub pending_hold_hours: Option<u32>,
    /// See [`SettingsView::booking_deadline_hours`].
    pub booking_deadline_hours: Option<u32>,
    /// See [`SettingsView::cancellation_deadline_hours`].
    pub cancellation_deadline_hours: Option<u32>,
    /// See [`SlaHours::low`].
    pub sla_low: Option<u32>,
    /// See [`SlaHours::medium`].
    pub sla_medium: Option<u32>,
    /// See [`SlaHours::high`].
    pub sla_high: Option<u32>,
    /// See [`SlaHours::urgent`].
    pub sla_urgent: Option<u32>,
    /// See [`QuietHours::start`].
    pub quiet_start: Option<ClockTime>,
    /// See [`QuietHours::end`].
    pub quiet_end: Option<ClockTime>,
    /// See [`SettingsView::registration`].
    pub registration: Option<Registration>,
    /// See [`SettingsView::default_country`].
    pub default_country: Option<String>,
    /// See [`SettingsView::proration`].
    pub proration: Option<Proration>,
}

impl SettingsChange {
    /// Whether it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The settings of a hostel. Nothing of them is hidden, so they are their view with rules around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings(SettingsView);

impl Settings {
    /// What a new hostel starts with: the printed defaults, in its currency and zone; version 1.
    #[must_use]
    pub fn initial(hostel: HostelId, currency: Currency, time_zone: Zone, at: Instant) -> Self {
        Self(SettingsView {
            hostel_id: hostel,
            currency,
            time_zone,
            minimum_stay_months: 1,
            approval_required: true,
            entry_request_expiry_minutes: 15,
            pending_hold_hours: 72,
            booking_deadline_hours: 0,
            cancellation_deadline_hours: 24,
            maintenance_sla_hours: SlaHours { low: 168, medium: 72, high: 24, urgent: 4 },
            quiet_hours: QuietHours { start: ClockTime(22 * 60), end: ClockTime(7 * 60) },
            registration: Registration::Open,
            default_country: "GH".to_owned(),
            proration: Proration::CalendarDays,
            version: 1,
            updated_at: at,
        })
    }

    /// Settings as they were stored.
    #[must_use]
    pub const fn restored(view: SettingsView) -> Self {
        Self(view)
    }

    /// The settings after a change, one version on.
    #[must_use]
    pub fn changed(self, change: SettingsChange, at: Instant) -> Self {
        let old = self.0;
        let sla = old.maintenance_sla_hours;
        let quiet = old.quiet_hours;
        Self(SettingsView {
            hostel_id: old.hostel_id,
            currency: change.currency.unwrap_or(old.currency),
            time_zone: change.time_zone.unwrap_or(old.time_zone),
            minimum_stay_months: change.minimum_stay_months.unwrap_or(old.minimum_stay_months),
            approval_required: change.approval_required.unwrap_or(old.approval_required),
            entry_request_expiry_minutes: change
                .entry_request_expiry_minutes
                .unwrap_or(old.entry_request_expiry_minutes),
            pending_hold_hours: change.pending_hold_hours.unwrap_or(old.pending_hold_hours),
            booking_deadline_hours: change.booking_deadline_hours.unwrap_or(old.booking_deadline_hours),
            cancellation_deadline_hours: change.cancellation_deadline_hours.unwrap_or(old.cancellation_deadline_hours),
            maintenance_sla_hours: SlaHours {
                low: change.sla_low.unwrap_or(sla.low),
                medium: change.sla_medium.unwrap_or(sla.medium),
                high: change.sla_high.unwrap_or(sla.high),
                urgent: change.sla_urgent.unwrap_or(sla.urgent),
            },
            quiet_hours: QuietHours {
                start: change.quiet_start.unwrap_or(quiet.start),
                end: change.quiet_end.unwrap_or(quiet.end),
            },
            registration: change.registration.unwrap_or(old.registration),
            default_country: change.default_country.unwrap_or(old.default_country),
            proration: change.proration.unwrap_or(old.proration),
            version: old.version + 1,
            updated_at: at,
        })
    }

    /// Whose they are.
    #[must_use]
    pub const fn hostel(&self) -> HostelId {
        self.0.hostel_id
    }

    /// Their version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// All of them.
    #[must_use]
    pub const fn view(&self) -> &SettingsView {
        &self.0
    }

    /// All of them, owned.
    #[must_use]
    pub fn into_view(self) -> SettingsView {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_must_exist_and_be_written_in_full() {
        for good in ["00:00", "07:05", "23:59"] {
            assert_eq!(good.parse::<ClockTime>().unwrap().to_string(), good);
        }
        for bad in ["24:00", "07:60", "7:00", "07:0", "0700", "07:00:00", "", ":", "-1:00", "+7:00", "０7:00"] {
            assert_eq!(bad.parse::<ClockTime>(), Err(ClockTimeError), "{bad}");
        }
    }

    #[test]
    fn settings_survive_storage() {
        let settings = Settings::initial(
            HostelId::new(uuid::Uuid::nil()),
            Currency::GHS,
            Zone::parse("Africa/Accra").unwrap(),
            Instant::from_seconds(5),
        );
        let text = serde_json::to_string(settings.view()).unwrap();
        assert_eq!(Settings::restored(serde_json::from_str(&text).unwrap()), settings);
        assert!(text.contains(r#""quiet_hours":{"start":"22:00","end":"07:00"}"#), "{text}");
        assert!(text.contains(r#""maintenance_sla_hours":{"low":168,"medium":72,"high":24,"urgent":4}"#), "{text}");
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let settings =
            Settings::initial(HostelId::new(uuid::Uuid::nil()), Currency::GHS, Zone::UTC, Instant::from_seconds(5));
        let change = SettingsChange { sla_high: Some(8), ..SettingsChange::default() };
        assert!(!change.is_empty());
        let changed = settings.clone().changed(change, Instant::from_seconds(6)).into_view();
        let expected = SettingsView {
            maintenance_sla_hours: SlaHours { high: 8, ..settings.view().maintenance_sla_hours },
            version: 2,
            updated_at: Instant::from_seconds(6),
            ..settings.into_view()
        };
        assert_eq!(changed, expected);
    }
}
