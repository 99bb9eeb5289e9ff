//! Lists (W8): page or cursor, limit, sort and filters out of a query, with the same care for unknown names and
//! spellings as bodies get. A use case sees a kernel `Page`, never a version.

mod cursor;
mod words;

use std::any::Any;

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use domicile_kernel::{
    Cursor, FieldError, FieldErrors, Page, Position,
    page::{DEFAULT_LIMIT, MAX_LIMIT},
};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;
use serde_json::json;

pub use self::cursor::KeyKind;
use crate::{error::ApiError, facts::Facts, present::Pagination, version::Version};

/// A field a list can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortField {
    /// Its name, on the wire and in the port.
    pub name: &'static str,
    /// What its values are, so that a forged cursor is found here and not by the database.
    pub key: KeyKind,
}

impl SortField {
    /// A field with values of a kind.
    #[must_use]
    pub const fn new(name: &'static str, key: KeyKind) -> Self {
        Self { name, key }
    }
}

/// What a list can be filtered and sorted by. Every field of the type is optional.
pub trait Filters: DeserializeOwned + Any {
    /// The fields it can be sorted by.
    const SORTS: &'static [SortField];
    /// The order when nobody says: a field of `SORTS`, and whether the largest comes first.
    const DEFAULT: (&'static str, bool);
}

/// What a query asks of a list.
#[derive(Debug)]
pub struct Listing<F> {
    /// Which rows.
    pub filters: F,
    /// Which part, in which order.
    pub page: Page,
    /// The query in one spelling, for cache keys.
    pub(crate) canonical: String,
}

impl<F> Listing<F> {
    /// Where the list stands after this page.
    pub(crate) fn pagination(&self, total: Option<u64>, next: Option<&Cursor>) -> Pagination {
        let limit = self.page.limit;
        match self.page.position {
            Position::Number(page) => {
                let total = total.unwrap_or_default();
                Pagination::Numbered { page, limit, total, total_pages: total.div_ceil(u64::from(limit.max(1))) }
            }
            Position::After(_) => Pagination::Cursor {
                limit,
                next_cursor: next.map(|next| cursor::write(next, self.page.sort, self.page.descending)),
                has_more: next.is_some(),
            },
        }
    }
}

impl<F: Filters> FromRequest for Listing<F> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let by_cursor = Facts::of(request).is_some_and(|facts| facts.version == Version::V2);
        ready(read::<F>(request.query_string(), by_cursor).map_err(Into::into))
    }
}

/// What stands in the query of an operation that is no list. Every field of the type is optional.
#[derive(Debug)]
pub(crate) struct Query<F>(pub(crate) F);

impl<F: DeserializeOwned + Any> FromRequest for Query<F> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(single(request.query_string()).map_err(Into::into))
    }
}

fn single<F: DeserializeOwned + Any>(query: &str) -> Result<Query<F>, ApiError> {
    let mut errors = Vec::new();
    let mut once: Vec<(String, String)> = Vec::new();
    for (name, value) in pairs(query)? {
        if once.iter().any(|(taken, _)| *taken == name) {
            errors.push(wrong(&name, "repeated", json!({}), format!("{name} is given twice")));
        } else {
            once.push((name, value));
        }
    }
    match words::read::<F>(once, &mut errors) {
        Some((found, _words)) if errors.is_empty() => Ok(Query(found)),
        _ => Err(FieldErrors(errors).into()),
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query);
    Ok(pairs.map_err(|_unreadable| ApiError::invalid_input("The query cannot be read"))?.into_inner())
}

fn wrong(field: &str, rule: &'static str, params: serde_json::Value, message: impl Into<String>) -> FieldError {
    FieldError { field: field.to_owned(), rule, params, message: message.into() }
}

/// Reads a query. `by_cursor`: the version walks lists by cursor instead of by number.
pub(crate) fn read<F: Filters>(query: &str, by_cursor: bool) -> Result<Listing<F>, ApiError> {
    let mut errors = Vec::new();
    let mut number = 1;
    let mut limit = DEFAULT_LIMIT;
    let mut sent_cursor = None;
    let mut order = F::DEFAULT;
    let mut rest: Vec<(String, String)> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in pairs(query)? {
        if seen.contains(&name) {
            errors.push(wrong(&name, "repeated", json!({}), format!("{name} is given twice")));
            continue;
        }
        seen.push(name.clone());
        match name.as_str() {
            "limit" => match value.parse::<u32>().ok().filter(|n| (1..=MAX_LIMIT).contains(n)) {
                Some(n) => limit = n,
                None => errors.push(wrong(
                    "limit",
                    "range",
                    json!({ "min": 1, "max": MAX_LIMIT }),
                    format!("limit must be between 1 and {MAX_LIMIT}"),
                )),
            },
            "page" if by_cursor => {
                let message = "Lists of this version are walked by cursor: send the next_cursor of the page before";
                errors.push(wrong("page", "unknown", json!({}), message));
            }
            "page" => match value.parse::<u32>().ok().filter(|n| *n >= 1) {
                Some(n) => number = n,
                None => {
                    errors.push(wrong("page", "range", json!({ "min": 1 }), "page must be a whole number from 1"));
                }
            },
            "cursor" if by_cursor => sent_cursor = (!value.is_empty()).then_some(value),
            "sort" => match sort_of::<F>(&value) {
                Some(found) => order = found,
                None => errors.push(unknown_sort::<F>()),
            },
            _ => rest.push((name, value)),
        }
    }
    let filters = words::read::<F>(rest, &mut errors);
    let Some((filters, asked)) = filters.filter(|_| errors.is_empty()) else { return Err(FieldErrors(errors).into()) };
    let (sort, descending) = order;
    let position = match (by_cursor, sent_cursor) {
        (false, _) => Position::Number(number),
        (true, None) => Position::After(None),
        (true, Some(text)) => {
            let key = F::SORTS.iter().find(|field| field.name == sort).map_or(KeyKind::Text, |field| field.key);
            Position::After(Some(cursor::read(&text, sort, descending, key)?))
        }
    };
    let canonical = format!("{asked:?}|{sort}|{descending}|{limit}|{position:?}");
    Ok(Listing { filters, page: Page { position, limit, sort, descending }, canonical })
}

fn sort_of<F: Filters>(text: &str) -> Option<(&'static str, bool)> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    F::SORTS.iter().find(|field| field.name == name).map(|field| (field.name, descending))
}

fn unknown_sort<F: Filters>() -> FieldError {
    let names: Vec<_> = F::SORTS.iter().map(|field| field.name).collect();
    let message = format!("sort must be one of: {} (with - in front for the largest first)", names.join(", "));
    wrong("sort", "one_of", json!({ "values": names }), message)
}

#[cfg(test)]
mod tests {
    use domicile_kernel::{Code, Detail};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Rooms {
        room_type: Option<String>,
        floor: Option<i64>,
        available: Option<bool>,
    }

    impl Filters for Rooms {
        const SORTS: &'static [SortField] =
            &[SortField::new("created_at", KeyKind::Whole), SortField::new("name", KeyKind::Text)];
        const DEFAULT: (&'static str, bool) = ("created_at", true);
    }

    fn fields(query: &str) -> Vec<(String, &'static str)> {
        let error = read::<Rooms>(query, false).unwrap_err();
        let Detail::Fields(errors) = error.detail() else { panic!("{error:?}") };
        errors.0.iter().map(|error| (error.field.clone(), error.rule)).collect()
    }

    #[test]
    fn a_query_becomes_a_page_and_filters() {
        let listing =
            read::<Rooms>("roomType=single&floor=-2&available=true&page=3&limit=5&sort=-name", false).unwrap();
        let expected = Rooms { room_type: Some("single".into()), floor: Some(-2), available: Some(true) };
        assert_eq!(listing.filters, expected);
        assert_eq!(listing.page, Page { position: Position::Number(3), limit: 5, sort: "name", descending: true });
        let plain = read::<Rooms>("", false).unwrap();
        assert_eq!(plain.page, Page::first("created_at", true));
        assert_eq!(plain.filters, Rooms::default());
    }

    #[test]
    fn everything_wrong_with_a_query_is_told_at_once() {
        let found = fields("limit=0&page=x&sort=secret&colour=red&floor=high&available=maybe");
        let mut names: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["available", "colour", "floor", "limit", "page", "sort"]);
        assert_eq!(fields("limit=101"), [("limit".to_owned(), "range")]);
        assert_eq!(fields("version=5"), [("version".to_owned(), "unknown")]);
        assert_eq!(fields("floor=1&floor=2"), [("floor".to_owned(), "repeated")]);
        assert_eq!(fields("room_type=a&roomType=b"), [("roomType".to_owned(), "repeated")]);
        assert_eq!(fields("cursor=abc"), [("cursor".to_owned(), "unknown")]);
        assert_eq!(fields("room_type=%00"), [("room_type".to_owned(), "characters")]);
    }

    #[test]
    fn a_cursor_walks_and_a_forged_one_is_refused() {
        let first = read::<Rooms>("limit=5", true).unwrap();
        assert_eq!(first.page.position, Position::After(None));
        let next = Cursor { key: "17".into(), id: uuid::Uuid::from_u128(9) };
        let Pagination::Cursor { next_cursor: Some(text), .. } = first.pagination(None, Some(&next)) else {
            panic!("no cursor")
        };
        let second = read::<Rooms>(&format!("limit=5&cursor={text}"), true).unwrap();
        assert_eq!(second.page.position, Position::After(Some(next.clone())));
        // The cursor of another order is as wrong as garbage, and so is a key that is no number.
        let other = cursor::write(&Cursor { key: "x".into(), ..next }, "created_at", true);
        for query in [
            format!("sort=name&cursor={text}"),
            format!("cursor={other}"),
            "cursor=garbage!".into(),
            "cursor=e30".into(),
        ] {
            assert_eq!(read::<Rooms>(&query, true).unwrap_err().code(), Code::InvalidInput, "{query}");
        }
        assert_eq!(read::<Rooms>("page=2", true).unwrap_err().code(), Code::ValidationError);
    }

    #[test]
    fn the_same_question_in_another_order_has_the_same_key() {
        let one = read::<Rooms>("floor=1&room_type=a", false).unwrap();
        let two = read::<Rooms>("roomType=a&floor=1&page=1", false).unwrap();
        assert_eq!(one.canonical, two.canonical);
        assert_ne!(one.canonical, read::<Rooms>("room_type=a&floor=1", true).unwrap().canonical);
    }
}
