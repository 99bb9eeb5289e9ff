//! The way out of HTTP: what asks for another protocol, or for a tunnel, leaves actix's dispatcher and comes here. Whoever
//! wants a socket and may have one gets the 101 and is handed over with the bare connection, so that nothing of HTTP is
//! kept for them; everybody else gets the usual refusal and the end of the connection. Which messages a socket speaks is
//! not known here.

use std::{
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use actix_codec::Framed;
use actix_http::{
    Request, Response,
    body::BodySize,
    h1::{Codec, Message},
    ws::{self, HandshakeError},
};
use actix_web::{
    HttpMessage as _,
    http::{
        ConnectionType, Method, StatusCode, Version as HttpVersion,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    rt::net::TcpStream,
};
use bytes::Bytes;
use domicile_kernel::{Code, Detail, RequestId};
use futures_util::SinkExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};
use tracing::{Instrument as _, field::Empty};

use crate::{
    client,
    error::ApiError,
    facts::Facts,
    front::{self, REQUEST_ID},
    limits::Tally,
    ports::{Crowded, Newcomer, Sockets},
    present,
    shell::Shell,
    version::{self, Meaning, Version},
};

/// Where sockets are.
const PATH: &str = "/ws";

/// How long somebody may take to read the few bytes of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long, and how many bytes, what they still send is read before the connection is closed over it. Closing at once
/// would reset the connection, and the answer could be lost with it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// Says what is told to whoever asks for a socket by plain HTTP.
pub(crate) fn wanted() -> ApiError {
    ApiError::new(
        Code::UpgradeRequired,
        "Only WebSocket (version 13) is spoken at this address. Open a socket here, and send `auth` as its first message",
    )
}

/// Answers one request that left HTTP.
pub(crate) async fn answer(request: Request, connection: Framed<TcpStream, Codec>, shell: Rc<Shell>) {
    let started = Stopwatch::now();
    let Some(peer) = request.peer_addr() else {
        // The connection was gone before anybody could be asked where it came from.
        return;
    };
    let ip = client::address(peer.ip(), request.headers(), &shell.config.trusted_proxies);
    let (facts, unreadable) = facts(&request, ip, &shell);
    let span = tracing::info_span!(
        "request",
        request_id = %facts.request_id,
        method = %facts.method,
        endpoint = crate::front::short(&facts.path),
        ip = %ip,
        operation = OPERATION,
        user_id = Empty,
        hostel_id = Empty,
    );
    let tally = Tally::of_upgrade(&shell, ip);
    let judged = tally.came().and_then(|()| match unreadable {
        Some(error) => Err(error),
        None => judge(&request, &facts, ip, &shell),
    });
    let observed =
        if facts.path == PATH { shell.watch.observed(OPERATION) } else { domicile_telemetry::Observed::UNMATCHED };
    let work = async {
        match judged {
            Ok(sockets) => {
                front::observe(&shell, observed, StatusCode::SWITCHING_PROTOCOLS, &facts, started);
                hand_over(&request, connection, ip, &facts, &*sockets, started).await
            }
            Err(error) => {
                front::observe(&shell, observed, error.status(), &facts, started);
                front::log(&error, error.status(), &facts, started, &tracing::Span::current());
                refuse(&error, connection, &facts, &tally, &shell).await
            }
        }
    };
    match timeout(PATIENCE + LINGER, work.instrument(span.clone())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => span.in_scope(|| tracing::debug!(%error, "the connection was gone before its answer")),
        Err(_elapsed) => span.in_scope(|| tracing::debug!("the answer was not read in time")),
    }
}

/// The row of the table that documents sockets.
const OPERATION: &str = "live.socket";

fn facts(request: &Request, ip: IpAddr, shell: &Shell) -> (Facts, Option<ApiError>) {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let (meaning, unreadable) = match version::resolve(method, uri.path(), uri.query(), headers) {
        Ok(meaning) => (meaning, None),
        Err(error) => {
            let path = uri.path().to_owned();
            (Meaning { version: Version::V1, in_path: false, path, query: None }, Some(error))
        }
    };
    let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).and_then(RequestId::accept);
    let facts = Facts {
        version: meaning.version,
        in_path: meaning.in_path,
        request_id: sent.unwrap_or_else(|| RequestId::from_uuid(shell.ambient.ids.uuid())),
        method: method.clone(),
        path: meaning.path,
        ip: Some(ip),
        sunset: shell.config.sunset,
        clock: shell.ambient.clock.clone(),
    };
    (facts, unreadable)
}

/// Whether this request becomes a socket, and who takes it.
fn judge(request: &Request, facts: &Facts, ip: IpAddr, shell: &Shell) -> Result<Arc<dyn Sockets>, ApiError> {
    if facts.method == Method::CONNECT {
        return Err(ApiError::method_not_allowed("GET, HEAD, POST, PUT, PATCH, DELETE"));
    }
    if facts.path != PATH {
        return Err(ApiError::not_found("There is no socket at this address. Sockets are at /ws"));
    }
    if facts.method != Method::GET {
        return Err(ApiError::method_not_allowed("GET, HEAD"));
    }
    let Some(sockets) = &shell.sockets else {
        return Err(ApiError::not_found("This installation has no sockets"));
    };
    if !shell.health.accepting() {
        // Another node takes it, or this one after its restart.
        return Err(ApiError::new(Code::ServiceUnavailable, "").with(Detail::RetryAfter(2)));
    }
    handshake(request)?;
    origin(request, peer_is_trusted(request, shell), shell)?;
    match sockets.room_for(ip) {
        Ok(()) => Ok(Arc::clone(sockets)),
        Err(Crowded::Address { retry_after }) => Err(ApiError::new(
            Code::RateLimitExceeded,
            "Too many sockets from your address have not said yet who they are. Sign in on those, or try again later",
        )
        .with(Detail::RetryAfter(retry_after))),
        Err(Crowded::Node { retry_after }) => {
            Err(ApiError::new(Code::ServiceUnavailable, "").with(Detail::RetryAfter(retry_after)))
        }
    }
}

/// The handshake as RFC 6455 section 4.2.1 wants it.
fn handshake(request: &Request) -> Result<(), ApiError> {
    let bad = |message: &str| Err(ApiError::invalid_input(message));
    if request.version() < HttpVersion::HTTP_11 {
        return bad("A socket needs HTTP/1.1");
    }
    let body = request.headers().get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    if body || request.headers().contains_key(header::TRANSFER_ENCODING) {
        return bad("A socket begins without a body");
    }
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION] {
        if request.headers().get_all(&name).count() > 1 {
            return Err(ApiError::invalid_input(format!("{name} must be sent once")));
        }
    }
    match ws::verify_handshake(request.head()) {
        Ok(()) => Ok(()),
        Err(HandshakeError::NoWebsocketUpgrade | HandshakeError::NoConnectionUpgrade) => Err(wanted()),
        Err(HandshakeError::UnsupportedVersion) => Err(wanted()),
        Err(HandshakeError::GetMethodRequired) => Err(ApiError::method_not_allowed("GET, HEAD")),
        Err(HandshakeError::NoVersionHeader) => bad("Sec-WebSocket-Version is missing; send 13"),
        Err(HandshakeError::BadWebsocketKey) => bad("Sec-WebSocket-Key must be 16 random bytes in base64"),
    }
}

/// A browser names the page that opens a socket, and does not ask us first as it does for other calls: so it is asked
/// here. Who sends no `Origin` is no page. The tokens of a socket are in its first message, not in a cookie; this closes
/// the door a second time.
fn origin(request: &Request, trusted_peer: bool, shell: &Shell) -> Result<(), ApiError> {
    let mut sent = request.headers().get_all(header::ORIGIN);
    let origin = match (sent.next(), sent.next()) {
        (None, _) => return Ok(()),
        (Some(one), None) => one.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    let listed = |origin: &str| shell.config.allowed_origins.iter().any(|own| own.eq_ignore_ascii_case(origin));
    let proxied = if trusted_peer { scheme_before_proxy(request.headers()) } else { None };
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let own = |origin: &str| host.is_some_and(|host| same_origin(origin, host, proxied));
    if origin.is_some_and(|origin| listed(origin) || own(origin)) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::Forbidden,
        "Pages of this origin may not open sockets here. Ask whoever runs this installation to allow it",
    ))
}

fn peer_is_trusted(request: &Request, shell: &Shell) -> bool {
    request
        .peer_addr()
        .is_some_and(|peer| shell.config.trusted_proxies.iter().any(|network| network.contains(peer.ip())))
}

/// By which scheme the client came to the first proxy, if the proxy says so in one plain word.
fn scheme_before_proxy(headers: &HeaderMap) -> Option<&'static str> {
    const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let said = headers.get(FORWARDED_PROTO)?.to_str().ok()?;
    ["http", "https"].into_iter().find(|scheme| said.eq_ignore_ascii_case(scheme))
}

/// Whether a page came from the host that it asks. Where no trusted proxy says which scheme the client used, either will
/// do: something that ends TLS may stand before this process without being listed.
fn same_origin(origin: &str, host: &str, proxied: Option<&str>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    };
    let without_port = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    plain(authority)
        && plain(host)
        && proxied.is_none_or(|expected| expected == scheme)
        && without_port(authority) == without_port(host)
}

/// Sends the 101, and gives the connection away with what was read past the request already.
async fn hand_over(
    request: &Request,
    mut connection: Framed<TcpStream, Codec>,
    ip: IpAddr,
    facts: &Facts,
    sockets: &dyn Sockets,
    started: Stopwatch,
) -> std::io::Result<()> {
    let mut response = ws::handshake_response(request.head()).finish().drop_body();
    if let Ok(id) = HeaderValue::from_str(facts.request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    connection.send(Message::Item((response, BodySize::None))).await?;
    let parts = connection.into_parts();
    let stream = parts.io.into_std()?;
    stream.set_nodelay(true)?;
    // A copy, for the buffer it was read into is far larger and would stay for as long as these bytes.
    let early = Bytes::copy_from_slice(&parts.read_buf);
    let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
    tracing::info!(status = 101, duration_ms, version = facts.version.as_str(), "upgraded");
    sockets.welcome(Newcomer { stream, early, ip, request_id: facts.request_id.clone() });
    Ok(())
}

/// Sends a refusal and ends the connection: what follows on it would be no HTTP.
async fn refuse(
    error: &ApiError,
    mut connection: Framed<TcpStream, Codec>,
    facts: &Facts,
    tally: &Tally,
    shell: &Shell,
) -> std::io::Result<()> {
    let wire = present::refusal(error, facts);
    let mut response = Response::with_body(wire.status, ());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, wire.content_type);
    for (name, value) in wire.headers {
        headers.insert(name, value);
    }
    tally.tell(headers);
    front::adorn(headers, facts, false, shell.config.production);
    response.head_mut().set_connection_type(ConnectionType::Close);
    let length = BodySize::Sized(wire.body.len() as u64);
    connection.send(Message::Item((response, length))).await?;
    if facts.method != Method::HEAD {
        connection.send(Message::Chunk(Some(wire.body))).await?;
    }
    let mut stream = connection.into_parts().io;
    stream.shutdown().await?;
    let drained = async {
        let mut left = LINGER_BYTES;
        let mut bytes = [0; 1_024];
        while left > 0 {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    };
    // Whoever still sends after that sends to nobody.
    let _ = timeout(LINGER, drained).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_at_home_where_scheme_host_and_port_agree() {
        for (origin, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost", "localhost:80"),
            ("http://localhost:80", "LOCALHOST"),
            ("https://house.example", "house.example"),
            ("https://house.example", "house.example:443"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(same_origin(origin, host, None), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://127.0.0.1:8081", "127.0.0.1:8080"),
            ("http://localhost", "127.0.0.1"),
            ("https://house.example:80", "house.example"),
            ("https://house.example.evil.example", "house.example"),
            ("https://evil.example@house.example", "house.example"),
            ("https://house.example/", "house.example"),
            ("ftp://house.example", "house.example"),
            ("HTTPS://house.example", "house.example"),
            ("null", "null"),
            ("https://", ""),
            ("house.example", "house.example"),
            ("https://a@b", "a@b"),
        ] {
            assert!(!same_origin(origin, host, None), "{origin} {host}");
        }
    }

    #[test]
    fn a_trusted_proxys_word_settles_the_scheme() {
        assert!(same_origin("https://house.example", "house.example", Some("https")));
        assert!(!same_origin("http://house.example", "house.example", Some("https")));
    }
}
