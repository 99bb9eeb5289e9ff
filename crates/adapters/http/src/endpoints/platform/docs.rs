//! The documentation: one OpenAPI document a version, and a page that shows them, both out of the binary (B5).

use std::{io::Read as _, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap, HeaderValue},
};
use domicile_kernel::Code;
use flate2::read::GzDecoder;
use utoipa_swagger_ui::{Config, Url};

use super::live;
use crate::{
    error::{ApiError, status_of},
    facts::Facts,
    front::Bare,
    openapi,
    version::Version,
};

/// `GET /api/openapi.json`: the document of the version asked for.
pub(crate) async fn document(request: HttpRequest) -> HttpResponse {
    let version = Facts::of(&request).map_or(Version::V1, |facts| facts.version);
    let mut response = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(openapi::text(version));
    response.extensions_mut().insert(Bare);
    response
}

/// `GET /docs`: sends on to the page, so that its own addresses are right.
pub(crate) async fn door() -> HttpResponse {
    let mut response = HttpResponse::Found().insert_header((header::LOCATION, "/docs/index.html")).finish();
    response.extensions_mut().insert(Bare);
    response
}

/// What the page may do: its own scripts, its own styles (some inline), its own calls.
const PAGE: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// `GET /docs/{file}`: the page and what belongs to it.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let name = request.match_info().get("file").unwrap_or_default();
    if let Some(own) = live::part(name) {
        return Ok(own);
    }
    let config = Config::new([
        Url::with_primary("v1 (stable)", "/api/v1/openapi.json", true),
        Url::new("v2 (current)", "/api/v2/openapi.json"),
        Url::new("v0 (deprecated)", "/api/v0/openapi.json"),
    ]);
    let found =
        utoipa_swagger_ui::serve(name, Arc::new(config)).map_err(|error| ApiError::internal(error.to_string()))?;
    let Some(found) = found else { return Err(ApiError::not_found(crate::error::NO_ROUTE)) };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, found.content_type));
    response.insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE)));
    response.insert_header((header::VARY, HeaderValue::from_static("accept-encoding")));
    let bytes = found.bytes.into_owned();
    let bytes = match (found.gzpipped, reads_gzip(request.headers())) {
        (false, _) => bytes,
        (true, true) => {
            response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
            bytes
        }
        (true, false) => unpacked(&bytes).map_err(|error| ApiError::internal(error.to_string()))?,
    };
    let mut response = response.body(bytes);
    response.extensions_mut().insert(Bare);
    Ok(response)
}

/// Whether somebody says that they read gzip: not everybody with a command line does.
fn reads_gzip(headers: &HeaderMap) -> bool {
    let said = headers.get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    said.flat_map(|text| text.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused =
            parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
        named && !refused
    })
}

fn unpacked(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `GET /docs/errors`: every code with its status. Problem documents point here.
pub(crate) async fn errors() -> HttpResponse {
    let row = |code: &Code| {
        let (name, status) = (code.as_str(), status_of(code.kind()));
        let anchor = name.to_ascii_lowercase().replace('_', "-");
        format!("<tr id=\"{anchor}\"><td>{name}</td><td>{status}</td></tr>\n")
    };
    let rows = Code::ALL.iter().map(row).collect::<Vec<_>>().concat();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Domicile: error codes</title></head>\n\
         <body>\n<h1>Error codes</h1>\n<table>\n<tr><th>Code</th><th>Status</th></tr>\n{rows}</table>\n</body>\n</html>\n"
    );
    let mut response = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")))
        .body(page);
    response.extensions_mut().insert(Bare);
    response
}
