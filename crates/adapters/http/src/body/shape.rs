//! Which fields a command declares, found out from its `Deserialize` alone: a probing deserializer writes down what the
//! type asks for. So the list of accepted fields cannot drift from the type.

use std::{
    any::{Any, TypeId},
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    rc::Rc,
};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
        value::{Error as Stop, StrDeserializer},
    },
    forward_to_deserialize_any,
};

/// What a type reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One value, or something that checks itself.
    Leaf,
    /// A list of these.
    List(Box<Shape>),
    /// A struct with these fields.
    Fields(Vec<(&'static str, Shape)>),
}

/// How deep structs within structs are followed; below it anything goes and serde judges.
const DEPTH: usize = 4;

/// The shape of a type, found once a thread.
pub(crate) fn of<T: de::DeserializeOwned + Any>() -> Rc<Shape> {
    thread_local! {
        static KNOWN: RefCell<HashMap<TypeId, Rc<Shape>>> = RefCell::new(HashMap::new());
    }
    let key = TypeId::of::<T>();
    if let Some(shape) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return shape;
    }
    let shape = Rc::new(at::<T>(&[]));
    KNOWN.with_borrow_mut(|known| known.insert(key, Rc::clone(&shape)));
    shape
}

/// What one walk found at its end.
#[derive(Clone)]
enum Found {
    Leaf,
    List,
    Fields(&'static [&'static str]),
}

/// One step into a type.
#[derive(Clone, Copy)]
enum Step {
    Field(&'static str),
    Element,
}

fn at<T: de::DeserializeOwned>(path: &[Step]) -> Shape {
    let found = Cell::new(Found::Leaf);
    // The walk always stops with an error: what matters was written down before.
    let _stopped = T::deserialize(Probe { path, found: &found });
    let below = |step: Step| {
        let longer: Vec<Step> = path.iter().copied().chain([step]).collect();
        if longer.len() > DEPTH { Shape::Leaf } else { at::<T>(&longer) }
    };
    match found.into_inner() {
        Found::Leaf => Shape::Leaf,
        Found::List => Shape::List(Box::new(below(Step::Element))),
        Found::Fields(names) => Shape::Fields(names.iter().map(|name| (*name, below(Step::Field(name)))).collect()),
    }
}

/// Walks a path into a type and writes down what stands at its end.
struct Probe<'p> {
    path: &'p [Step],
    found: &'p Cell<Found>,
}

fn stop() -> Stop {
    de::Error::custom("only looking")
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Stop> {
        Err(stop())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.path.split_first() {
            None => {
                self.found.set(Found::Fields(fields));
                Err(stop())
            }
            Some((Step::Field(name), rest)) => {
                visitor.visit_map(Entry { name: Some(name), value: Some(Probe { path: rest, found: self.found }) })
            }
            Some((Step::Element, _)) => Err(stop()),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.path.split_first() {
            None => {
                self.found.set(Found::List);
                Err(stop())
            }
            Some((Step::Element, rest)) => visitor.visit_seq(Element(Some(Probe { path: rest, found: self.found }))),
            Some((Step::Field(_), _)) => Err(stop()),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// A struct with the one field on the path.
struct Entry<'p> {
    name: Option<&'static str>,
    value: Option<Probe<'p>>,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some(name) = self.name.take() else { return Err(stop()) };
        let key: StrDeserializer<'_, Stop> = name.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.value.take() {
            Some(probe) => seed.deserialize(probe),
            None => Err(stop()),
        }
    }
}

/// A list with one element.
struct Element<'p>(Option<Probe<'p>>);

impl<'de> SeqAccess<'de> for Element<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        match self.0.take() {
            Some(probe) => seed.deserialize(probe).map(Some),
            None => Err(stop()),
        }
    }
}

/// A command without fields: for moves that need nothing but the version.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
pub struct Nothing {}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

#[cfg(test)]
mod tests {
    use domicile_kernel::Money;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Inner {
        low_hours: Option<i64>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Outer {
        name: Option<String>,
        price: Option<Money>,
        inner: Option<Inner>,
        many: Option<Vec<Inner>>,
        words: Vec<String>,
        free: Option<serde_json::Map<String, serde_json::Value>>,
    }

    #[test]
    fn a_type_tells_its_fields_and_those_within() {
        let inner = Shape::Fields(vec![("low_hours", Shape::Leaf)]);
        let expected = Shape::Fields(vec![
            ("name", Shape::Leaf),
            ("price", Shape::Leaf),
            ("inner", inner.clone()),
            ("many", Shape::List(Box::new(inner))),
            ("words", Shape::List(Box::new(Shape::Leaf))),
            ("free", Shape::Leaf),
        ]);
        assert_eq!(*of::<Outer>(), expected);
        assert_eq!(*of::<Nothing>(), Shape::Fields(Vec::new()));
        assert_eq!(*of::<serde_json::Value>(), Shape::Leaf);
    }
}
