//! Bodies: read under a limit, parsed once, and handed to commands field by field. Whatever comes in, the answer is a
//! refusal that names what is wrong, never a fault of ours (W11).

mod normalise;
mod shape;

use std::{any::Any, rc::Rc, time::Duration};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
    web,
};
use bytes::Bytes;
use domicile_kernel::Code;
use futures_util::{
    StreamExt as _,
    future::{Ready, ready},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use self::normalise::camel;
pub use self::shape::Nothing;
use crate::error::{ApiError, field};

/// The names of the fields that a type declares.
pub(crate) fn declared<T: DeserializeOwned + Any>() -> Vec<&'static str> {
    match shape::of::<T>().as_ref() {
        shape::Shape::Fields(fields) => fields.iter().map(|(name, _)| *name).collect(),
        shape::Shape::Leaf | shape::Shape::List(_) => Vec::new(),
    }
}

/// What came in the body: an object, and the version that stood in it (W7).
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Incoming {
    pub(crate) fields: Value,
    pub(crate) version: Option<i64>,
    /// The body in canonical form: what the fingerprint of an idempotency key is made of.
    pub(crate) canonical: String,
}

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body under a limit. The limit holds for what arrives, whatever was announced.
pub(crate) async fn receive(headers: &HeaderMap, mut payload: Payload, limit: usize) -> Result<Vec<u8>, ApiError> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    let reading = async {
        let mut body = Vec::with_capacity(announced.unwrap_or_default().min(limit));
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_broken| ApiError::invalid_input("The body ended before it was complete"))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let late = |_elapsed| ApiError::invalid_input("The body took too long to arrive");
    tokio::time::timeout(PATIENCE, reading).await.map_err(late)?
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(Code::PayloadTooLarge, format!("The body is larger than the {limit} bytes that are taken here"))
}

/// Parses a body. Nothing at all is an empty object: a move needs no body.
pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Incoming, ApiError> {
    let typed = headers.contains_key(header::CONTENT_TYPE);
    if typed && !is_json(headers) || !typed && !body.is_empty() {
        let message = "Send the body as JSON, with Content-Type: application/json";
        return Err(ApiError::new(Code::UnsupportedMediaType, message));
    }
    if body.is_empty() {
        return Ok(Incoming { fields: Value::Object(Map::new()), version: None, canonical: String::new() });
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let canonical = canonical(&value);
    let Value::Object(mut fields) = value else {
        return Err(field("body", "type", "The body must be a JSON object"));
    };
    let version = match fields.remove("version") {
        None | Some(Value::Null) => None,
        Some(sent) => match sent.as_i64().filter(|version| *version >= 0) {
            Some(version) => Some(version),
            None => return Err(field("version", "type", "version must be a whole number from 0")),
        },
    };
    Ok(Incoming { fields: Value::Object(fields), version, canonical })
}

/// A body that was not read, byte by byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawBytes(pub(crate) Bytes);

impl RawBytes {
    /// Reads it as the form of a page. Fields that are not known are left alone; one that is there twice is none.
    pub(crate) fn form<F: DeserializeOwned>(&self) -> Option<F> {
        let text = std::str::from_utf8(&self.0).ok()?;
        Some(web::Query::<F>::from_query(text).ok()?.into_inner())
    }
}

impl FromRequest for RawBytes {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| ApiError::internal("the body was read as JSON").into()))
    }
}

/// Refuses what is not the form of a page.
pub(crate) fn expect_form(headers: &HeaderMap) -> Result<(), ApiError> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    let message = "Send the form as application/x-www-form-urlencoded";
    Err(ApiError::new(Code::UnsupportedMediaType, message))
}

/// JSON by any of its names; a charset other than UTF-8 is another type.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json");
    let utf8 = parts.all(|parameter| {
        let parameter = parameter.to_ascii_lowercase();
        parameter.strip_prefix("charset=").is_none_or(|name| matches!(name.trim_matches('"'), "utf-8" | "utf8"))
    });
    json && utf8
}

fn malformed(error: &serde_json::Error) -> ApiError {
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or("it ends too early").to_owned();
    let (line, column) = (error.line(), error.column());
    ApiError::invalid_input(format!("The body is not valid JSON: {what} (line {line}, column {column})"))
        .with(domicile_kernel::Detail::Data(serde_json::json!({ "line": line, "column": column })))
}

/// The same JSON in one spelling: keys sorted, no spaces.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        leaf => leaf.to_string(),
    }
}

/// The command in a body.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Any> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let incoming = request.extensions().get::<Rc<Incoming>>().cloned().unwrap_or_default();
        ready(normalise::read::<T>(&incoming.fields).map(Body).map_err(|errors| ApiError::from(errors).into()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn typed(kind: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers
    }

    fn code(body: &[u8]) -> Code {
        parse(&typed("application/json"), body).unwrap_err().code()
    }

    #[test]
    fn a_body_that_is_no_json_is_refused_with_its_position() {
        let bomb = "[".repeat(10_000);
        let deep = format!("{{\"a\":{}{}}}", "{\"a\":".repeat(10_000), "1");
        let corpus: &[&[u8]] = &[
            b"{",
            b"{\"a\":}",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"nonsense",
            b"{\"a\":1} trailing",
            b"{\"a\":\"\xff\xfe\"}",
            b"\xff\xfe\x00",
            b"{\"a\":1e400}",
            b"{\"a\":NaN}",
            b"{\"a\":\"\\ud800\"}",
            bomb.as_bytes(),
            deep.as_bytes(),
            b"\0",
        ];
        for body in corpus {
            let error = parse(&typed("application/json"), body).unwrap_err();
            assert_eq!(error.code(), Code::InvalidInput, "{:?}", String::from_utf8_lossy(body));
            assert!(error.message().contains("line 1"), "{}", error.message());
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_a_field_error() {
        for body in [&b"[]"[..], b"1", b"\"x\"", b"null", b"true"] {
            assert_eq!(code(body), Code::ValidationError);
        }
    }

    #[test]
    fn only_json_is_read_and_an_absent_body_is_an_empty_object() {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "json"] {
            assert_eq!(parse(&typed(kind), b"{}").unwrap_err().code(), Code::UnsupportedMediaType, "{kind}");
        }
        assert_eq!(parse(&HeaderMap::new(), b"{}").unwrap_err().code(), Code::UnsupportedMediaType);
        for kind in ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"] {
            assert!(parse(&typed(kind), b"{}").is_ok(), "{kind}");
        }
        assert_eq!(parse(&HeaderMap::new(), b"").unwrap().fields, Value::Object(Map::new()));
    }

    #[test]
    fn the_version_is_taken_out_of_the_body() {
        let incoming = parse(&typed("application/json"), br#"{"status":"approved","version":5}"#).unwrap();
        assert_eq!(incoming.version, Some(5));
        assert!(incoming.fields.get("version").is_none());
        for bad in [&br#"{"version":"5"}"#[..], br#"{"version":-1}"#, br#"{"version":1.5}"#, br#"{"version":[]}"#] {
            assert_eq!(code(bad), Code::ValidationError);
        }
    }

    #[test]
    fn a_field_of_a_form_is_decoded_and_there_once() {
        #[derive(serde::Deserialize)]
        struct Form {
            action: String,
        }
        let read = |form: &'static [u8]| RawBytes(Bytes::from_static(form)).form::<Form>().map(|form| form.action);
        assert_eq!(read(b"action=pay_twice&x=1").as_deref(), Some("pay_twice"));
        assert_eq!(read(b"action=let+it%20hang").as_deref(), Some("let it hang"));
        for form in [&b""[..], b"x=1", b"action=pay&action=decline", b"\xff\xfe", b"actions=pay"] {
            assert_eq!(read(form), None, "{}", String::from_utf8_lossy(form));
        }
        assert!(expect_form(&typed("application/x-www-form-urlencoded; charset=utf-8")).is_ok());
        for kind in ["application/json", "multipart/form-data", "text/plain"] {
            assert_eq!(expect_form(&typed(kind)).unwrap_err().code(), Code::UnsupportedMediaType, "{kind}");
        }
    }

    #[test]
    fn the_canonical_form_knows_no_order_and_no_spaces() {
        let one = parse(&typed("application/json"), br#"{"b":[1,{"d":1,"c":2}],"a":"x"}"#).unwrap();
        let two = parse(&typed("application/json"), b"{ \"a\": \"x\",\n \"b\": [1, {\"c\": 2, \"d\": 1}] }").unwrap();
        assert_eq!(one.canonical, two.canonical);
        assert_eq!(one.canonical, r#"{"a":"x","b":[1,{"c":2,"d":1}]}"#);
    }

    #[actix_web::test]
    async fn the_limit_counts_what_arrives() {
        use actix_web::error::PayloadError;
        let chunk = || Ok::<_, PayloadError>(bytes::Bytes::from_static(&[b' '; 10]));
        let chunks = futures_util::stream::iter((0..5).map(move |_| chunk()));
        let chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = _>>> = Box::pin(chunks);
        let payload = Payload::Stream { payload: chunks };
        let error = receive(&HeaderMap::new(), payload, 49).await.unwrap_err();
        assert_eq!(error.code(), Code::PayloadTooLarge);
    }
}
