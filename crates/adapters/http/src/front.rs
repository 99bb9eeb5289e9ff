//! The first layer in and the last out: finds the version and the canonical path, gives the request its id and span,
//! writes refusals (actix's own included), security headers and the one access-log line.

use std::{
    future::{Ready, ready},
    net::IpAddr,
    rc::Rc,
    time::Instant as Stopwatch,
};

use actix_web::{
    Error, HttpMessage as _, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{
        ConnectionType, StatusCode, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use domicile_kernel::RequestId;
use domicile_telemetry::{Answered, Observed};
use futures_util::future::LocalBoxFuture;
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    client,
    error::ApiError,
    facts::Facts,
    limits, present,
    shell::Shell,
    version::{self, Meaning, Version},
};

/// The header under which a request is known (W10).
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layer.
pub(crate) struct Front(pub(crate) Rc<Shell>);

impl<S, B> Transform<S, ServiceRequest> for Front
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = FrontService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(FrontService { service, shell: Rc::clone(&self.0) }))
    }
}

/// The layer, in place.
pub(crate) struct FrontService<S> {
    service: S,
    shell: Rc<Shell>,
}

impl<S, B> Service<ServiceRequest> for FrontService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let started = Stopwatch::now();
        let meaning = version::resolve(request.method(), request.path(), request.uri().query(), request.headers());
        let (meaning, refused) = match meaning {
            Ok(meaning) => (meaning, None),
            Err(error) => (as_it_came(&request), Some(error)),
        };
        let facts = Rc::new(Facts {
            version: meaning.version,
            in_path: meaning.in_path,
            request_id: request_id(&request, &self.shell),
            method: request.method().clone(),
            path: meaning.path.clone(),
            ip: client_address(&request, &self.shell),
            sunset: self.shell.config.sunset,
            clock: self.shell.ambient.clock.clone(),
        });
        facts.keep(&request);
        let span = tracing::info_span!(
            "request",
            request_id = %facts.request_id,
            method = %facts.method,
            endpoint = short(&facts.path),
            ip = facts.ip.map(tracing::field::display),
            user_agent = agent(request.headers()),
            operation = Empty,
            user_id = Empty,
            hostel_id = Empty,
        );
        domicile_telemetry::follow(&span, request.headers().get("traceparent").and_then(|value| value.to_str().ok()));
        let shell = Rc::clone(&self.shell);
        let refused = refused.or_else(|| rewrite(&mut request, &meaning).err());
        if let Some(error) = refused {
            let error = limits::flood(&shell, request.request()).err().unwrap_or(error);
            let response = request.error_response(error);
            return Box::pin(ready(Ok(finish(response, &facts, started, &shell, &span))));
        }
        let answering = span.in_scope(|| self.service.call(request));
        Box::pin(async move {
            match answering.instrument(span.clone()).await {
                Ok(response) => Ok(finish(response, &facts, started, &shell, &span)),
                // The request is lost with an error that no layer answered; what it says is written here all the same.
                Err(error) => {
                    let error = own_error(&error, error.as_response_error().status_code());
                    observe(&shell, Observed::UNMATCHED, error.status(), &facts, started);
                    log(&error, error.status(), &facts, started, &span);
                    Err(Written::new(&error, &facts, &shell).into())
                }
            }
        })
    }
}

fn request_id(request: &ServiceRequest, shell: &Shell) -> RequestId {
    let sent = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).and_then(RequestId::accept);
    sent.unwrap_or_else(|| RequestId::from_uuid(shell.ambient.ids.uuid()))
}

fn client_address(request: &ServiceRequest, shell: &Shell) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    Some(client::address(peer, request.headers(), &shell.config.trusted_proxies))
}

/// A path as it is told in the log: nobody fills it with one, and what stands behind a `~` is a proof that its address was
/// given out, which is nobody's business but its bearer's.
pub(crate) fn short(path: &str) -> &str {
    const LONGEST: usize = 256;
    let proof = path.bytes().enumerate().find(|(at, byte)| {
        *byte == b'~' || path.get(*at..at + 3).is_some_and(|escaped| escaped.eq_ignore_ascii_case("%7e"))
    });
    let mut end = proof.map_or(path.len(), |(at, _)| at).min(LONGEST);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    path.get(..end).unwrap_or_default()
}

/// What the client says it is, as far as it is text and of a bearable length.
pub(crate) fn agent(headers: &HeaderMap) -> Option<&str> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.get(..200).unwrap_or(agent))
}

fn as_it_came(request: &ServiceRequest) -> Meaning {
    Meaning { version: Version::V1, in_path: false, path: request.path().to_owned(), query: None }
}

/// Puts the canonical address in the place of the one that came.
fn rewrite(request: &mut ServiceRequest, meaning: &Meaning) -> Result<(), ApiError> {
    if request.path() == meaning.path && request.uri().query() == meaning.query.as_deref() {
        return Ok(());
    }
    let line = match &meaning.query {
        Some(query) => format!("{}?{query}", meaning.path),
        None => meaning.path.clone(),
    };
    let mut parts = request.uri().clone().into_parts();
    let unreadable = |_error| ApiError::invalid_input("The address cannot be read");
    parts.path_and_query = Some(line.parse().map_err(unreadable)?);
    let uri = Uri::from_parts(parts).map_err(|_error| ApiError::invalid_input("The address cannot be read"))?;
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    Ok(())
}

/// Marks an answer that stands as it is, whatever its status.
#[derive(Clone, Copy)]
pub(crate) struct Bare;

fn finish<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    facts: &Facts,
    started: Stopwatch,
    shell: &Shell,
    span: &Span,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let bare = response.response().extensions().get::<Bare>().is_some();
    let refusal = match response.response().error() {
        Some(error) => Some(own_error(error, status)),
        None if !bare && (status.is_client_error() || status.is_server_error()) => {
            Some(ApiError::of_actix(status, None))
        }
        None => None,
    };
    let mut response = match refusal {
        None => {
            log_success(status, facts, started, span);
            response.map_into_boxed_body()
        }
        Some(error) => {
            log(&error, error.status(), facts, started, span);
            let wire = present::refusal(&error, facts);
            let mut response = response.map_body(|_head, _placeholder| BoxBody::new(wire.body));
            *response.response_mut().status_mut() = wire.status;
            response.headers_mut().insert(header::CONTENT_TYPE, wire.content_type);
            for (name, value) in wire.headers {
                response.headers_mut().insert(name, value);
            }
            response
        }
    };
    let observed = response.request().extensions().get::<Observed>().copied().unwrap_or(Observed::UNMATCHED);
    observe(shell, observed, response.status(), facts, started);
    adorn(response.headers_mut(), facts, bare, shell.config.production);
    // Whoever keeps a connection through the drain would lose it later, in the middle of a request.
    if !shell.health.accepting() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

/// Notes an answered request for metrics and performance.
pub(crate) fn observe(shell: &Shell, observed: Observed, status: StatusCode, facts: &Facts, started: Stopwatch) {
    let (took, now) = (started.elapsed(), shell.ambient.now());
    let request_id = facts.request_id.as_str();
    shell.watch.answered(Answered { observed, status: status.as_u16(), took, now, request_id });
}

/// The refusal inside an actix error, or what actix meant by it.
fn own_error(error: &Error, status: StatusCode) -> ApiError {
    match error.as_error::<ApiError>() {
        Some(own) => own.clone(),
        None => ApiError::of_actix(status, Some(error.to_string())),
    }
}

pub(crate) fn adorn(headers: &mut HeaderMap, facts: &Facts, bare: bool, production: bool) {
    if let Ok(id) = HeaderValue::from_str(facts.request_id.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A page that needs more says so itself; so does what may be kept.
    let unless_said = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in unless_said {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if production {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if !bare && facts.path.starts_with("/api") {
        headers.insert(version::API_VERSION, HeaderValue::from_static(facts.version.as_str()));
        if facts.version == Version::V0 {
            present::deprecation(facts, headers);
        }
    }
}

fn log_success(status: StatusCode, facts: &Facts, started: Stopwatch, span: &Span) {
    let status = status.as_u16();
    let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let version = facts.version.as_str();
    span.in_scope(|| tracing::info!(status, duration_ms, version, "answered"));
}

/// Refusals are told once, here; our own faults with what caused them.
pub(crate) fn log(error: &ApiError, status: StatusCode, facts: &Facts, started: Stopwatch, span: &Span) {
    span.in_scope(|| {
        if let Some(cause) = error.cause() {
            tracing::error!(code = error.code().as_str(), cause, "failed");
        }
        let status = status.as_u16();
        let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let version = facts.version.as_str();
        tracing::info!(status, duration_ms, version, code = error.code().as_str(), "answered");
    });
}

/// A refusal that is already written, for the case that only an error can be returned.
#[derive(Debug)]
struct Written {
    status: StatusCode,
    headers: HeaderMap,
    body: bytes::Bytes,
    closing: bool,
}

impl Written {
    fn new(error: &ApiError, facts: &Facts, shell: &Shell) -> Self {
        let wire = present::refusal(error, facts);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, wire.content_type);
        for (name, value) in wire.headers {
            headers.insert(name, value);
        }
        adorn(&mut headers, facts, false, shell.config.production);
        Self { status: wire.status, headers, body: wire.body, closing: !shell.health.accepting() }
    }
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "answered with {}", self.status)
    }
}

impl ResponseError for Written {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        for (name, value) in &self.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        if self.closing {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response.set_body(BoxBody::new(self.body.clone()))
    }
}
