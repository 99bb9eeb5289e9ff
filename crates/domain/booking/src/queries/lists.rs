//! What a list can be narrowed by: as it was asked, and as it was checked.

use domicile_kernel::{AccountId, Checks, FieldErrors, HostelDay, Text};
use serde::Deserialize;
use serde_json::json;

use crate::{
    model::{BookingStatus, RoomId, RoomStatus, StayDates},
    usecases::fields,
};

/// Which rooms are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListRooms {
    /// `active`, `maintenance` or `closed`.
    pub status: Option<String>,
    /// The type; case does not matter.
    pub room_type: Option<String>,
    /// The floor, a whole number.
    pub floor: Option<String>,
    /// The least monthly price, in minor units of the house's currency.
    pub min_price: Option<String>,
    /// The highest monthly price, in minor units of the house's currency.
    pub max_price: Option<String>,
    /// Something the room offers; case does not matter.
    pub amenity: Option<String>,
    /// With `available_to`: only rooms that are let and have a bed free from this day …
    pub available_from: Option<String>,
    /// … to this one.
    pub available_to: Option<String>,
}

/// Which rooms are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomFilter {
    /// Of this status.
    pub status: Option<RoomStatus>,
    /// Of this type, lower case.
    pub room_type: Option<Text>,
    /// On this floor.
    pub floor: Option<i32>,
    /// For at least this much a month, in minor units.
    pub min_price: Option<i64>,
    /// For at most this much a month, in minor units.
    pub max_price: Option<i64>,
    /// Offering this, in lower case; compared without regard to the case of ASCII letters.
    pub amenity: Option<Text>,
    /// Active, with at least one bed free on every one of these nights; the answer counts them.
    pub available: Option<StayDates>,
}

impl ListRooms {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<RoomFilter, FieldErrors> {
        let mut checks = Checks::new();
        let number = |checks: &mut Checks, field: &str, value: Option<String>, min: i64, max: i64| {
            let value = value?;
            let parsed = value.trim().parse::<i64>().ok();
            if parsed.is_none() {
                checks.fail(field, "integer", json!({}), format!("{field} must be a whole number"));
            }
            checks.whole(field, parsed, min, max)
        };
        let status = checks.one_of("status", self.status.as_deref(), RoomStatus::parse, RoomStatus::WORDS);
        let room_type = fields::room_type(&mut checks, self.room_type.as_deref());
        let floor = number(&mut checks, "floor", self.floor, fields::LOWEST_FLOOR, fields::HIGHEST_FLOOR);
        let min_price = number(&mut checks, "min_price", self.min_price, 0, i64::MAX);
        let max_price = number(&mut checks, "max_price", self.max_price, 0, i64::MAX);
        let amenity = checks.text("amenity", self.amenity.as_deref(), 1, fields::AMENITY_CHARS, "");
        let available = nights(&mut checks, self.available_from.as_deref(), self.available_to.as_deref());
        checks.finish()?;
        Ok(RoomFilter {
            status,
            room_type,
            floor: floor.and_then(|floor| i32::try_from(floor).ok()),
            min_price,
            max_price,
            amenity: amenity.map(|text| Text::clean(&text.as_str().to_ascii_lowercase())),
            available,
        })
    }
}

/// Both days or neither, and the first before the second.
fn nights(checks: &mut Checks, from: Option<&str>, to: Option<&str>) -> Option<StayDates> {
    match (from, to) {
        (None, None) => return None,
        (Some(_), None) => return checks.require("available_to", None),
        (None, Some(_)) => return checks.require("available_from", None),
        (Some(_), Some(_)) => {}
    }
    let (from, to) = (checks.day("available_from", from), checks.day("available_to", to));
    let nights = StayDates::new(from?, to?).ok();
    checks.ensure(nights.is_some(), "available_to", "after", "available_to must be after available_from");
    nights
}

/// Which bookings are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListBookings {
    /// One of the six statuses.
    pub status: Option<String>,
    /// Whose.
    pub user_id: Option<String>,
    /// In which room.
    pub room_id: Option<String>,
    /// Only stays that end after this day …
    pub from: Option<String>,
    /// … and begin before this one.
    pub to: Option<String>,
}

/// Which bookings are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingFilter {
    /// Of this status.
    pub status: Option<BookingStatus>,
    /// Of this person.
    pub user_id: Option<AccountId>,
    /// In this room.
    pub room_id: Option<RoomId>,
    /// Ending after this day.
    pub from: Option<HostelDay>,
    /// Beginning before this day.
    pub to: Option<HostelDay>,
}

impl ListBookings {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<BookingFilter, FieldErrors> {
        let mut checks = Checks::new();
        let filter = BookingFilter {
            status: checks.one_of("status", self.status.as_deref(), BookingStatus::parse, BookingStatus::WORDS),
            user_id: checks.id("user_id", self.user_id.as_deref(), "Invalid user ID"),
            room_id: checks.id("room_id", self.room_id.as_deref(), "Invalid room ID"),
            from: checks.day("from", self.from.as_deref()),
            to: checks.day("to", self.to.as_deref()),
        };
        if let (Some(from), Some(to)) = (filter.from, filter.to) {
            checks.ensure(from < to, "to", "after", "to must be after from");
        }
        checks.finish()?;
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(result: Result<impl std::fmt::Debug, FieldErrors>) -> Vec<String> {
        result.unwrap_err().0.into_iter().map(|error| format!("{} {}", error.field, error.rule)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "what is sent is optional")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_room_filter_reads_what_a_query_string_says() {
        let asked = ListRooms {
            status: some("ACTIVE"),
            room_type: some(" Double "),
            floor: some("-1"),
            max_price: some("60000"),
            amenity: some("WiFi"),
            available_from: some("2026-02-01"),
            available_to: some("2026-03-01"),
            ..ListRooms::default()
        };
        let filter = asked.check().unwrap();
        assert_eq!((filter.status, filter.floor, filter.max_price), (Some(RoomStatus::Active), Some(-1), Some(60_000)));
        assert_eq!((filter.room_type.unwrap().as_str(), filter.amenity.unwrap().as_str()), ("double", "wifi"));
        assert_eq!(filter.available.unwrap().nights(), 28);
        assert_eq!(ListRooms::default().check().unwrap(), RoomFilter::default());
    }

    #[test]
    fn availability_needs_both_days_in_order() {
        let asked = |from: Option<&str>, to: Option<&str>| ListRooms {
            available_from: from.map(str::to_owned),
            available_to: to.map(str::to_owned),
            ..ListRooms::default()
        };
        assert_eq!(wrong(asked(Some("2026-02-01"), None).check()), ["available_to required"]);
        assert_eq!(wrong(asked(None, Some("2026-02-01")).check()), ["available_from required"]);
        assert_eq!(wrong(asked(Some("2026-02-01"), Some("2026-02-01")).check()), ["available_to after"]);
        assert_eq!(wrong(asked(Some("2026-02-30"), Some("x")).check()), ["available_from date", "available_to date"]);
    }

    #[test]
    fn every_wrong_filter_is_named() {
        let rooms =
            ListRooms { status: some("gone"), floor: some("two"), min_price: some("-1"), ..ListRooms::default() };
        assert_eq!(wrong(rooms.check()), ["status one_of", "floor integer", "min_price range"]);
        let bookings = ListBookings {
            status: some("lost"),
            user_id: some("me"),
            room_id: some("1"),
            from: some("2026-02-02"),
            to: some("2026-02-01"),
        };
        assert_eq!(wrong(bookings.check()), ["status one_of", "user_id uuid", "room_id uuid", "to after"]);
    }
}
