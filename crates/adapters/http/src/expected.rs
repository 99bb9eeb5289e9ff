//! Which version of a record the caller saw (W7): by `If-Match`, or by `version` in the body as the requirement prints it.
//! Versions begin at 1; 0 is what stands where nobody decided anything yet.

use std::rc::Rc;

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
};
use domicile_kernel::Code;
use futures_util::future::{Ready, ready};

use crate::{body::Incoming, error::ApiError};

/// The version the caller saw; without one the answer is 428.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected(pub i64);

/// The version the caller saw, if they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedIfSent(pub Option<i64>);

fn find(headers: &HeaderMap, in_body: Option<i64>) -> Result<Option<i64>, ApiError> {
    match (by_header(headers)?, in_body) {
        (Some(header), Some(body)) if header != body => {
            Err(ApiError::invalid_input(format!("If-Match says version {header}, the body says version {body}")))
        }
        (Some(version), _) | (None, Some(version)) => Ok(Some(version)),
        (None, None) => Ok(None),
    }
}

fn by_header(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let mut values = headers.get_all(header::IF_MATCH);
    let Some(value) = values.next() else { return Ok(None) };
    let parsed = value.to_str().ok().filter(|_| values.next().is_none()).map(str::trim).and_then(|text| {
        let bare = text.strip_prefix('"').map_or(Some(text), |rest| rest.strip_suffix('"'))?;
        let digits = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
        if digits { bare.parse::<i64>().ok() } else { None }
    });
    match parsed {
        Some(version) => Ok(Some(version)),
        None => Err(ApiError::invalid_input(
            "If-Match must be the one version you saw, as the ETag of the record has it: 5 or \"5\"",
        )),
    }
}

fn of(request: &HttpRequest) -> Result<Option<i64>, ApiError> {
    let in_body = request.extensions().get::<Rc<Incoming>>().and_then(|incoming| incoming.version);
    find(request.headers(), in_body)
}

impl FromRequest for Expected {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(of(request).and_then(|found| found.map(Self).ok_or_else(missing)).map_err(Into::into))
    }
}

fn missing() -> ApiError {
    ApiError::new(
        Code::PreconditionRequired,
        "Say which version you saw: send the record's ETag as If-Match, or its version in the body",
    )
}

impl FromRequest for ExpectedIfSent {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(of(request).map(Self).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(header: Option<&'static str>, body: Option<i64>) -> Result<Option<i64>, Code> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
        }
        find(&headers, body).map_err(|error| error.code())
    }

    #[test]
    fn a_number_or_a_quoted_number_is_a_version() {
        assert_eq!(seen(Some("5"), None), Ok(Some(5)));
        assert_eq!(seen(Some("\"5\""), None), Ok(Some(5)));
        assert_eq!(seen(None, Some(5)), Ok(Some(5)));
        assert_eq!(seen(Some("5"), Some(5)), Ok(Some(5)));
        assert_eq!(seen(Some("\"0\""), None), Ok(Some(0)));
        assert_eq!(seen(None, None), Ok(None));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["*", "W/\"5\"", "\"5", "5\"", "\"\"", "", "-1", "+5", "5, 6", "x", "99999999999999999999"] {
            assert_eq!(seen(Some(bad), None), Err(Code::InvalidInput), "{bad}");
        }
        assert_eq!(seen(Some("5"), Some(6)), Err(Code::InvalidInput));
    }
}
