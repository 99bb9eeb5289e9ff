//! Reading a JSON object field by field, each under its whole name, so that what is wrong can be said.

use domicile_kernel::{Currency, Instant, Money};
use serde_json::{Map, Value};

use super::number::minor_units;

/// How long a text may be that is asked for.
const LONGEST_TEXT: usize = 255;

/// Which field could not be read, and why. Never carries the value, which may be somebody's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field `{field}` {problem}")]
pub(crate) struct ShapeError {
    /// The whole name, such as `data.amount`; `.` for the body itself.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("is not JSON")]
    NoJson,
    #[error("is missing")]
    Missing,
    #[error("is {found}, not {wanted}")]
    WrongType { wanted: &'static str, found: &'static str },
    #[error("is a fraction, not whole minor units")]
    Fraction,
    #[error("is negative")]
    Negative,
    #[error("is too large")]
    TooLarge,
    #[error("is not a number")]
    NoNumber,
    #[error("is empty")]
    Empty,
    #[error("is longer than 255 characters, or holds control characters")]
    BadText,
    #[error("is no ISO 4217 currency")]
    NoCurrency,
    #[error("is a word that is not known here")]
    UnknownWord,
    #[error("contradicts what stands beside it")]
    Contradiction,
    #[cfg(feature = "paystack")]
    #[error("is no https address")]
    NoAddress,
}

impl ShapeError {
    pub(crate) fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self { field: field.into(), problem }
    }
}

/// An object and the name it stands under.
#[derive(Clone)]
pub(crate) struct Object<'a> {
    at: String,
    map: &'a Map<String, Value>,
}

/// Reads a body as JSON.
pub(crate) fn parse(body: &[u8]) -> Result<Value, ShapeError> {
    // The parser's own error quotes the text around the place, so it is not passed on.
    serde_json::from_slice(body).map_err(|_malformed| ShapeError::new(".", Problem::NoJson))
}

/// What sort of value it is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'a> Object<'a> {
    /// The body itself.
    pub(crate) fn root(value: &'a Value) -> Result<Self, ShapeError> {
        match value {
            Value::Object(map) => Ok(Self { at: String::new(), map }),
            other => Err(ShapeError::new(".", wrong("an object", other))),
        }
    }

    /// The whole name of one of its fields.
    pub(crate) fn name(&self, field: &str) -> String {
        if self.at.is_empty() { field.to_owned() } else { format!("{}.{field}", self.at) }
    }

    /// An error about one of its fields.
    pub(crate) fn error(&self, field: &str, problem: Problem) -> ShapeError {
        ShapeError::new(self.name(field), problem)
    }

    /// The field, where it is there and not null.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    fn required(&self, field: &str) -> Result<&'a Value, ShapeError> {
        self.value(field).ok_or_else(|| {
            let problem = match self.map.get(field) {
                Some(null) => wrong("a value", null),
                None => Problem::Missing,
            };
            self.error(field, problem)
        })
    }

    /// An object that must be there.
    pub(crate) fn object(&self, field: &str) -> Result<Self, ShapeError> {
        self.as_object(field, self.required(field)?)
    }

    /// Reads a value that stands under a field as an object.
    pub(crate) fn as_object(&self, field: &str, value: &'a Value) -> Result<Self, ShapeError> {
        match value {
            Value::Object(map) => Ok(Self { at: self.name(field), map }),
            other => Err(self.error(field, wrong("an object", other))),
        }
    }

    /// A list that must be there, each entry an object.
    #[cfg(feature = "paystack")]
    pub(crate) fn objects(&self, field: &str) -> Result<Vec<Self>, ShapeError> {
        match self.required(field)? {
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .map(|(place, entry)| self.as_object(&format!("{field}[{place}]"), entry))
                .collect(),
            other => Err(self.error(field, wrong("a list", other))),
        }
    }

    /// A truth value that must be there.
    #[cfg(feature = "paystack")]
    pub(crate) fn flag(&self, field: &str) -> Result<bool, ShapeError> {
        match self.required(field)? {
            Value::Bool(flag) => Ok(*flag),
            other => Err(self.error(field, wrong("a truth value", other))),
        }
    }

    /// A whole number that must be there.
    #[cfg(feature = "paystack")]
    pub(crate) fn count(&self, field: &str) -> Result<u64, ShapeError> {
        let value = self.required(field)?;
        let count = minor_units(value).map_err(|problem| self.error(field, problem))?;
        Ok(count.unsigned_abs())
    }

    /// A text that must be there and not be empty.
    pub(crate) fn text(&self, field: &str) -> Result<&'a str, ShapeError> {
        let text = self.as_text(field, self.required(field)?)?;
        if text.is_empty() { Err(self.error(field, Problem::Empty)) } else { Ok(text) }
    }

    /// A text, if there is one that is not empty.
    pub(crate) fn optional_text(&self, field: &str) -> Result<Option<&'a str>, ShapeError> {
        let text = self.value(field).map(|value| self.as_text(field, value)).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn as_text(&self, field: &str, value: &'a Value) -> Result<&'a str, ShapeError> {
        let Value::String(text) = value else { return Err(self.error(field, wrong("text", value))) };
        let sane = text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
        if sane { Ok(text) } else { Err(self.error(field, Problem::BadText)) }
    }

    /// An id of the sender's, if there is one: a whole number in one answer, text in another, and the same id.
    pub(crate) fn optional_id(&self, field: &str) -> Result<Option<String>, ShapeError> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
            Some(Value::String(_)) => Ok(self.optional_text(field)?.map(str::to_owned)),
            Some(other) => Err(self.error(field, wrong("a whole number, or text", other))),
        }
    }

    /// An amount that must be there.
    pub(crate) fn amount(&self, field: &str, currency: Currency) -> Result<Money, ShapeError> {
        let value = self.required(field)?;
        minor_units(value).map(|amount| Money::new(amount, currency)).map_err(|problem| self.error(field, problem))
    }

    /// An amount, if there is one.
    pub(crate) fn optional_amount(&self, field: &str, currency: Currency) -> Result<Option<Money>, ShapeError> {
        self.value(field).map(|_there| self.amount(field, currency)).transpose()
    }

    /// A currency that must be there.
    pub(crate) fn currency(&self, field: &str) -> Result<Currency, ShapeError> {
        Currency::parse(self.text(field)?).map_err(|_unknown| self.error(field, Problem::NoCurrency))
    }

    /// An instant, if there is one. A text that is none is as good as nothing: it is told to people, and nothing is
    /// decided by it.
    pub(crate) fn optional_instant(&self, field: &str) -> Result<Option<Instant>, ShapeError> {
        Ok(self.optional_text(field)?.and_then(|text| text.parse().ok()))
    }
}

fn wrong(wanted: &'static str, found: &Value) -> Problem {
    Problem::WrongType { wanted, found: kind_of(found) }
}
