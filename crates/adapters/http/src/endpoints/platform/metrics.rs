//! `GET /metrics`: the process's counters for Prometheus (J11). They name no person, but they tell how the house is doing:
//! with a token configured it is asked for; without one it is open on a machine of one's own only (W16).

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap, HeaderValue},
    web::Data,
};
use domicile_kernel::Code;
use domicile_telemetry::meters::CONTENT_TYPE;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    error::{ApiError, NO_ROUTE},
    front::Bare,
    shell::Shell,
};

pub(crate) async fn handle(shell: Data<Shell>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    match &shell.config.metrics_token {
        Some(token) if !shows(request.headers(), token.reveal()) => {
            return Err(ApiError::new(Code::Unauthorized, "Send the metrics token as Authorization: Bearer"));
        }
        None if shell.config.production => return Err(ApiError::not_found(NO_ROUTE)),
        _ => {}
    }
    let mut response = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)))
        .body(shell.watch.meters.text());
    response.extensions_mut().insert(Bare);
    Ok(response)
}

/// Whether the one `Authorization` header is the token. Digests are compared, and in constant time, so that neither the
/// token's length nor how much of it was right can be measured.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Some((scheme, shown)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else { return false };
    let same = Sha256::digest(shown.trim().as_bytes()).ct_eq(&Sha256::digest(token.as_bytes()));
    scheme.eq_ignore_ascii_case("bearer") && bool::from(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_once_opens() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            shows(&headers, "s3cret")
        };
        assert!(with(&["Bearer s3cret"]) && with(&["bearer  s3cret "]));
        for bad in [&[][..], &["Bearer s3cre"], &["Bearer s3cret1"], &["Basic s3cret"], &["s3cret"], &["Bearer "]] {
            assert!(!with(bad), "{bad:?}");
        }
        assert!(!with(&["Bearer s3cret", "Bearer s3cret"]));
    }
}
