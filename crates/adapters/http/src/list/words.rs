//! Filters out of words: everything in a query is text, and the filter's type says what it should be.

use std::any::Any;

use domicile_kernel::FieldError;
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::json;

use crate::body::{camel, declared};

/// Reads filters, and tells them by their declared names; what is wrong is added to `errors`, all of it.
pub(super) fn read<F: DeserializeOwned + Any>(
    pairs: Vec<(String, String)>,
    errors: &mut Vec<FieldError>,
) -> Option<(F, Vec<(&'static str, String)>)> {
    let names = declared::<F>();
    let mut known: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in pairs {
        let mut fail = |rule, message: String| {
            errors.push(FieldError { field: shown(&name), rule, params: json!({}), message });
        };
        match names.iter().copied().find(|declared| *declared == name || camel(declared) == name) {
            None => fail("unknown", format!("{} is not a filter here", shown(&name))),
            Some(found) if known.iter().any(|(taken, _)| *taken == found) => {
                fail("repeated", format!("{found} is given in two spellings"));
            }
            Some(_) if value.contains('\0') => fail("characters", format!("{name} must not hold the NUL character")),
            Some(_) if value.is_empty() => {}
            Some(found) => known.push((found, value)),
        }
    }
    loop {
        let entries = known.iter().map(|(name, value)| (*name, Word(value)));
        let reader: MapDeserializer<'_, _, Wrong> = MapDeserializer::new(entries);
        match serde_path_to_error::deserialize::<_, F>(reader) {
            Ok(filters) => {
                known.sort_unstable();
                return Some((filters, known));
            }
            Err(error) => {
                let path = error.path().to_string();
                let message = format!("{path} {}", error.into_inner());
                errors.push(FieldError { field: path.clone(), rule: "type", params: json!({}), message });
                let before = known.len();
                known.retain(|(name, _)| *name != path);
                if known.len() == before {
                    return None;
                }
            }
        }
    }
}

fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Why a word is not what the filter wants; reads on after the field's name.
#[derive(Debug)]
struct Wrong(String);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        Self(if text.starts_with("must ") { text } else { format!("is not right: {text}") })
    }
}

/// One word.
struct Word<'w>(&'w str);

impl IntoDeserializer<'_, Wrong> for Word<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Word<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0.to_ascii_lowercase().as_str() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Wrong("must be true or false".to_owned())),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0.parse::<i64>() {
            Ok(number) => visitor.visit_i64(number),
            Err(_not_a_number) => Err(Wrong("must be a whole number".to_owned())),
        }
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        // Words of a closed list are in any case (W3).
        visitor.visit_enum(self.0.to_ascii_lowercase().into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}
