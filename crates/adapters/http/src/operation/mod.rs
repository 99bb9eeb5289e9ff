//! The shape of the operations table: one row says everything the layers need to know about an operation. Routes are
//! made from it, so an operation without a row cannot exist.

mod classes;

use std::collections::BTreeMap;

use actix_web::{Route, http::Method};
use domicile_kernel::{Code, Feature, Permission};
use serde_json::Value;
use utoipa::ToSchema;

pub use self::classes::{Access, BodyKind, CacheClass, IfMatch, LimitClass, Mount};
use crate::{
    list::{Filters, SortField},
    segment,
};

/// The body limit of an operation that names no other: 1 MiB.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Registers a schema and everything it refers to; answers the reference to it.
pub type SchemaOf = fn(&mut BTreeMap<String, Value>) -> Value;

/// One row of the table.
#[derive(Clone)]
pub struct Operation {
    /// Unique and stable, `context.verb`: logs, metrics and documentation call it so.
    pub id: &'static str,
    /// The canonical method.
    pub method: Method,
    /// Methods that mean the same (W15).
    pub also_methods: Vec<Method>,
    /// The path without `/api`; what stands in braces is matched as the table in `segment` has it.
    pub path: &'static str,
    /// Where the path hangs.
    pub mount: Mount,
    /// One line for the documentation.
    pub summary: &'static str,
    /// More for the documentation, where one line does not do; Markdown.
    pub about: Option<&'static str>,
    /// The chapter of the documentation.
    pub tag: &'static str,
    /// Who may ask at all.
    pub access: Access,
    /// Any one of these is needed; empty: being let in is enough. The use case asks again, in its own words.
    pub permissions: &'static [Permission],
    /// The feature that must be on (J12).
    pub feature: Option<Feature>,
    /// Which quota it counts against.
    pub limit: LimitClass,
    /// Whether the caller must say which version they saw.
    pub if_match: IfMatch,
    /// Whether an `Idempotency-Key` is honoured (W9).
    pub idempotent: bool,
    /// How the answer is kept.
    pub cache: CacheClass,
    /// How a body is read.
    pub body: BodyKind,
    /// The most bytes of a body.
    pub body_limit: usize,
    /// The status of success.
    pub success: u16,
    /// Another status of success, for what is begun and not done yet.
    pub also_success: Option<u16>,
    /// Refusals of its own, beside those that the rest of the row says.
    pub refusals: &'static [Code],
    /// Whether the answer stands bare, without envelope and version (W13).
    pub bare: bool,
    /// The media type of a bare answer that is no JSON.
    pub media_type: Option<&'static str>,
    /// Whether the answer is a list.
    pub list: bool,
    /// What comes in.
    pub request: Option<SchemaOf>,
    /// What goes out.
    pub response: Option<SchemaOf>,
    /// The filters and the sort fields of a list.
    pub filters: Option<(SchemaOf, &'static [SortField])>,
    /// What may stand in the query of what is no list.
    pub query: Option<SchemaOf>,
    /// Makes the route to the handler.
    pub route: fn() -> Route,
}

impl Operation {
    /// A row with the usual answers: a signed-in caller in a hostel, no version, no key, 1 MiB, 200 (201 for POST).
    fn new(
        method: Method,
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self {
            id,
            method,
            also_methods: Vec::new(),
            path,
            mount: Mount::Api,
            summary,
            about: None,
            tag,
            access: Access::Hostel,
            permissions: &[],
            feature: None,
            limit: LimitClass::General,
            if_match: IfMatch::None,
            idempotent: false,
            cache: CacheClass::None,
            body: BodyKind::Json,
            body_limit: BODY_LIMIT,
            success: 200,
            also_success: None,
            refusals: &[],
            bare: false,
            media_type: None,
            list: false,
            request: None,
            response: None,
            filters: None,
            query: None,
            route,
        }
    }

    /// Asking for something.
    pub fn get(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self::new(Method::GET, id, path, tag, summary, route)
    }

    /// Doing something that is no record of its own.
    pub fn post(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self::new(Method::POST, id, path, tag, summary, route)
    }

    /// Making a record: 201, and a repeated key makes no second one.
    pub fn create(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self { success: 201, idempotent: true, ..Self::new(Method::POST, id, path, tag, summary, route) }
    }

    /// Changing a record; PATCH means the same, since absent fields stay.
    pub fn put(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self { also_methods: vec![Method::PATCH], ..Self::new(Method::PUT, id, path, tag, summary, route) }
    }

    /// Moving a record to another state: PUT, POST and PATCH alike (W15).
    pub fn moves(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self {
            also_methods: vec![Method::POST, Method::PATCH],
            idempotent: true,
            ..Self::new(Method::PUT, id, path, tag, summary, route)
        }
    }

    /// Taking something away.
    pub fn delete(
        id: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
        route: fn() -> Route,
    ) -> Self {
        Self::new(Method::DELETE, id, path, tag, summary, route)
    }

    /// Who may ask at all.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Any one of these permissions is needed.
    #[must_use]
    pub fn needs(mut self, permissions: &'static [Permission]) -> Self {
        self.permissions = permissions;
        self
    }

    /// The feature that must be on.
    #[must_use]
    pub fn gated(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Which quota it counts against.
    #[must_use]
    pub fn limited(mut self, limit: LimitClass) -> Self {
        self.limit = limit;
        self
    }

    /// The caller must say which version they saw.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        self.if_match = IfMatch::Required;
        self
    }

    /// A repeated `Idempotency-Key` does nothing a second time.
    #[must_use]
    pub fn keyed(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The body is not read as JSON, and holds at most so many bytes.
    #[must_use]
    pub fn reads(mut self, body: BodyKind, limit: usize) -> Self {
        self.body = body;
        self.body_limit = limit;
        self
    }

    /// Another status of success.
    #[must_use]
    pub fn or_status(mut self, status: u16) -> Self {
        self.also_success = Some(status);
        self
    }

    /// Refusals of its own, for the documentation.
    #[must_use]
    pub fn refuses(mut self, codes: &'static [Code]) -> Self {
        self.refusals = codes;
        self
    }

    /// The answer is a file or a page of this media type: it stands bare, its refusals do not.
    #[must_use]
    pub fn sends(mut self, media_type: &'static str) -> Self {
        self.bare = true;
        self.media_type = Some(media_type);
        self
    }

    /// More for the documentation than its one line.
    #[must_use]
    pub fn explained(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// What comes in.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(schema_of::<T>);
        self
    }

    /// What may stand in the query.
    #[must_use]
    pub fn asks<T: ToSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// What goes out.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self) -> Self {
        self.response = Some(schema_of::<T>);
        self
    }

    /// All of these go out, unpaged.
    #[must_use]
    pub fn answers_many<T: ToSchema>(mut self) -> Self {
        self.list = true;
        self.answers::<T>()
    }

    /// A page of these goes out, filtered and sorted by `F`.
    #[must_use]
    pub fn lists<T: ToSchema, F: Filters + ToSchema>(mut self) -> Self {
        self.list = true;
        self.filters = Some((schema_of::<F>, F::SORTS));
        self.answers::<T>()
    }

    /// The answer is kept.
    #[must_use]
    pub fn cached(mut self, cache: CacheClass) -> Self {
        self.cache = cache;
        self
    }

    /// The status of success.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.success = status;
        self
    }

    /// Public, bare and uncounted: health, documentation, the name at the root.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.access = Access::Public;
        self.limit = LimitClass::Exempt;
        self.bare = true;
        self
    }

    /// Hangs at the root, not under `/api`.
    #[must_use]
    pub fn at_root(mut self) -> Self {
        self.mount = Mount::Root;
        self
    }

    /// All methods that reach it; a GET is also a HEAD.
    pub fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        let head = (self.method == Method::GET).then_some(Method::HEAD);
        std::iter::once(self.method.clone()).chain(head).chain(self.also_methods.iter().cloned())
    }

    /// The whole path as a client without a version writes it.
    #[must_use]
    pub fn full_path(&self) -> String {
        match self.mount {
            Mount::Api => format!("/api{}", self.path),
            Mount::Root => self.path.to_owned(),
        }
    }

    /// The path as actix matches it.
    pub(crate) fn pattern(&self) -> String {
        segment::pattern(&self.full_path())
    }
}

fn schema_of<T: ToSchema>(known: &mut BTreeMap<String, Value>) -> Value {
    let name = T::name().into_owned();
    let mut nested = vec![(name.clone(), T::schema())];
    T::schemas(&mut nested);
    for (name, schema) in nested {
        known.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or(Value::Null));
    }
    serde_json::json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Refuses a table in which two rows share an id, or a method and a path.
pub fn assert_sound(table: &[Operation]) -> Result<(), String> {
    let mut ids = std::collections::HashSet::new();
    let mut routes = std::collections::HashSet::new();
    for row in table {
        if !ids.insert(row.id) {
            return Err(format!("two operations are called {}", row.id));
        }
        for method in row.methods() {
            let route = (method.clone(), row.full_path());
            if !routes.insert(route) {
                return Err(format!("two operations answer {method} {}", row.full_path()));
            }
        }
    }
    Ok(())
}
