//! Decisions as pure functions: what a stay costs.

use domicile_kernel::{Money, money::MoneyError};
use serde::{Deserialize, Serialize};

use crate::model::StayDates;

/// The name of a way to price a stay. A house chooses one (J15); a stay keeps the one it was agreed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PriceRuleName {
    /// Whole months from check-in, then days as parts of the month they begin in.
    CalendarDays,
    /// Whole months from check-in, then days as thirtieths of a month, whatever the calendar says.
    ThirtyDays,
    /// Whole months from check-in; one that has begun is a whole one.
    WholeMonths,
}

impl PriceRuleName {
    /// Every rule, in the order of the enum.
    pub const ALL: [Self; 3] = [Self::CalendarDays, Self::ThirtyDays, Self::WholeMonths];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalendarDays => "calendar_days",
            Self::ThirtyDays => "thirty_days",
            Self::WholeMonths => "whole_months",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name)
    }
}

/// How a price was found, kept with it so that it can be found again when the rule has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PriceRule {
    /// Which rule.
    pub name: PriceRuleName,
    /// Which edition of the rule, from 1.
    pub version: u16,
    /// For one bed and one month, as it was agreed.
    pub monthly_price: Money,
}

/// What a stay costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// In whole minor units of the house's currency.
    pub total: Money,
    /// How it was found.
    pub rule: PriceRule,
}

/// The price of a stay by a rule, in its edition 1 (J22): the whole months from the check-in day (a 31st is the last day of a
/// shorter month), and for the remaining days
/// - by `calendar_days` as many parts of a month as the month has days in which they begin,
/// - by `thirty_days` as many thirtieths of a month,
/// - by `whole_months` a month,
///
/// rounded half up once at the end.
///
/// The rest never costs more than a month: without that, the 30 days from the 28th of February that are left of a stay
/// since the 31st of January would cost more than a day longer does, which is the next whole month.
pub fn quote(name: PriceRuleName, monthly_price: Money, dates: StayDates) -> Result<Quote, MoneyError> {
    let (months, days, month_days) = parts(dates);
    let parts_of_a_month = match name {
        PriceRuleName::CalendarDays => month_days,
        PriceRuleName::ThirtyDays => 30,
        PriceRuleName::WholeMonths => 1,
    };
    let total = monthly_price.fraction(months * parts_of_a_month + days.min(parts_of_a_month), parts_of_a_month)?;
    Ok(Quote { total, rule: PriceRule { name, version: 1, monthly_price } })
}

/// The whole months of a stay, the days behind them, and how many days the month has in which those begin.
fn parts(dates: StayDates) -> (i64, i64, i64) {
    let whole = |months: i64| dates.check_in().plus_months(months);
    // The months by the calendar's numbers are at most one too many, when the day of the month is not reached.
    let by_number = dates.printed_months();
    let months = if whole(by_number) <= dates.check_out() { by_number } else { by_number - 1 };
    let rest_begins = whole(months);
    (months, rest_begins.days_until(dates.check_out()), rest_begins.days_in_month())
}

#[cfg(test)]
mod tests {
    use PriceRuleName::{CalendarDays, ThirtyDays, WholeMonths};
    use domicile_kernel::{Currency, HostelDay};
    use proptest::{prelude::*, sample::select};

    use super::*;

    fn day(text: &str) -> HostelDay {
        text.parse().unwrap()
    }

    fn price(rule: PriceRuleName, monthly: i64, check_in: HostelDay, check_out: HostelDay) -> i64 {
        let dates = StayDates::new(check_in, check_out).unwrap();
        quote(rule, Money::new(monthly, Currency::GHS), dates).unwrap().total.amount_minor()
    }

    #[test]
    fn stays_cost_what_was_worked_out_by_hand() {
        for (check_in, check_out, monthly, calendar_days, thirty_days, whole_months) in [
            ("2026-02-01", "2026-03-01", 45_000, 45_000, 45_000, 45_000),
            ("2026-02-01", "2026-06-01", 45_000, 180_000, 180_000, 180_000),
            ("2026-01-31", "2026-02-28", 45_000, 45_000, 45_000, 45_000),
            ("2026-01-31", "2026-03-31", 45_000, 90_000, 90_000, 90_000),
            ("2024-01-31", "2024-02-29", 45_000, 45_000, 45_000, 45_000),
            ("2026-02-01", "2026-02-02", 45_000, 1_607, 1_500, 45_000),
            ("2026-02-01", "2026-02-28", 45_000, 43_393, 40_500, 45_000),
            ("2026-01-01", "2026-01-11", 31_000, 10_000, 10_333, 31_000),
            ("2026-01-01", "2026-01-31", 31_000, 30_000, 31_000, 31_000),
            ("2026-01-15", "2026-03-20", 28_000, 56_000 + 4_516, 56_000 + 4_667, 84_000),
            ("2026-02-01", "2026-03-11", 45_000, 45_000 + 14_516, 45_000 + 15_000, 90_000),
            ("2026-12-15", "2027-01-14", 31_000, 30_000, 31_000, 31_000),
            ("2026-04-01", "2026-04-16", 45_001, 22_501, 22_501, 45_001),
            ("2026-01-31", "2026-03-30", 45_000, 90_000, 90_000, 90_000),
        ] {
            for (rule, total) in [(CalendarDays, calendar_days), (ThirtyDays, thirty_days), (WholeMonths, whole_months)]
            {
                assert_eq!(
                    price(rule, monthly, day(check_in), day(check_out)),
                    total,
                    "{rule:?} {check_in} to {check_out}"
                );
            }
        }
    }

    #[test]
    fn a_price_that_does_not_fit_is_an_error_and_not_a_wrong_price() {
        let dates = StayDates::new(day("2026-01-01"), day("2026-06-01")).unwrap();
        for rule in PriceRuleName::ALL {
            assert_eq!(quote(rule, Money::new(i64::MAX / 2, Currency::GHS), dates), Err(MoneyError::TooLarge));
        }
    }

    #[test]
    fn the_rule_is_kept_with_its_name_edition_and_monthly_price() {
        let dates = StayDates::new(day("2026-01-01"), day("2026-02-01")).unwrap();
        for (rule, name) in
            [(CalendarDays, "calendar_days"), (ThirtyDays, "thirty_days"), (WholeMonths, "whole_months")]
        {
            let kept = quote(rule, Money::new(100, Currency::GHS), dates).unwrap().rule;
            assert_eq!(
                serde_json::to_value(kept).unwrap(),
                serde_json::json!({"name": name, "version": 1, "monthly_price": {"amount_minor": 100, "currency": "GHS"}})
            );
            assert_eq!((PriceRuleName::parse(name), rule.as_str()), (Some(rule), name));
        }
        assert_eq!(PriceRuleName::parse("Calendar_days"), None);
    }

    proptest! {
        #[test]
        fn a_night_more_never_costs_less(
            rule in select(&PriceRuleName::ALL), start in 0i64..20_000, nights in 1i64..800, monthly in 0i64..10_000_000,
        ) {
            let check_in = day("1990-01-01").plus_days(start);
            let check_out = check_in.plus_days(nights);
            let night_more = price(rule, monthly, check_in, check_out.plus_days(1));
            prop_assert!(price(rule, monthly, check_in, check_out) <= night_more);
        }

        #[test]
        fn whole_months_cost_exactly_their_months(
            rule in select(&PriceRuleName::ALL), start in 0i64..20_000, months in 1i64..60, monthly in 0i64..10_000_000,
        ) {
            let check_in = day("1990-01-01").plus_days(start);
            prop_assert_eq!(price(rule, monthly, check_in, check_in.plus_months(months)), monthly * months);
        }

        #[test]
        fn a_stay_costs_between_its_whole_months_and_those_begun(
            rule in select(&PriceRuleName::ALL), start in 0i64..20_000, nights in 1i64..800, monthly in 0i64..10_000_000,
        ) {
            let check_in = day("1990-01-01").plus_days(start);
            let check_out = check_in.plus_days(nights);
            let whole = (1..1_000).take_while(|m| check_in.plus_months(*m) <= check_out).count() as i64;
            let begun = (0..1_000).take_while(|m| check_in.plus_months(*m) < check_out).count() as i64;
            let total = price(rule, monthly, check_in, check_out);
            prop_assert!(monthly * whole <= total && total <= monthly * begun, "{} to {}: {}", whole, begun, total);
            if rule == WholeMonths {
                prop_assert_eq!(total, monthly * begun);
            }
        }

        #[test]
        fn a_stay_in_two_halves_costs_about_the_whole(start in 0i64..20_000, first in 1i64..400, second in 1i64..400, monthly in 0i64..10_000_000) {
            let check_in = day("1990-01-01").plus_days(start);
            let (middle, check_out) = (check_in.plus_days(first), check_in.plus_days(first + second));
            let whole = price(CalendarDays, monthly, check_in, check_out);
            let halves = price(CalendarDays, monthly, check_in, middle) + price(CalendarDays, monthly, middle, check_out);
            // A day is worth a 28th to a 31st of a month, so cutting once shifts less than seven days' worth.
            prop_assert!((whole - halves).abs() <= monthly / 4 + 2, "{} {}", whole, halves);
        }
    }
}
