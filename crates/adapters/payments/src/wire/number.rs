//! Whole minor units, sent as a JSON number or as a text of digits.

use serde_json::{Number, Value};

use super::fields::{Problem, kind_of};

/// The largest amount that is taken: what a sender that counts in doubles can still tell from its neighbours.
const LARGEST: i64 = (1 << 53) - 1;

/// Reads an amount. `40333` and `"40333"` are the same; a fraction, a sign, blanks, a leading zero or an exponent are no
/// amount, even where their value would be whole.
pub(super) fn minor_units(value: &Value) -> Result<i64, Problem> {
    match value {
        Value::Number(number) => from_number(number),
        Value::String(text) => from_text(text),
        other => Err(Problem::WrongType { wanted: "a whole number, or digits as text", found: kind_of(other) }),
    }
}

fn from_number(number: &Number) -> Result<i64, Problem> {
    if let Some(whole) = number.as_i64() {
        return within(whole);
    }
    if number.is_u64() {
        return Err(Problem::TooLarge);
    }
    // What does not fit 64 bits comes as a double, and so does what has a point.
    match number.as_f64() {
        Some(double) if double < 0.0 => Err(Problem::Negative),
        Some(double) if double > LARGEST as f64 => Err(Problem::TooLarge),
        _ => Err(Problem::Fraction),
    }
}

fn from_text(text: &str) -> Result<i64, Problem> {
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if rest.starts_with(|c: char| c.is_ascii_digit()) { Problem::Negative } else { Problem::NoNumber });
    }
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(Problem::NoNumber);
    }
    match fraction {
        Some(fraction) if digits(fraction) => Err(Problem::Fraction),
        Some(_) => Err(Problem::NoNumber),
        // Digits only: what does not parse does not fit.
        None => whole.parse().map_or(Err(Problem::TooLarge), within),
    }
}

fn within(whole: i64) -> Result<i64, Problem> {
    match whole {
        ..0 => Err(Problem::Negative),
        0..=LARGEST => Ok(whole),
        _ => Err(Problem::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &str) -> Result<i64, Problem> {
        minor_units(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_number_and_its_digits_are_the_same_amount() {
        for amount in [0, 1, 40_333, LARGEST] {
            assert_eq!(minor_units(&json!(amount)), Ok(amount));
            assert_eq!(minor_units(&json!(amount.to_string())), Ok(amount));
        }
    }

    #[test]
    fn what_is_no_whole_positive_amount_is_named() {
        for fraction in ["1.5", "0.1", "100.0", "1e2", r#""1.5""#, r#""100.00""#] {
            assert_eq!(read(fraction), Err(Problem::Fraction), "{fraction}");
        }
        for negative in ["-1", "-0.5", "-1e30", r#""-1""#, "-9223372036854775808"] {
            assert_eq!(read(negative), Err(Problem::Negative), "{negative}");
        }
        for large in
            ["9007199254740992", "9223372036854775808", "99999999999999999999999", "1e300", r#""9007199254740992""#]
        {
            assert_eq!(read(large), Err(Problem::TooLarge), "{large}");
        }
        assert_eq!(read(&format!("\"{}\"", "9".repeat(400))), Err(Problem::TooLarge));
        for none in [
            r#""""#,
            r#"" 1""#,
            r#""1 ""#,
            r#""+1""#,
            r#""1e2""#,
            r#""0x10""#,
            r#""007""#,
            r#""1,000""#,
            r#""-""#,
            r#""١""#,
            r#""1.""#,
            r#"".5""#,
        ] {
            assert_eq!(read(none), Err(Problem::NoNumber), "{none}");
        }
        for other in ["null", "true", "[]", "{}", "[1]"] {
            assert!(matches!(read(other), Err(Problem::WrongType { .. })), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_taken_for_another_amount_than_it_says(text in "[-+0-9.e ]{0,24}") {
            if let Ok(amount) = minor_units(&Value::String(text.clone())) {
                proptest::prop_assert_eq!(amount.to_string(), text);
            }
        }
    }
}
