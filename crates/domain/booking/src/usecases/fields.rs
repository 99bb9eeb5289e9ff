//! The rules of single fields that more than one command has.

use domicile_kernel::{Checks, Currency, FieldErrors, HostelDay, Money, Text};
use serde_json::json;

use crate::{
    model::{EmergencyContact, HouseTerms, StayDates},
    policy::{self, EarlierPrice, PriceRuleName, Quote},
};

pub(crate) const LOWEST_FLOOR: i64 = -5;
pub(crate) const HIGHEST_FLOOR: i64 = 200;
pub(crate) const MOST_BEDS: i64 = 100;
pub(crate) const MOST_AMENITIES: usize = 50;
pub(crate) const AMENITY_CHARS: usize = 50;
/// The longest stay, in months from the check-in day.
pub(crate) const MOST_MONTHS: i64 = 120;

const CHECK_IN_PASSED: &str = "Check-in date must be today or in the future";

pub(crate) fn room_name(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    checks.line("name", value, 1, 100, "name is required")
}

/// Any short text, kept in lower case: houses have their own words for their rooms.
pub(crate) fn room_type(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    let text = checks.text("room_type", value, 1, 50, "room_type is required")?;
    Some(Text::clean(&text.as_str().to_lowercase()))
}

pub(crate) fn floor(checks: &mut Checks, value: Option<i64>) -> Option<i32> {
    checks.whole("floor", value, LOWEST_FLOOR, HIGHEST_FLOOR).and_then(|floor| i32::try_from(floor).ok())
}

pub(crate) fn bed_count(checks: &mut Checks, value: Option<i64>) -> Option<usize> {
    checks.whole("bed_count", value, 1, MOST_BEDS).and_then(|count| usize::try_from(count).ok())
}

/// An amount in the one currency of the house.
pub(crate) fn monthly_price(checks: &mut Checks, value: Option<Money>, currency: Currency) -> Option<Money> {
    let price = checks.price("monthly_price", value)?;
    if price.currency() == currency {
        return Some(price);
    }
    let message = format!("monthly_price.currency must be {currency}, the currency of this hostel");
    checks.fail("monthly_price.currency", "currency", json!({ "currency": currency }), message);
    None
}

/// Each once, without regard to case, in the order they were sent.
pub(crate) fn amenities(checks: &mut Checks, value: Option<&[String]>) -> Option<Vec<Text>> {
    let value = value?;
    if value.len() > MOST_AMENITIES {
        let message = format!("amenities must be at most {MOST_AMENITIES}");
        checks.fail("amenities", "max_items", json!({ "max": MOST_AMENITIES }), message);
        return None;
    }
    let mut kept: Vec<Text> = Vec::with_capacity(value.len());
    for (index, amenity) in value.iter().enumerate() {
        let text = checks.text(&format!("amenities[{index}]"), Some(amenity), 1, AMENITY_CHARS, "")?;
        if !kept.iter().any(|known| known.as_str().to_lowercase() == text.as_str().to_lowercase()) {
            kept.push(text);
        }
    }
    Some(kept)
}

pub(crate) fn description(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    checks.text("description", value, 0, 2000, "")
}

pub(crate) fn contact(checks: &mut Checks, name: Option<&str>, phone: Option<&str>) -> EmergencyContact {
    EmergencyContact {
        name: checks.text("emergency_contact_name", name, 2, 100, ""),
        phone: checks.phone("emergency_contact_phone", phone),
    }
}

pub(crate) fn special_requests(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    checks.text("special_requests", value, 0, 500, "")
}

pub(crate) fn reason(checks: &mut Checks, value: Option<&str>) -> Option<Text> {
    checks.text("reason", value, 0, 500, "").filter(|text| !text.is_empty())
}

/// The first day of a stay: today in the house or later. What is no date gets the same message, as printed (J7).
pub(crate) fn check_in_date(checks: &mut Checks, value: Option<&str>, today: HostelDay) -> Option<HostelDay> {
    let Ok(day) = value?.parse::<HostelDay>() else {
        checks.fail("check_in_date", "date", json!({ "format": "YYYY-MM-DD" }), CHECK_IN_PASSED);
        return None;
    };
    let ok = day >= today;
    if !ok {
        checks.fail("check_in_date", "not_before", json!({ "today": today }), CHECK_IN_PASSED);
    }
    ok.then_some(day)
}

/// The nights between two days, if there is one and they are not too many: a stay has a bill for each of its months.
pub(crate) fn nights(checks: &mut Checks, check_in: HostelDay, check_out: HostelDay) -> Option<StayDates> {
    match StayDates::new(check_in, check_out) {
        Ok(dates) => {
            let ok = check_out <= check_in.plus_months(MOST_MONTHS);
            if !ok {
                let message = format!("A stay is for at most {MOST_MONTHS} months");
                checks.fail("check_out_date", "max_months", json!({ "max": MOST_MONTHS }), message);
            }
            ok.then_some(dates)
        }
        Err(empty) => {
            checks.fail("check_out_date", "after", json!({ "after": check_in }), empty.to_string());
            None
        }
    }
}

/// Whether a stay is as long as the house wants it, counted as printed (J7).
pub(crate) fn minimum_stay(checks: &mut Checks, dates: StayDates, terms: &HouseTerms) -> bool {
    let least = terms.minimum_stay_months;
    let ok = dates.printed_months() >= i64::from(least);
    if !ok {
        let months = if least == 1 { "month" } else { "months" };
        let message = format!("Minimum booking duration is {least} {months}");
        checks.fail("check_out_date", "minimum_stay", json!({ "months": least }), message);
    }
    ok
}

/// What the nights cost by a rule. A price beyond all numbers is the fault of the dates.
pub(crate) fn priced(
    rule: PriceRuleName,
    earlier: &[EarlierPrice],
    monthly_price: Money,
    dates: StayDates,
) -> Result<Quote, FieldErrors> {
    policy::quote_moved(rule, earlier, monthly_price, dates)
        .map_err(|error| FieldErrors::one("check_out_date", "price", error.to_string()))
}
