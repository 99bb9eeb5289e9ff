//! Decisions as pure functions: what a stay costs.

use domicile_kernel::{HostelDay, Money, money::MoneyError};
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

/// A price that was agreed for the nights of a stay before a day, on which its guest moved to a room of another price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EarlierPrice {
    /// The day of the move: the first night at the next price.
    pub until: HostelDay,
    /// For one bed and one month.
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
    quote_moved(name, &[], monthly_price, dates)
}

/// The price of a stay whose guest moved to rooms of other prices, by the rule of [`quote`]: at each of the `earlier` prices,
/// in the order of their days, what the stay costs until its day less what it costs until the day before that, and at
/// `monthly_price` likewise from the last of them to the end. So a move changes nothing of what the nights before it cost,
/// and one to a room of the same price changes nothing at all.
pub fn quote_moved(
    name: PriceRuleName,
    earlier: &[EarlierPrice],
    monthly_price: Money,
    dates: StayDates,
) -> Result<Quote, MoneyError> {
    let total = rent_until(name, earlier, monthly_price, dates.check_in(), dates.check_out())?;
    Ok(Quote { total, rule: PriceRule { name, version: 1, monthly_price } })
}

/// What the first months of a stay cost, counted from its check-in day, as far as one of the `earlier` prices reaches into
/// them; each later one costs the monthly price.
pub fn first_months(rule: PriceRule, earlier: &[EarlierPrice], dates: StayDates) -> Result<Vec<Money>, MoneyError> {
    let Some(last) = earlier.last() else { return Ok(Vec::new()) };
    let reached = last.until.min(dates.check_out());
    let begins = |month: i64| dates.check_in().plus_months(month);
    let until = |day| rent_until(rule.name, earlier, rule.monthly_price, dates.check_in(), day);
    (0..)
        // A day at the end of the calendar has no month behind it.
        .take_while(|month| begins(*month) < reached && begins(*month) < begins(month + 1))
        .map(|month| less(until(begins(month + 1))?, until(begins(month))?))
        .collect()
}

/// What the nights from the check-in day until a day cost.
fn rent_until(
    name: PriceRuleName,
    earlier: &[EarlierPrice],
    monthly_price: Money,
    check_in: HostelDay,
    day: HostelDay,
) -> Result<Money, MoneyError> {
    let last = EarlierPrice { until: day, monthly_price };
    let (mut total, mut from) = (Money::zero(monthly_price.currency()), check_in);
    for price in earlier.iter().chain([&last]) {
        let to = price.until.min(day);
        if to > from {
            let at_this_price = |day| nights(name, price.monthly_price, check_in, day);
            total = total.checked_add(less(at_this_price(to)?, at_this_price(from)?)?)?;
            from = to;
        }
    }
    Ok(total)
}

fn less(from: Money, what: Money) -> Result<Money, MoneyError> {
    from.checked_add(Money::new(-what.amount_minor(), what.currency()))
}

/// What the nights from the check-in day until a day cost at one price.
fn nights(name: PriceRuleName, monthly_price: Money, check_in: HostelDay, day: HostelDay) -> Result<Money, MoneyError> {
    let Ok(dates) = StayDates::new(check_in, day) else { return Ok(Money::zero(monthly_price.currency())) };
    let (months, days, month_days) = parts(dates);
    let parts_of_a_month = match name {
        PriceRuleName::CalendarDays => month_days,
        PriceRuleName::ThirtyDays => 30,
        PriceRuleName::WholeMonths => 1,
    };
    monthly_price.fraction(months * parts_of_a_month + days.min(parts_of_a_month), parts_of_a_month)
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

    fn earlier(prices: &[(&str, i64)]) -> Vec<EarlierPrice> {
        let price = |(until, monthly): &(&str, i64)| EarlierPrice {
            until: day(until),
            monthly_price: Money::new(*monthly, Currency::GHS),
        };
        prices.iter().map(price).collect()
    }

    /// From the 1st of February 2026, at 600 a month now: in all, and the first months.
    fn moved(rule: PriceRuleName, prices: &[(&str, i64)], check_out: &str) -> (i64, Vec<i64>) {
        let (earlier, dates) = (earlier(prices), StayDates::new(day("2026-02-01"), day(check_out)).unwrap());
        let quote = quote_moved(rule, &earlier, Money::new(60_000, Currency::GHS), dates).unwrap();
        let months = first_months(quote.rule, &earlier, dates).unwrap();
        (quote.total.amount_minor(), months.into_iter().map(Money::amount_minor).collect())
    }

    #[test]
    fn who_moves_pays_each_night_by_the_price_of_its_room_as_worked_out_by_hand() {
        let march = [("2026-03-11", 45_000)];
        for (rule, prices, check_out, total, months) in [
            // Ten nights of March at 450, twenty-one at 600.
            (CalendarDays, &march[..], "2026-05-01", 45_000 + 55_161 + 60_000, &[45_000, 55_161][..]),
            (ThirtyDays, &march, "2026-05-01", 45_000 + 55_000 + 60_000, &[45_000, 55_000]),
            // The month had begun at the old price.
            (WholeMonths, &march, "2026-05-01", 45_000 + 45_000 + 60_000, &[45_000, 45_000]),
            (CalendarDays, &march, "2026-03-21", 59_516 + 19_355, &[45_000, 55_161]),
            (CalendarDays, &march, "2026-03-11", 59_516, &[45_000, 55_161]),
            // Left before the day of the move: no night at the new price.
            (CalendarDays, &march, "2026-03-02", 46_452, &[45_000, 55_161]),
            (CalendarDays, &march, "2026-02-15", 22_500, &[45_000]),
            (CalendarDays, &[("2026-03-01", 45_000)], "2026-04-01", 105_000, &[45_000]),
            // Twice: February at 450, March at 300.
            (ThirtyDays, &[("2026-03-01", 45_000), ("2026-04-01", 30_000)], "2026-05-01", 135_000, &[45_000, 30_000]),
        ] {
            let told = moved(rule, prices, check_out);
            assert_eq!(told, (total, months.to_vec()), "{rule:?} {prices:?} until {check_out}");
        }
    }

    proptest! {
        #[test]
        fn a_move_changes_nothing_of_the_nights_before_it_and_what_is_billed_by_the_month_adds_up(
            rule in select(&PriceRuleName::ALL), start in 0i64..20_000, nights in 1i64..800,
            moves in proptest::collection::vec((1i64..300, 0i64..1_000_000), 0..4), monthly in 0i64..1_000_000,
        ) {
            let check_in = day("1990-01-01").plus_days(start);
            let dates = StayDates::new(check_in, check_in.plus_days(nights)).unwrap();
            let ghs = |amount| Money::new(amount, Currency::GHS);
            let mut until = check_in;
            let earlier: Vec<EarlierPrice> = moves
                .iter()
                .map(|(nights, monthly)| {
                    until = until.plus_days(*nights);
                    EarlierPrice { until, monthly_price: ghs(*monthly) }
                })
                .collect();
            let cost = |earlier: &[EarlierPrice], monthly, until| {
                let dates = StayDates::new(check_in, until).unwrap();
                quote_moved(rule, earlier, ghs(monthly), dates).unwrap().total.amount_minor()
            };
            let whole = quote_moved(rule, &earlier, ghs(monthly), dates).unwrap();
            let total = whole.total.amount_minor();
            // Between the cheapest and the dearest of the rooms.
            let prices = || earlier.iter().map(|price| price.monthly_price.amount_minor()).chain([monthly]);
            let all_at = |price| cost(&[], price, dates.check_out());
            prop_assert!(all_at(prices().min().unwrap()) - 4 <= total && total <= all_at(prices().max().unwrap()) + 4);
            for (at, price) in earlier.iter().enumerate() {
                let before = cost(&earlier[..at], price.monthly_price.amount_minor(), price.until);
                prop_assert_eq!(cost(&earlier, monthly, price.until), before, "the nights before a move cost what they did");
                let mut same = earlier.clone();
                same.insert(at, EarlierPrice { until: price.until.plus_days(-1).max(check_in), ..*price });
                prop_assert_eq!(cost(&same, monthly, dates.check_out()), total, "a move to the same price");
            }
            let months = first_months(whole.rule, &earlier, dates).unwrap();
            let (mut billed, mut month) = (0, 0);
            while check_in.plus_months(month + 1) <= dates.check_out() {
                let own = months.get(month as usize).map_or(monthly, |own| own.amount_minor());
                prop_assert!(own >= 0);
                billed += own;
                month += 1;
            }
            prop_assert!(billed <= total, "{} of {}", billed, total);
            if check_in.plus_months(month) == dates.check_out() {
                prop_assert_eq!(billed, total);
            }
        }

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
