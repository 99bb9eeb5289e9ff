//! Which version of the API a request speaks, and the one path it means (W1): `/api/v1/x`, `/v1/x` and `/api/x` are one
//! operation. The version may also come by the header `API-Version` or the query `?version=v2`; path beats header beats
//! query. It changes presentation only; no handler ever sees it.

use actix_web::http::{
    Method,
    header::{HeaderMap, HeaderName},
};
use domicile_kernel::{Code, Detail};
use serde_json::json;

use crate::{aliases, error::ApiError};

/// A version of the presentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Deprecated: bare data.
    V0,
    /// Stable: the envelope. What speaks when nobody says.
    V1,
    /// Current: problem details and cursors.
    V2,
}

impl Version {
    /// All, oldest first.
    pub const ALL: &'static [Self] = &[Self::V0, Self::V1, Self::V2];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "v0",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    /// The version with this name, in exactly this case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|version| version.as_str() == name)
    }
}

/// The header that names a version.
pub(crate) const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// What a request line means once version and aliases are out of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The version asked for.
    pub(crate) version: Version,
    /// Whether the path named it: then addresses we answer with name it too.
    pub(crate) in_path: bool,
    /// The canonical path.
    pub(crate) path: String,
    /// The query without the version.
    pub(crate) query: Option<String>,
}

/// Reads version and canonical path out of a request line and its headers.
pub(crate) fn resolve(
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Meaning, ApiError> {
    let path = match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    };
    let (by_query, query) = take_from_query(query);
    let Some((by_path, rest)) = split_prefix(path) else {
        // Outside the API nothing has a version; one that is asked for only shapes an error.
        let version = header(headers).and_then(Version::parse).unwrap_or(Version::V1);
        return Ok(Meaning { version, in_path: false, path: path.to_owned(), query });
    };
    let asked = by_path.or_else(|| header(headers)).or(by_query.as_deref());
    let version = match asked {
        None => Version::V1,
        Some(name) => Version::parse(name).ok_or_else(|| unsupported(name))?,
    };
    let path = format!("/api{}", aliases::canonical(method, rest));
    Ok(Meaning { version, in_path: by_path.is_some(), path, query })
}

fn header(headers: &HeaderMap) -> Option<&str> {
    // A value that is no text is no version that we have, and is refused as such.
    headers.get(API_VERSION).map(|value| value.to_str().unwrap_or("?").trim())
}

fn unsupported(name: &str) -> ApiError {
    let supported: Vec<_> = Version::ALL.iter().map(|version| version.as_str()).collect();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(20).collect();
    let message = format!("API version {shown} is not supported. Use one of: {}", supported.join(", "));
    ApiError::new(Code::UnsupportedApiVersion, message).with(Detail::Data(json!({ "supported_versions": supported })))
}

/// Splits `/api[/vN]` or `/vN` off. `None`: the path is outside the API.
fn split_prefix(path: &str) -> Option<(Option<&str>, &str)> {
    let after_api = match path.strip_prefix("/api") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Some(rest),
        _ => None,
    };
    let rest = after_api.unwrap_or(path);
    let (segment, behind) = match rest.strip_prefix('/') {
        None => ("", ""),
        Some(body) => body.find('/').map_or((body, ""), |at| body.split_at(at)),
    };
    if looks_like_a_version(segment) {
        return Some((Some(segment), behind));
    }
    after_api.map(|rest| (None, rest))
}

fn looks_like_a_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|digits| (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Takes `version=v<digit>` out of a query; any other `version` is a filter like others.
fn take_from_query(query: Option<&str>) -> (Option<String>, Option<String>) {
    let Some(query) = query else { return (None, None) };
    let is_version =
        |part: &str| part.strip_prefix("version=").is_some_and(|value| value.len() == 2 && looks_like_a_version(value));
    let found = query.split('&').find(|part| is_version(part));
    let Some(found) = found else { return (None, Some(query.to_owned())) };
    let rest: Vec<_> = query.split('&').filter(|part| !is_version(part)).collect();
    let name = found.strip_prefix("version=").map(str::to_owned);
    (name, (!rest.is_empty()).then(|| rest.join("&")))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn meaning(path: &str, query: Option<&str>, header: Option<&'static str>) -> Result<Meaning, ApiError> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(API_VERSION, HeaderValue::from_static(value));
        }
        resolve(&Method::GET, path, query, &headers)
    }

    #[test]
    fn three_spellings_of_a_path_are_one() {
        for path in ["/api/v1/rooms", "/v1/rooms", "/api/rooms", "/api/rooms/"] {
            let found = meaning(path, None, None).unwrap();
            assert_eq!((found.version, found.path.as_str()), (Version::V1, "/api/rooms"), "{path}");
        }
        assert_eq!(meaning("/v2", None, None).unwrap().path, "/api");
        assert_eq!(meaning("/api", None, None).unwrap().path, "/api");
        assert_eq!(meaning("/", None, None).unwrap().path, "/");
        assert_eq!(meaning("/health/", None, None).unwrap().path, "/health");
    }

    #[test]
    fn path_beats_header_beats_query() {
        let all = meaning("/api/v0/rooms", Some("version=v1"), Some("v2")).unwrap();
        assert_eq!((all.version, all.in_path), (Version::V0, true));
        assert_eq!(meaning("/api/rooms", Some("version=v0"), Some("v2")).unwrap().version, Version::V2);
        assert_eq!(meaning("/api/rooms", Some("version=v0"), None).unwrap().version, Version::V0);
        // What is beaten is not judged.
        assert_eq!(meaning("/api/v2/rooms", Some("version=v9"), Some("v8")).unwrap().version, Version::V2);
    }

    #[test]
    fn an_unknown_version_is_refused_with_the_list() {
        for (path, query, header) in [
            ("/api/v3/rooms", None, None),
            ("/v10/rooms", None, None),
            ("/api/rooms", Some("version=v7"), None),
            ("/api/rooms", None, Some("2")),
            ("/api/rooms", None, Some("")),
        ] {
            let error = meaning(path, query, header).unwrap_err();
            assert_eq!(error.code(), Code::UnsupportedApiVersion);
            let Detail::Data(data) = error.detail() else { panic!("no list") };
            assert_eq!(data["supported_versions"], json!(["v0", "v1", "v2"]));
        }
    }

    #[test]
    fn only_v_and_a_digit_is_a_version_in_a_query() {
        let found = meaning("/api/rooms", Some("version=5&page=2"), None).unwrap();
        assert_eq!((found.version, found.query.as_deref()), (Version::V1, Some("version=5&page=2")));
        let found = meaning("/api/rooms", Some("a=1&version=v2&b=2"), None).unwrap();
        assert_eq!((found.version, found.query.as_deref()), (Version::V2, Some("a=1&b=2")));
        assert_eq!(meaning("/api/rooms", Some("version=v2"), None).unwrap().query, None);
    }

    #[test]
    fn case_is_exact_and_one_slash_is_dropped_once() {
        assert_eq!(meaning("/API/rooms", None, None).unwrap().path, "/API/rooms");
        assert_eq!(meaning("/api/V1/rooms", None, None).unwrap().path, "/api/V1/rooms");
        assert_eq!(meaning("/api/rooms//", None, None).unwrap().path, "/api/rooms/");
        assert_eq!(meaning("/apiary", None, None).unwrap().path, "/apiary");
    }
}
