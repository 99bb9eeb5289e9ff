//! Checking input: every wrong field is found and named in one go, each with a message for a person and a rule with
//! parameters for a translation (W11).
//!
//! A command holds what was sent, as it was sent (`Option<String>` and the like); its use case turns it into checked
//! values with [`Checks`]:
//!
//! ```
//! use domicile_kernel::Checks;
//! let mut checks = Checks::new();
//! let title = checks.text("title", Some("Hi"), 5, 255, "Title must be at least 5 characters");
//! assert!(title.is_none());
//! let errors = checks.finish().unwrap_err();
//! assert_eq!(errors.0[0].field, "title");
//! assert_eq!(errors.0[0].rule, "min_chars");
//! ```

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    fault::{Code, Detail, Fault},
    money::Money,
    text::Text,
    time::HostelDay,
};

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldError {
    /// The field's path as the client wrote it, such as `monthly_price.currency`.
    pub field: String,
    /// The rule it broke, stable: `required`, `min_chars`, `format`, …
    pub rule: &'static str,
    /// The rule's parameters, such as `{"min": 5}`; an object, possibly empty.
    pub params: Value,
    /// What to do about it, in English. Where a requirement prints a message, exactly that.
    pub message: String,
}

/// All wrong fields of one input, in the order they were checked. Never empty.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("Validation failed")]
#[serde(transparent)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// A single wrong field.
    #[must_use]
    pub fn one(field: &str, rule: &'static str, message: impl Into<String>) -> Self {
        Self(vec![FieldError { field: field.to_owned(), rule, params: json!({}), message: message.into() }])
    }
}

impl Fault for FieldErrors {
    fn code(&self) -> Code {
        Code::ValidationError
    }

    fn detail(&self) -> Detail {
        Detail::Fields(self.clone())
    }
}

/// Collects what is wrong while it turns raw fields into values. Each method returns `None` when the field is absent or
/// wrong; [`Checks::finish`] then tells which. An optional field that is absent is no error.
#[derive(Debug, Default)]
#[must_use]
pub struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    /// Nothing wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a broken rule.
    pub fn fail(&mut self, field: &str, rule: &'static str, params: Value, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), rule, params, message: message.into() });
    }

    /// Notes a broken rule unless `ok`. Returns `ok`.
    pub fn ensure(&mut self, ok: bool, field: &str, rule: &'static str, message: impl Into<String>) -> bool {
        if !ok {
            self.fail(field, rule, json!({}), message);
        }
        ok
    }

    /// Passes a value that must be there.
    pub fn require<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fail(field, "required", json!({}), format!("{field} is required"));
        }
        value
    }

    /// Cleans free text and counts its characters afterwards: `min..=max`. `too_short` is told when it is too short;
    /// when it is empty, a default message stands for a missing one.
    pub fn text(&mut self, field: &str, value: Option<&str>, min: usize, max: usize, too_short: &str) -> Option<Text> {
        let text = Text::clean(value?);
        let chars = text.chars();
        if chars < min {
            let message = if too_short.is_empty() {
                format!("{field} must be at least {min} characters")
            } else {
                too_short.to_owned()
            };
            self.fail(field, "min_chars", json!({ "min": min }), message);
            return None;
        }
        if chars > max {
            self.fail(field, "max_chars", json!({ "max": max }), format!("{field} must be at most {max} characters"));
            return None;
        }
        Some(text)
    }

    /// [`Checks::text`] of one line, such as a name: line breaks and tabs become single spaces. A name stands in mails, and
    /// must not bring lines of its own to them.
    pub fn line(&mut self, field: &str, value: Option<&str>, min: usize, max: usize, too_short: &str) -> Option<Text> {
        let typed = Text::clean(value?);
        let parts = typed.as_str().split(['\n', '\t']).map(str::trim).filter(|part| !part.is_empty());
        let line = parts.collect::<Vec<_>>().join(" ");
        self.text(field, Some(&line), min, max, too_short)
    }

    /// Reads an id: a UUID of any version.
    pub fn id<T: From<uuid::Uuid>>(&mut self, field: &str, value: Option<&str>, message: &str) -> Option<T> {
        let parsed = value?.parse::<uuid::Uuid>();
        match parsed {
            Ok(id) => Some(T::from(id)),
            Err(_not_a_uuid) => {
                self.fail(field, "uuid", json!({}), message);
                None
            }
        }
    }

    /// Reads a day, `YYYY-MM-DD`.
    pub fn day(&mut self, field: &str, value: Option<&str>) -> Option<HostelDay> {
        let parsed = value?.parse::<HostelDay>();
        if parsed.is_err() {
            self.fail(field, "date", json!({ "format": "YYYY-MM-DD" }), "Invalid date format");
        }
        parsed.ok()
    }

    /// Reads a whole number within bounds.
    pub fn whole(&mut self, field: &str, value: Option<i64>, min: i64, max: i64) -> Option<i64> {
        let value = value?;
        if (min..=max).contains(&value) {
            return Some(value);
        }
        self.fail(
            field,
            "range",
            json!({ "min": min, "max": max }),
            format!("{field} must be between {min} and {max}"),
        );
        None
    }

    /// Reads an amount that is not negative and at most ten thousand million units.
    pub fn price(&mut self, field: &str, value: Option<Money>) -> Option<Money> {
        const MOST: i64 = 1_000_000_000_000;
        let value = value?;
        if (0..=MOST).contains(&value.amount_minor()) {
            return Some(value);
        }
        self.fail(
            &format!("{field}.amount_minor"),
            "range",
            json!({ "min": 0, "max": MOST }),
            format!("{field}.amount_minor must be between 0 and {MOST}"),
        );
        None
    }

    /// Reads a telephone number by the printed pattern `^\+?[1-9]\d{1,14}$`, after taking out spaces, dashes, dots and
    /// brackets people write. The answer is E.164 with its plus sign.
    pub fn phone(&mut self, field: &str, value: Option<&str>) -> Option<String> {
        let parsed = parse_phone(value?);
        if parsed.is_none() {
            self.fail(
                field,
                "phone",
                json!({ "pattern": r"^\+?[1-9]\d{1,14}$" }),
                format!("{field} must be a telephone number with its country code, such as +233201234567"),
            );
        }
        parsed
    }

    /// Reads one of a closed list of words; case does not matter (W3).
    pub fn one_of<T>(
        &mut self,
        field: &str,
        value: Option<&str>,
        parse: impl Fn(&str) -> Option<T>,
        words: &[&str],
    ) -> Option<T> {
        let value = value?;
        let parsed = parse(&value.to_ascii_lowercase());
        if parsed.is_none() {
            self.fail(
                field,
                "one_of",
                json!({ "values": words }),
                format!("{field} must be one of: {}", words.join(", ")),
            );
        }
        parsed
    }

    /// Whether nothing was wrong so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// All that was wrong, or nothing.
    pub fn finish(self) -> Result<(), FieldErrors> {
        if self.errors.is_empty() { Ok(()) } else { Err(FieldErrors(self.errors)) }
    }

    /// Ends the checking of a value whose parts were all found: `None` can only stand where an error was noted, and is
    /// then reported; a forgotten error shows as the whole input being incomplete, never as a panic.
    pub fn conclude<T>(self, value: Option<T>) -> Result<T, FieldErrors> {
        match (self.finish(), value) {
            (Err(errors), _) => Err(errors),
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(FieldErrors::one("body", "required", "a required field is missing")),
        }
    }
}

/// A telephone number as E.164 with its plus sign, or nothing. `00` in front stands for the plus sign.
#[must_use]
pub fn parse_phone(raw: &str) -> Option<String> {
    let compact: String = raw.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let digits = compact.strip_prefix('+').or_else(|| compact.strip_prefix("00")).unwrap_or(&compact);
    let good =
        (2..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    good.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let mut checks = Checks::new();
        checks.day("check_in_date", Some("2025-02-30"));
        checks.id::<crate::HostelId>("room_id", Some("x"), "Invalid room ID");
        checks.require::<bool>("terms_accepted", None);
        let errors = checks.finish().unwrap_err();
        let fields: Vec<_> = errors.0.iter().map(|e| (e.field.as_str(), e.rule)).collect();
        assert_eq!(fields, [("check_in_date", "date"), ("room_id", "uuid"), ("terms_accepted", "required")]);
    }

    #[test]
    fn length_counts_characters_after_cleaning() {
        let mut checks = Checks::new();
        assert!(checks.text("name", Some("<b></b>é"), 2, 50, "").is_none());
        assert!(checks.text("name", Some("éé"), 2, 2, "").is_some());
        assert_eq!(checks.finish().unwrap_err().0.len(), 1);
    }

    #[test]
    fn a_line_has_no_breaks() {
        let mut checks = Checks::new();
        let name = checks.line("name", Some("Ama  K.,\r\n\nyou won:\thttp://x "), 1, 50, "");
        assert_eq!(name.unwrap().as_str(), "Ama  K., you won: http://x");
        assert!(checks.line("name", Some(" \n "), 1, 50, "").is_none());
        assert!(checks.line("name", None, 1, 50, "").is_none());
        assert_eq!(checks.finish().unwrap_err().0.len(), 1);
    }

    #[test]
    fn a_phone_in_six_spellings_is_one_number() {
        for spelling in [
            "+233201234567",
            "233201234567",
            "00233201234567",
            "+233 20 123 4567",
            "+233-20-123-4567",
            "+233 (20) 123.4567",
        ] {
            assert_eq!(parse_phone(spelling).as_deref(), Some("+233201234567"), "{spelling}");
        }
        for bad in ["", "+", "0201234567", "+0201", "1", "12345678901234567", "+23x", "++233201234567"] {
            assert_eq!(parse_phone(bad), None, "{bad}");
        }
    }
}
