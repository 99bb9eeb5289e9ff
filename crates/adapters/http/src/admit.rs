//! The layer around each operation: who calls, in which hostel, whether they may, what came in. It builds the one
//! [`Call`] that the use case is handed; a handler takes it as [`Caller`].

use std::{
    future::{Ready, ready},
    panic::AssertUnwindSafe,
    rc::Rc,
};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse,
    body::BoxBody,
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::header::{self, HeaderMap, HeaderName},
};
use domicile_kernel::{
    Actor, Call, Code, Detail, Fault as _, Flags, HostelId, IdempotencyKey, Purpose, Refusal, Scope,
};
use domicile_telemetry::Observed;
use futures_util::{FutureExt as _, future::LocalBoxFuture};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    body::{self, Incoming, RawBytes},
    error::ApiError,
    facts::Facts,
    limits::Tally,
    operation::{Access, BodyKind, Operation},
    ports::{Admission, Denied, Knock, Refused},
    shell::{Shell, panic_text},
};

/// The header that names the hostel (W6).
pub(crate) const HOSTEL_ID: HeaderName = HeaderName::from_static("x-hostel-id");
/// The header that names a repeated request (W9).
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The layer of one operation.
pub(crate) struct Admit {
    pub(crate) operation: &'static Operation,
    pub(crate) shell: Rc<Shell>,
}

impl<S> Transform<S, ServiceRequest> for Admit
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = AdmitService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let (operation, shell) = (self.operation, Rc::clone(&self.shell));
        let observed = shell.watch.observed(operation.id);
        ready(Ok(AdmitService { service: Rc::new(service), operation, observed, shell }))
    }
}

/// The layer, in place.
pub(crate) struct AdmitService<S> {
    service: Rc<S>,
    operation: &'static Operation,
    observed: Observed,
    shell: Rc<Shell>,
}

impl<S> Service<ServiceRequest> for AdmitService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (operation, shell, service) = (self.operation, Rc::clone(&self.shell), Rc::clone(&self.service));
        let observed = self.observed;
        Box::pin(async move {
            tracing::Span::current().record("operation", operation.id);
            request.extensions_mut().insert(observed);
            let tally = Rc::new(Tally::new(&shell, request.request()));
            request.extensions_mut().insert(Rc::clone(&tally));
            let call = match admit(operation, &shell, &tally, &mut request).await {
                Ok(call) => call,
                Err(error) => {
                    let mut response = request.error_response(error);
                    tally.tell(response.headers_mut());
                    return Ok(response);
                }
            };
            let kept = request.request().clone();
            let answer = match prepare(operation, &call, &mut request).await {
                Ok(()) => AssertUnwindSafe(service.call(request)).catch_unwind().await,
                Err(error) => Ok(Ok(request.error_response(error))),
            };
            let mut response = match answer {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => ServiceResponse::from_err(error, kept.clone()),
                Err(panic) => {
                    let error = ApiError::internal(panic_text(panic.as_ref()));
                    ServiceResponse::new(kept.clone(), HttpResponse::from_error(error))
                }
            };
            if let Some(error) = response.response().error().and_then(Error::as_error::<ApiError>) {
                note_refusal(operation, &shell, &call, error, target(&kept));
            }
            tally.tell(response.headers_mut());
            Ok(response)
        })
    }
}

/// Who calls, in whose name: the first half of the layer. Refusals of unknown callers end here.
async fn admit(
    operation: &'static Operation,
    shell: &Shell,
    tally: &Tally,
    request: &mut ServiceRequest,
) -> Result<Call, ApiError> {
    let Some(facts) = Facts::of(request.request()) else {
        return Err(ApiError::internal("the request did not come through the first layer"));
    };
    let ip = facts.ip;
    let start = |actor, scope, flags| {
        let call = Call::new(actor, scope, facts.request_id.clone());
        let trace = domicile_telemetry::current_traceparent().or_else(|| trace(request.headers()));
        Call { flags, ip, trace, ..call }
    };
    tally.arrived(operation)?;
    if operation.access == Access::Public {
        tally.anybody(operation)?;
        return Ok(start(Actor::anonymous(), Scope::System(Purpose::SignIn), Flags::all()));
    }
    let bearer = bearer(request.headers()).map_err(|error| tally.unknown(operation, error))?;
    // Who is nobody is told so before anything is said about hostels.
    let named = match operation.access {
        Access::Public | Access::Account => Ok(None),
        Access::HostelOptional => hostel(request.headers()),
        Access::Hostel => hostel(request.headers()).and_then(|found| found.map(Some).ok_or_else(no_hostel)),
    };
    let wanted = named.as_ref().ok().copied().flatten();
    let admitted = match shell.gate.recall(&bearer, wanted) {
        Some(admission) => Ok(admission),
        None => {
            let knock = Knock { bearer, hostel: wanted, request_id: facts.request_id.clone(), ip };
            let gate = shell.gate.clone();
            shell.finish(async move { gate.admit(knock).await }).await?
        }
    };
    let Admission { actor, flags, entered } = match admitted {
        Ok(admission) => admission,
        Err(Denied { error, actor }) => {
            let error = ApiError::of(error.as_ref());
            match &actor {
                // They were not let into that hostel, so nothing is counted there.
                Some(actor) => tally.known(operation, actor, None)?,
                None if error.status().is_client_error() => return Err(tally.unknown(operation, error)),
                None => {}
            }
            if let (Some(actor), Some(hostel)) = (actor, wanted) {
                let call = start(actor, Scope::Hostel(hostel), Flags::all());
                note_refusal(operation, shell, &call, &error, target(request.request()));
            }
            return Err(error);
        }
    };
    tally.known(operation, &actor, wanted)?;
    let span = tracing::Span::current();
    if let Some(account) = actor.account() {
        span.record("user_id", tracing::field::display(account));
    }
    let scope = match (named?, actor.account()) {
        (Some(hostel), _) => {
            span.record("hostel_id", tracing::field::display(hostel));
            Scope::Hostel(hostel)
        }
        (None, Some(account)) => Scope::Account(account),
        (None, None) => return Err(Refusal::NotSignedIn.into()),
    };
    let call = start(actor, scope, flags);
    if entered {
        shell.refusals.entered(&call, operation.id);
    }
    Ok(call)
}

/// Whether they may, and what came in: the second half. The use case asks the first again; here it comes before the
/// body is looked at, so that who may not is told so whatever they sent.
async fn prepare(operation: &'static Operation, call: &Call, request: &mut ServiceRequest) -> Result<(), ApiError> {
    if let Some(first) = operation.permissions.first()
        && !operation.permissions.iter().any(|permission| call.may(*permission))
    {
        call.require(*first)?;
    }
    if let Some(feature) = operation.feature {
        call.require_feature(feature)?;
    }
    let incoming = if request.method().is_safe() {
        Incoming::default()
    } else {
        let payload = request.take_payload();
        let bytes = body::receive(request.headers(), payload, operation.body_limit).await?;
        match operation.body {
            BodyKind::Json => body::parse(request.headers(), &bytes)?,
            BodyKind::Raw => {
                request.extensions_mut().insert(RawBytes(bytes.into()));
                Incoming::default()
            }
            BodyKind::Form => {
                body::expect_form(request.headers())?;
                request.extensions_mut().insert(RawBytes(bytes.into()));
                Incoming::default()
            }
        }
    };
    let mut call = call.clone();
    if operation.idempotent {
        call.idempotency = idempotency(request, &incoming)?;
    }
    let mut extensions = request.extensions_mut();
    extensions.insert(Rc::new(incoming));
    extensions.insert(call);
    Ok(())
}

fn note_refusal(operation: &Operation, shell: &Shell, call: &Call, error: &ApiError, target: Option<Uuid>) {
    let code = error.code();
    if !matches!(code, Code::InsufficientPermissions | Code::Forbidden) || call.actor.account().is_none() {
        return;
    }
    let required = match error.detail() {
        Detail::Permission { required, .. } => Some(*required),
        _ => None,
    };
    shell.refusals.refused(call, Refused { operation: operation.id, code, required, target });
}

fn target(request: &HttpRequest) -> Option<Uuid> {
    request.match_info().get("id").and_then(|text| text.parse().ok())
}

fn bearer(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Err(Refusal::NotSignedIn.into()) };
    let token = value.to_str().ok().filter(|_| values.next().is_none()).and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
    });
    token.ok_or_else(|| ApiError::new(Code::Unauthorized, Refusal::NotSignedIn.to_string()))
}

/// The hostel that the header names: once, and by its id.
pub(crate) fn hostel(headers: &HeaderMap) -> Result<Option<HostelId>, ApiError> {
    let mut values = headers.get_all(HOSTEL_ID);
    let Some(value) = values.next() else { return Ok(None) };
    let id = value.to_str().ok().filter(|_| values.next().is_none()).and_then(|text| text.trim().parse::<Uuid>().ok());
    match id {
        Some(id) => Ok(Some(HostelId::new(id))),
        None => Err(ApiError::invalid_input("X-Hostel-ID must be the id of one hostel, a UUID")),
    }
}

fn no_hostel() -> ApiError {
    let refusal = Refusal::NoHostel;
    ApiError::new(refusal.code(), refusal.to_string())
}

/// W3C `traceparent`, if it is one.
fn trace(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let lengths = text.split('-').map(str::len).eq([2, 32, 16, 2]);
    let hex = text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (lengths && hex).then(|| text.to_owned())
}

fn idempotency(request: &ServiceRequest, incoming: &Incoming) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|_| values.next().is_none()).and_then(key_of);
    let Some(key) = key else {
        return Err(ApiError::invalid_input("Idempotency-Key must be 1 to 255 visible ASCII characters"));
    };
    let mut hash = Sha256::new();
    for part in [request.method().as_str(), request.path(), &incoming.canonical] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    // A version in `If-Match` is as much a part of the request as one in the body.
    if let Some(version) = request.headers().get(header::IF_MATCH) {
        hash.update(version.as_bytes());
    }
    Ok(Some(IdempotencyKey { key, fingerprint: hash.finalize().into() }))
}

/// The key, bare or as a quoted string.
fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let good = (1..=255).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_graphic());
    good.then(|| bare.to_owned())
}

/// The call, for a handler.
#[derive(Debug, Clone)]
pub struct Caller(pub Call);

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let call = request.extensions().get::<Call>().cloned();
        ready(call.map(Self).ok_or_else(|| ApiError::internal("the operation was not admitted").into()))
    }
}

/// The `{id}` of a path.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<T: From<Uuid> + 'static> FromRequest for Id<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let id = target(request).map(|id| Self(T::from(id)));
        ready(id.ok_or_else(|| ApiError::not_found(crate::error::NO_ROUTE).into()))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_visible_ascii_bare_or_quoted() {
        assert_eq!(key_of("abc-1"), Some("abc-1".to_owned()));
        assert_eq!(key_of("\"abc-1\""), Some("abc-1".to_owned()));
        for bad in ["", "\"\"", "\"abc", "a b", "é", &"x".repeat(256)] {
            assert_eq!(key_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_in_any_case_of_its_scheme() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            bearer(&headers)
        };
        assert_eq!(with("bearer abc").unwrap(), "abc");
        for bad in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(with(bad).unwrap_err().code(), Code::Unauthorized, "{bad}");
        }
    }

    #[test]
    fn a_hostel_is_named_once_and_by_its_id() {
        let mut headers = HeaderMap::new();
        assert!(hostel(&headers).unwrap().is_none());
        headers.append(HOSTEL_ID, HeaderValue::from_static("0190f5a0-0000-7000-8000-000000000001"));
        assert!(hostel(&headers).unwrap().is_some());
        headers.append(HOSTEL_ID, HeaderValue::from_static("0190f5a0-0000-7000-8000-000000000002"));
        assert_eq!(hostel(&headers).unwrap_err().code(), Code::InvalidInput);
        headers.insert(HOSTEL_ID, HeaderValue::from_static("1"));
        assert_eq!(hostel(&headers).unwrap_err().code(), Code::InvalidInput);
    }

    #[test]
    fn a_trace_is_kept_only_when_it_is_one() {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("traceparent"),
            HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        );
        assert!(trace(&headers).is_some());
        headers.insert(HeaderName::from_static("traceparent"), HeaderValue::from_static("00-x-y-01"));
        assert!(trace(&headers).is_none());
    }
}
