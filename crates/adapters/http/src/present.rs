//! How answers and refusals look in each version (W2). Nothing else in this crate knows a version's shape.
//!
//! | | v0, deprecated | v1, stable | v2, current |
//! | --- | --- | --- | --- |
//! | success | the bare data | envelope | `{data, pagination}` |
//! | refusal | as v1 | envelope | `application/problem+json` (RFC 9457) |
//! | DELETE | 200, `null` | 200, envelope | 204 |
//! | list | numbered, total in `X-Total-Count` | numbered | by cursor |

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use domicile_kernel::{Code, Detail, FieldError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{error::ApiError, facts::Facts, version::Version};

/// Where a list stands: numbered, or by cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Pagination {
    /// For v0 and v1.
    Numbered {
        /// From 1.
        page: u32,
        /// At most this many rows a page.
        limit: u32,
        /// Rows of the whole list.
        total: u64,
        /// Pages of the whole list.
        total_pages: u64,
    },
    /// For v2.
    Cursor {
        /// At most this many rows a page.
        limit: u32,
        /// What to send as `cursor` for the next page; null at the end.
        next_cursor: Option<String>,
        /// Whether there is a next page.
        has_more: bool,
    },
}

/// A pagination as it is written: once for each list that is kept, not once for each answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The member of the envelope.
    pub(crate) json: Bytes,
    /// Rows of the whole list, where lists are numbered: v0 tells it in a header.
    pub(crate) total: Option<u64>,
}

impl Standing {
    /// Writes it.
    pub(crate) fn of(pagination: &Pagination) -> serde_json::Result<Self> {
        let total = match pagination {
            Pagination::Numbered { total, .. } => Some(*total),
            Pagination::Cursor { .. } => None,
        };
        Ok(Self { json: serde_json::to_vec(pagination)?.into(), total })
    }
}

/// What a successful handler has to say.
pub(crate) struct Success {
    pub(crate) status: StatusCode,
    /// The serialised data: the same bytes for every version.
    pub(crate) data: Bytes,
    pub(crate) standing: Option<Standing>,
    pub(crate) message: Option<&'static str>,
    /// Something was taken away and there is nothing to show.
    pub(crate) gone: bool,
}

/// Writes a success as the version has it.
pub(crate) fn success(said: Success, facts: &Facts) -> HttpResponse<BoxBody> {
    if said.gone && facts.version == Version::V2 {
        return HttpResponse::new(StatusCode::NO_CONTENT);
    }
    let mut response = HttpResponse::build(said.status);
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(JSON)));
    let pagination = said.standing.as_ref().map(|standing| &standing.json[..]);
    let body = match facts.version {
        Version::V0 => {
            if let Some(total) = said.standing.as_ref().and_then(|standing| standing.total) {
                response.insert_header((HeaderName::from_static("x-total-count"), HeaderValue::from(total)));
            }
            BoxBody::new(said.data)
        }
        Version::V1 => {
            let mut tail = Vec::with_capacity(192 + pagination.map_or(0, <[u8]>::len));
            if let Some(message) = said.message {
                tail.extend_from_slice(br#","message":"#);
                // Writing into memory does not fail, nor is there a text that JSON could not say.
                let _ = serde_json::to_writer(&mut tail, message);
            }
            member(&mut tail, br#","pagination":"#, pagination);
            // Neither an instant nor a request id (letters, digits, `-_.:`) holds anything to escape.
            let (now, request_id) = (facts.clock.now(), facts.request_id.as_str());
            let _ = write!(tail, r#","timestamp":"{now}","request_id":"{request_id}"}}"#);
            around(br#"{"success":true,"data":"#, said.data, tail)
        }
        Version::V2 => {
            let mut tail = Vec::with_capacity(16 + pagination.map_or(0, <[u8]>::len));
            member(&mut tail, br#","pagination":"#, pagination);
            tail.push(b'}');
            around(br#"{"data":"#, said.data, tail)
        }
    };
    response.body(body)
}

/// Writes one more member of an object, if there is one.
fn member(body: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    if let Some(value) = value {
        body.extend_from_slice(name);
        body.extend_from_slice(value);
    }
}

/// From this size on, data goes to the socket as it is kept. Below, three pieces cost more than a copy.
const SHARED_FROM: usize = 4 * 1024;

/// The envelope around data.
fn around(head: &'static [u8], data: Bytes, tail: Vec<u8>) -> BoxBody {
    if data.len() >= SHARED_FROM {
        let size = (head.len() + data.len() + tail.len()) as u64;
        return BoxBody::new(Pieces { size, left: [Bytes::from_static(head), data, tail.into()].into_iter() });
    }
    let mut body = Vec::with_capacity(head.len() + data.len() + tail.len());
    body.extend_from_slice(head);
    body.extend_from_slice(&data);
    body.extend_from_slice(&tail);
    BoxBody::new(body)
}

/// A body in pieces of known length: what is shared among answers is not copied into each.
struct Pieces {
    size: u64,
    left: std::array::IntoIter<Bytes, 3>,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(self.get_mut().left.next().map(Ok))
    }
}

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

#[derive(Serialize)]
struct WireField<'a> {
    field: &'a str,
    message: &'a str,
    /// The same text under the name that two of the documents print (W14).
    msg: &'a str,
    rule: &'a str,
    params: &'a Value,
}

impl<'a> From<&'a FieldError> for WireField<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self {
            field: &error.field,
            message: &error.message,
            msg: &error.message,
            rule: error.rule,
            params: &error.params,
        }
    }
}

#[derive(Serialize)]
struct WireRefusal<'a> {
    success: bool,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<WireField<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    timestamp: domicile_kernel::Instant,
    request_id: &'a str,
}

#[derive(Serialize)]
struct WireProblem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<WireField<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    request_id: &'a str,
}

/// The body of a refusal, its content type, and the headers that go with it.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

/// Writes a refusal as the version has it.
pub(crate) fn refusal(error: &ApiError, facts: &Facts) -> Refusal {
    let status = error.status();
    let errors = match error.detail() {
        Detail::Fields(errors) => Some(errors.0.iter().map(WireField::from).collect()),
        _ => None,
    };
    let data = data_of(error.detail());
    let code = error.code().as_str();
    let request_id = facts.request_id.as_str();
    let (content_type, body) = match facts.version {
        Version::V0 | Version::V1 => {
            let timestamp = facts.clock.now();
            let message = error.message();
            let wire = WireRefusal { success: false, code, message, errors, data, timestamp, request_id };
            (JSON, serde_json::to_vec(&wire))
        }
        Version::V2 => {
            let wire = WireProblem {
                kind: format!("/docs/errors#{}", code.to_ascii_lowercase().replace('_', "-")),
                title: status.canonical_reason().unwrap_or("Error"),
                status: status.as_u16(),
                detail: error.message(),
                instance: crate::front::short(&facts.path),
                code,
                errors,
                data,
                request_id,
            };
            (PROBLEM, serde_json::to_vec(&wire))
        }
    };
    let mut headers = Vec::new();
    let wait = match error.detail() {
        Detail::RetryAfter(seconds) => Some(u64::from(*seconds)),
        Detail::Data(data) if error.code() == Code::RateLimitExceeded => data["retry_after"].as_u64(),
        _ => None,
    };
    if let Some(seconds) = wait {
        headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"domicile\"")));
    }
    if status == StatusCode::UPGRADE_REQUIRED {
        // RFC 9110 section 15.5.22 and RFC 6455 section 4.4: what is spoken here, and in which version.
        headers.push((header::UPGRADE, HeaderValue::from_static("websocket")));
        headers.push((header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
    }
    if let Some(allow) = error.allow().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.push((header::ALLOW, allow));
    }
    Refusal {
        status,
        content_type: HeaderValue::from_static(content_type),
        headers,
        body: body.unwrap_or_default().into(),
    }
}

fn data_of(detail: &Detail) -> Option<Value> {
    match detail {
        Detail::None | Detail::Fields(_) => None,
        Detail::Permission { required, role } => Some(json!({ "required_permission": required, "your_role": role })),
        Detail::Feature(key) => Some(json!({ "feature": key })),
        Detail::State(status) => Some(json!({ "current_status": status })),
        Detail::Version { current, yours, latest } => {
            Some(json!({ "current_version": current, "your_version": yours, "latest_data": latest }))
        }
        Detail::RetryAfter(seconds) => Some(json!({ "retry_after": seconds })),
        Detail::Data(data) => Some(data.clone()),
    }
}

/// Tells that v0 ends (RFC 8594 and the printed warning).
pub(crate) fn deprecation(facts: &Facts, headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("deprecation"), HeaderValue::from_static("true"));
    let seconds = u64::try_from(facts.sunset.seconds()).unwrap_or_default();
    let sunset = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    if let Ok(value) = HeaderValue::from_str(&header::HttpDate::from(sunset).to_string()) {
        headers.insert(HeaderName::from_static("sunset"), value);
    }
    headers.insert(header::LINK, HeaderValue::from_static("</docs>; rel=\"deprecation\"; type=\"text/html\""));
    headers.insert(
        header::WARNING,
        HeaderValue::from_static("299 - \"API v0 is deprecated. Please migrate to v1 or v2.\""),
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::{body::to_bytes, http::Method};
    use domicile_kernel::{FieldErrors, RequestId, ports::fixed::FixedClock};
    use futures_util::FutureExt as _;

    use super::*;

    fn facts(version: Version) -> Facts {
        let clock: Arc<FixedClock> = FixedClock::at("2026-01-20T10:30:00Z");
        Facts {
            version,
            in_path: false,
            request_id: RequestId::accept("req_1").unwrap(),
            method: Method::GET,
            path: "/api/rooms".to_owned(),
            ip: None,
            sunset: "2027-01-20T00:00:00Z".parse().unwrap(),
            clock,
        }
    }

    fn ok(gone: bool) -> Success {
        let page = Pagination::Numbered { page: 1, limit: 20, total: 1, total_pages: 1 };
        Success {
            status: StatusCode::OK,
            data: Bytes::from_static(br#"[{"id":1}]"#),
            standing: Some(Standing::of(&page).unwrap()),
            message: Some("Done"),
            gone,
        }
    }

    fn text(response: HttpResponse) -> String {
        let bytes = to_bytes(response.into_body()).now_or_never().unwrap().map_err(|_broken| "body").unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_stable_version_wraps_data_in_the_printed_envelope() {
        assert_eq!(
            text(success(ok(false), &facts(Version::V1))),
            r#"{"success":true,"data":[{"id":1}],"message":"Done","pagination":{"page":1,"limit":20,"total":1,"total_pages":1},"timestamp":"2026-01-20T10:30:00Z","request_id":"req_1"}"#
        );
    }

    #[test]
    fn large_data_is_told_in_the_same_words_as_small() {
        let data = Bytes::from(format!("[{}]", vec!["1"; 10_000].join(",")));
        for version in [Version::V0, Version::V1, Version::V2] {
            let small = success(ok(false), &facts(version));
            let large = success(Success { data: data.clone(), ..ok(false) }, &facts(version));
            let BodySize::Sized(size) = large.body().size() else { panic!("a body of known length") };
            let (small, large) = (text(small), text(large));
            assert_eq!(large.len() as u64, size);
            assert_eq!(large, small.replace(r#"[{"id":1}]"#, std::str::from_utf8(&data).unwrap()));
        }
    }

    #[test]
    fn a_message_is_escaped() {
        let said = Success { message: Some("so \"they\" said"), ..ok(false) };
        assert!(text(success(said, &facts(Version::V1))).contains(r#","message":"so \"they\" said","#));
    }

    #[test]
    fn the_oldest_version_is_the_bare_data() {
        let response = success(ok(false), &facts(Version::V0));
        assert_eq!(response.headers().get("x-total-count").unwrap(), "1");
        assert_eq!(text(response), r#"[{"id":1}]"#);
        let mut headers = HeaderMap::new();
        deprecation(&facts(Version::V0), &mut headers);
        assert_eq!(headers.get("sunset").unwrap(), "Wed, 20 Jan 2027 00:00:00 GMT");
        assert!(headers.get("warning").unwrap().to_str().unwrap().starts_with("299 - "));
    }

    #[test]
    fn the_current_version_has_no_envelope_and_no_body_for_what_is_gone() {
        let shown: Value = serde_json::from_str(&text(success(ok(false), &facts(Version::V2)))).unwrap();
        assert_eq!(shown["data"][0]["id"], 1);
        assert!(shown.get("success").is_none());
        assert_eq!(success(ok(true), &facts(Version::V2)).status(), StatusCode::NO_CONTENT);
        assert_eq!(success(ok(true), &facts(Version::V1)).status(), StatusCode::OK);
    }

    #[test]
    fn a_refusal_lists_each_field_with_both_names_of_its_message() {
        let error = ApiError::from(FieldErrors::one("name", "required", "name is required"));
        let shown: Value = serde_json::from_slice(&refusal(&error, &facts(Version::V1)).body).unwrap();
        assert_eq!(shown["success"], false);
        assert_eq!(shown["code"], "VALIDATION_ERROR");
        assert_eq!(shown["message"], "Validation failed");
        assert_eq!(shown["errors"][0]["message"], shown["errors"][0]["msg"]);
        assert_eq!(shown["errors"][0]["rule"], "required");
        assert_eq!(shown["request_id"], "req_1");
    }

    #[test]
    fn a_refusal_in_the_current_version_is_a_problem_document() {
        let error = ApiError::new(Code::VersionConflict, "This record has been modified by another user")
            .with(Detail::Version { current: 7, yours: 5, latest: json!({"id": 1}) });
        let wire = refusal(&error, &facts(Version::V2));
        assert_eq!(wire.content_type, "application/problem+json");
        let shown: Value = serde_json::from_slice(&wire.body).unwrap();
        assert_eq!(shown["status"], 409);
        assert_eq!(shown["data"]["current_version"], 7);
        assert_eq!(shown["data"]["your_version"], 5);
        assert_eq!(shown["type"], "/docs/errors#version-conflict");
    }

    #[test]
    fn the_caller_is_told_when_to_come_back_and_how_to_sign_in() {
        let busy = refusal(&ApiError::unavailable("pool"), &facts(Version::V1));
        assert!(busy.headers.iter().any(|(name, value)| name == header::RETRY_AFTER && value == "1"));
        let unknown = refusal(&domicile_kernel::call::Refusal::NotSignedIn.into(), &facts(Version::V1));
        assert!(unknown.headers.iter().any(|(name, _)| name == header::WWW_AUTHENTICATE));
    }
}
