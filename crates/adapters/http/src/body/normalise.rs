//! Brings what a client sent to the declared field names (W3): snake_case as it is, camelCase of a declared field
//! accepted, both at once refused, unknown fields refused by name, `null` the same as absent. Then the type reads it, and
//! every wrong type is told with its path.

use std::any::Any;

use domicile_kernel::{FieldError, FieldErrors};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::shape::{self, Shape};

/// Reads a command out of an object that a client sent.
pub(crate) fn read<T: DeserializeOwned + Any>(value: &Value) -> Result<T, FieldErrors> {
    let mut errors = Vec::new();
    let mut value = rename(value, &shape::of::<T>(), "", &mut errors);
    // Each round tells one wrong type and takes the field out, so that one answer tells them all.
    loop {
        let before = errors.len();
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => {
                let path = error.path().to_string();
                let top = path.split(['.', '[']).next().unwrap_or_default().to_owned();
                errors.push(wrong_type(&path, &error.into_inner().to_string()));
                let removed = value.as_object_mut().is_some_and(|object| object.remove(&top).is_some());
                if !removed || before >= MOST_ERRORS {
                    break;
                }
            }
        }
    }
    Err(FieldErrors(errors))
}

/// Nobody reads more than this many errors of one body.
const MOST_ERRORS: usize = 50;

fn wrong(field: &str, rule: &'static str, message: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), rule, params: json!({}), message: message.into() }
}

fn join(path: &str, key: &str) -> String {
    // A key is the client's and may be anything: it is shown, not echoed at length.
    let shown: String = key.chars().filter(|c| !c.is_control()).take(100).collect();
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

fn rename(value: &Value, shape: &Shape, path: &str, errors: &mut Vec<FieldError>) -> Value {
    match (value, shape) {
        (Value::Object(object), Shape::Fields(fields)) => {
            let mut renamed: Map<String, Value> = Map::new();
            let mut taken: Vec<&str> = Vec::new();
            for (key, value) in object {
                let here = join(path, key);
                let declared = fields.iter().find(|(name, _)| name == key || camel(name) == *key);
                let Some((name, below)) = declared else {
                    if errors.len() < MOST_ERRORS {
                        errors.push(wrong(&here, "unknown", format!("{here} is not a field here")));
                    }
                    continue;
                };
                if taken.contains(name) {
                    errors.push(wrong(&here, "repeated", format!("{name} is given in two spellings")));
                    continue;
                }
                taken.push(name);
                if value.is_null() {
                    continue;
                }
                let value = rename(value, below, &here, errors);
                renamed.insert((*name).to_owned(), value);
            }
            Value::Object(renamed)
        }
        (Value::Array(items), Shape::List(below)) => Value::Array(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| rename(item, below, &format!("{path}[{index}]"), errors))
                .collect(),
        ),
        (other, _) => {
            if holds_nul(other) {
                errors.push(wrong(path, "characters", format!("{path} must not hold the NUL character")));
            }
            other.clone()
        }
    }
}

/// A NUL can be typed by nobody and stored by no database.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(object) => object.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `monthly_price` as JavaScript people write it: `monthlyPrice`.
pub(crate) fn camel(snake: &str) -> String {
    let mut text = String::with_capacity(snake.len());
    let mut raise = false;
    for c in snake.chars() {
        match c {
            '_' => raise = !text.is_empty(),
            c if raise => {
                text.push(c.to_ascii_uppercase());
                raise = false;
            }
            c => text.push(c),
        }
    }
    text
}

/// Turns what serde says into what a person can use.
fn wrong_type(path: &str, said: &str) -> FieldError {
    let field = if path == "." { "body" } else { path };
    let expected = said.split_once(", expected ").map_or(said, |(_, expected)| expected);
    let expected = expected.split(" at line ").next().unwrap_or(expected);
    let must = match expected {
        "a string" | "string" | "str" | "a borrowed string" => "must be a string".to_owned(),
        "a boolean" => "must be true or false".to_owned(),
        "a sequence" => "must be a list".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "must be a whole number".to_owned(),
        "f32" | "f64" => "must be a number".to_owned(),
        text if text.starts_with("struct ") || text == "a map" => "must be an object".to_owned(),
        text if text.contains("must be ") => text.to_owned(),
        text => format!("is not right: {text}"),
    };
    wrong(field, "type", format!("{field} {must}"))
}

#[cfg(test)]
mod tests {
    use domicile_kernel::Money;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Hours {
        low_hours: Option<i64>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Command {
        room_type: Option<String>,
        bed_count: Option<i64>,
        monthly_price: Option<Money>,
        terms_accepted: Option<bool>,
        amenities: Option<Vec<String>>,
        sla_hours: Option<Hours>,
    }

    fn refused(value: &Value) -> Vec<(String, &'static str, String)> {
        let errors = read::<Command>(value).unwrap_err();
        errors.0.into_iter().map(|error| (error.field, error.rule, error.message)).collect()
    }

    #[test]
    fn both_spellings_of_declared_fields_are_read() {
        let expected = Command {
            room_type: Some("single".into()),
            bed_count: Some(2),
            sla_hours: Some(Hours { low_hours: Some(3) }),
            ..Command::default()
        };
        let snake = json!({"room_type": "single", "bed_count": 2, "sla_hours": {"low_hours": 3}});
        let camel = json!({"roomType": "single", "bedCount": 2, "slaHours": {"lowHours": 3}, "termsAccepted": null});
        assert_eq!(read::<Command>(&snake).unwrap(), expected);
        assert_eq!(read::<Command>(&camel).unwrap(), expected);
    }

    #[test]
    fn unknown_and_doubled_fields_are_all_named() {
        let found = refused(&json!({"roomType": "a", "room_type": "b", "x": 1, "Bed_Count": 1, "slaHours": {"y": 1}}));
        let names: Vec<_> = found.iter().map(|(field, rule, _)| (field.as_str(), *rule)).collect();
        assert_eq!(names.len(), 4);
        assert!(names.contains(&("x", "unknown")));
        assert!(names.contains(&("Bed_Count", "unknown")));
        assert!(names.contains(&("slaHours.y", "unknown")));
        assert!(names.iter().any(|(_, rule)| *rule == "repeated"));
    }

    #[test]
    fn every_wrong_type_is_told_at_once_in_words() {
        let found = refused(&json!({
            "room_type": 5, "bed_count": "two", "terms_accepted": "yes", "amenities": "wifi", "monthly_price": 450.0
        }));
        let messages: Vec<_> = found.iter().map(|(_, _, message)| message.as_str()).collect();
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(messages.contains(&"room_type must be a string"));
        assert!(messages.contains(&"bed_count must be a whole number"));
        assert!(messages.contains(&"terms_accepted must be true or false"));
        assert!(messages.contains(&"amenities must be a list"));
        assert!(messages.iter().any(|m| m.starts_with("monthly_price must be an object like {\"amount_minor\"")));
    }

    #[test]
    fn money_tells_its_shape_whatever_is_wrong_with_it() {
        for price in [json!(1), json!("1"), json!({"amount_minor": 1.5, "currency": "GHS"}), json!({}), json!([])] {
            let found = refused(&json!({ "monthlyPrice": price }));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0.starts_with("monthly_price"));
        }
    }

    #[test]
    fn the_nul_character_is_refused() {
        assert_eq!(refused(&json!({"room_type": "a\u{0}b"}))[0].1, "characters");
        assert_eq!(refused(&json!({"amenities": ["\u{0}"]}))[0].1, "characters");
    }

    #[test]
    fn camel_case_raises_after_each_underscore() {
        assert_eq!(camel("check_in_date"), "checkInDate");
        assert_eq!(camel("name"), "name");
    }
}
