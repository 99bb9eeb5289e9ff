//! The way out of HTTP: which requests become sockets, which are refused, and what is handed over.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use async_trait::async_trait;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Bench, endpoints::House};
use crate::{
    Shell,
    limits::{Limits, Quota, Rule},
    ports::{Crowded, Health, Newcomer, Sockets},
    serve,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps whoever comes.
#[derive(Default)]
struct Hall {
    came: Mutex<Vec<Newcomer>>,
    asked: AtomicUsize,
    full: Option<Crowded>,
}

impl Sockets for Hall {
    fn room_for(&self, _ip: IpAddr) -> Result<(), Crowded> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.full.map_or(Ok(()), Err)
    }

    fn welcome(&self, newcomer: Newcomer) {
        self.came.lock().unwrap().push(newcomer);
    }
}

impl Hall {
    /// The one who came; there is only one.
    async fn guest(&self) -> Newcomer {
        for _ in 0..1_000 {
            if let Some(guest) = self.came.lock().unwrap().pop() {
                return guest;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nobody was handed over");
    }

    fn is_empty(&self) -> bool {
        self.came.lock().unwrap().is_empty()
    }
}

/// Does not take anybody any more.
struct Draining;

#[async_trait]
impl Health for Draining {
    async fn database(&self) -> Result<Duration, String> {
        Ok(Duration::ZERO)
    }

    fn accepting(&self) -> bool {
        false
    }
}

struct Served {
    address: SocketAddr,
    hall: Arc<Hall>,
    handle: ServerHandle,
    _bench: Bench,
}

impl Served {
    fn start() -> Self {
        Self::start_with(Hall::default(), |_shell| ())
    }

    fn start_with(hall: Hall, change: impl FnOnce(&mut Shell)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let House { bench, mut state, .. } = House::new();
        let hall = Arc::new(hall);
        state.shell.sockets = Some(hall.clone());
        change(&mut state.shell);
        let server = serve(listener, 1, state).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, hall, handle, _bench: bench }
    }

    async fn say(&self, bytes: &[u8]) -> Line {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Line { stream, read: Vec::new() }
    }

    /// Sends a request and reads its answer.
    async fn ask(&self, request: &str) -> Told {
        self.say(request.as_bytes()).await.told().await
    }

    async fn end(self) {
        self.handle.stop(false).await;
    }
}

/// A connection, and what was read from it and not looked at.
struct Line {
    stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
struct Told {
    status: u16,
    head: String,
    body: String,
}

impl Told {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    fn refuses(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.json()["code"], code, "{self:?}");
        assert_eq!(self.json()["request_id"].as_str(), self.header("x-request-id"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("content-type"), Some("application/json"));
    }
}

impl Line {
    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4_096];
        let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("an answer in time").unwrap();
        self.read.extend_from_slice(&bytes[..read]);
        read > 0
    }

    async fn told(&mut self) -> Told {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "no answer: {}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut told = Told { status, head, body: String::new() };
        let length = told.header("content-length").map_or(0, |text| text.parse().unwrap());
        while self.read.len() < length && self.more().await {}
        told.body = String::from_utf8(self.read.drain(..length.min(self.read.len())).collect()).unwrap();
        told
    }

    async fn ended(&mut self) {
        while self.more().await {}
    }
}

/// A right handshake, with some headers in place of the usual ones; an empty value leaves one out.
fn handshake(line: &str, changed: &[(&str, &str)]) -> String {
    let usual = [
        ("Host", "house.example:8080"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let kept = usual.iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    let lines = kept.chain(changed.iter().filter(|(_, value)| !value.is_empty()));
    let headers: String = lines.flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    format!("{line}\r\n{headers}\r\n")
}

fn ws(changed: &[(&str, &str)]) -> String {
    handshake("GET /ws HTTP/1.1", changed)
}

#[actix_web::test]
async fn a_handshake_hands_the_connection_over_with_what_came_early() {
    let served = Served::start();
    let mut bytes = ws(&[("X-Request-ID", "shake-1")]).into_bytes();
    bytes.extend_from_slice(b"\x81\x85\x00\x00\x00\x00hello");
    let mut line = served.say(&bytes).await;
    let told = line.told().await;
    assert_eq!(told.status, 101, "{told:?}");
    assert_eq!(told.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(told.header("upgrade"), Some("websocket"));
    assert!(told.header("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(told.header("x-request-id"), Some("shake-1"));
    let mut guest = served.hall.guest().await;
    assert_eq!(&guest.early[..], b"\x81\x85\x00\x00\x00\x00hello");
    assert_eq!((guest.ip.to_string().as_str(), guest.request_id.as_str()), ("127.0.0.1", "shake-1"));
    assert!(guest.stream.nodelay().unwrap());
    // The connection is theirs now, both ways, and HTTP lets it live.
    guest.stream.set_nonblocking(false).unwrap();
    guest.stream.write_all(b"\x81\x02hi").unwrap();
    while line.read.len() < 4 {
        assert!(line.more().await);
    }
    assert_eq!(line.read, b"\x81\x02hi");
    line.stream.write_all(b"more").await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = [0; 4];
        guest.stream.read_exact(&mut bytes).map(|()| (bytes, guest))
    });
    let (bytes, guest) = read.await.unwrap().unwrap();
    assert_eq!(&bytes, b"more");
    // Stopping HTTP does not wait for it.
    timeout(PATIENCE, served.handle.stop(true)).await.unwrap();
    drop(guest);
    line.ended().await;
}

#[actix_web::test]
async fn a_connection_that_carried_requests_can_become_a_socket() {
    let served = Served::start();
    let mut both = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    both.push_str(&ws(&[]));
    let mut line = served.say(both.as_bytes()).await;
    assert_eq!(line.told().await.status, 200);
    assert_eq!(line.told().await.status, 101);
    served.hall.guest().await;
    served.end().await;
}

#[actix_web::test]
async fn pages_of_other_origins_are_refused() {
    let served = Served::start();
    for origin in [
        // The one that is configured, as browsers write it; the page's own host, by whichever scheme.
        "https://app.example.org",
        "http://house.example:8080",
        "https://house.example:8080",
    ] {
        assert_eq!(served.ask(&ws(&[("Origin", origin)])).await.status, 101, "{origin}");
        served.hall.guest().await;
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.org@evil.example",
        "https://app.example.org/",
        "https://app.example.org, https://evil.example",
        "http://house.example",
        "http://house.example:8081",
        "http://evil@house.example:8080",
        "http://house.example:8080.evil.example",
        "file://",
        "house.example:8080",
        "*",
    ] {
        served.ask(&ws(&[("Origin", origin)])).await.refuses(403, "FORBIDDEN");
    }
    let twice =
        ws(&[("Origin", "https://app.example.org")]).replace("\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n");
    served.ask(&twice).await.refuses(403, "FORBIDDEN");
    assert!(served.hall.is_empty());
    served.end().await;
}

#[actix_web::test]
async fn a_proxy_that_is_trusted_settles_scheme_and_address() {
    let served = Served::start_with(Hall::default(), |shell| {
        shell.config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    });
    let by =
        |origin, scheme| ws(&[("Origin", origin), ("X-Forwarded-Proto", scheme), ("X-Forwarded-For", "203.0.113.7")]);
    assert_eq!(served.ask(&by("https://house.example:8080", "https")).await.status, 101);
    assert_eq!(served.hall.guest().await.ip.to_string(), "203.0.113.7");
    served.ask(&by("http://house.example:8080", "https")).await.refuses(403, "FORBIDDEN");
    served.end().await;
}

#[actix_web::test]
async fn a_wrong_handshake_says_what_is_wrong() {
    let served = Served::start();
    for (changed, status, code) in [
        (("Sec-WebSocket-Key", ""), 400, "INVALID_INPUT"),
        (("Sec-WebSocket-Key", "c2hvcnQ="), 400, "INVALID_INPUT"),
        (("Sec-WebSocket-Key", "no base64 at all !!!!!!!"), 400, "INVALID_INPUT"),
        (("Sec-WebSocket-Version", ""), 400, "INVALID_INPUT"),
        (("Sec-WebSocket-Version", "8"), 426, "UPGRADE_REQUIRED"),
        (("Sec-WebSocket-Version", "13, 8"), 426, "UPGRADE_REQUIRED"),
        (("Connection", "keep-alive"), 426, "UPGRADE_REQUIRED"),
        (("Connection", "close, Upgrade"), 426, "UPGRADE_REQUIRED"),
    ] {
        let mut line = served.say(ws(&[changed]).as_bytes()).await;
        let told = line.told().await;
        told.refuses(status, code);
        if status == 426 {
            assert_eq!(told.header("sec-websocket-version"), Some("13"), "{changed:?}");
            assert_eq!(told.header("upgrade"), Some("websocket"), "{changed:?}");
        }
        // What follows on the connection would be no HTTP.
        assert!(told.header("connection").unwrap().contains("close"), "{told:?}");
        line.ended().await;
    }
    let twice = ws(&[]).replace("\r\n\r\n", "\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
    served.ask(&twice).await.refuses(400, "INVALID_INPUT");
    served.ask(&handshake("GET /ws HTTP/1.0", &[])).await.refuses(400, "INVALID_INPUT");
    assert!(served.hall.is_empty());
    served.end().await;
}

#[actix_web::test]
async fn there_is_one_address_for_sockets_and_no_tunnel() {
    let served = Served::start();
    for path in ["/", "/api/ws", "/api/v1/ws", "/api/rooms", "/nowhere", "/ws/x", "/wss", "/docs/live"] {
        served.ask(&handshake(&format!("GET {path} HTTP/1.1"), &[])).await.refuses(404, "NOT_FOUND");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let told = served.ask(&handshake(&format!("{method} /ws HTTP/1.1"), &[])).await;
        told.refuses(405, "METHOD_NOT_ALLOWED");
        assert_eq!(told.header("allow"), Some("GET, HEAD"));
    }
    for request in [
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n".to_owned(),
        "CONNECT /ws HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        handshake("CONNECT /ws HTTP/1.1", &[]),
    ] {
        let mut line = served.say(request.as_bytes()).await;
        let told = line.told().await;
        told.refuses(405, "METHOD_NOT_ALLOWED");
        assert!(told.header("allow").unwrap().contains("GET"));
        line.ended().await;
    }
    // A slash at the end, a query and a version asked for by header mean the same as everywhere.
    assert_eq!(served.ask(&handshake("GET /ws/?x=1 HTTP/1.1", &[])).await.status, 101);
    let problem = served.ask(&ws(&[("Origin", "null"), ("API-Version", "v2")])).await;
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    let head = served.ask(&handshake("HEAD /ws HTTP/1.1", &[])).await;
    assert_eq!((head.status, head.body.as_str()), (405, ""));
    served.end().await;
}

#[actix_web::test]
async fn whoever_asks_by_plain_http_is_told_to_upgrade() {
    let served = Served::start();
    for line in
        ["GET /ws HTTP/1.1\r\nHost: x\r\n", "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"]
    {
        let told = served.ask(&format!("{line}\r\n")).await;
        told.refuses(426, "UPGRADE_REQUIRED");
        assert_eq!(told.header("upgrade"), Some("websocket"));
        assert_eq!(told.header("sec-websocket-version"), Some("13"));
    }
    let head = served.ask("HEAD /ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (426, ""));
    served.ask("POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.refuses(405, "METHOD_NOT_ALLOWED");
    // An offer of HTTP/2 is passed over, as it always was.
    let offer = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_eq!(served.ask(offer).await.status, 200);
    served.end().await;
}

#[actix_web::test]
async fn a_full_house_says_when_to_come_back() {
    for (full, status, code, seconds) in [
        (Crowded::Address { retry_after: 3 }, 429, "RATE_LIMIT_EXCEEDED", "3"),
        (Crowded::Node { retry_after: 7 }, 503, "SERVICE_UNAVAILABLE", "7"),
    ] {
        let served = Served::start_with(Hall { full: Some(full), ..Hall::default() }, |_shell| ());
        let told = served.ask(&ws(&[])).await;
        told.refuses(status, code);
        assert_eq!(told.header("retry-after"), Some(seconds));
        served.end().await;
    }
    let served = Served::start_with(Hall::default(), |shell| shell.health = Arc::new(Draining));
    let told = served.ask(&ws(&[])).await;
    told.refuses(503, "SERVICE_UNAVAILABLE");
    assert!(told.header("retry-after").is_some());
    assert_eq!(served.hall.asked.load(Ordering::SeqCst), 0);
    served.end().await;
    let served = Served::start_with(Hall::default(), |shell| shell.sockets = None);
    served.ask(&ws(&[])).await.refuses(404, "NOT_FOUND");
    served.end().await;
}

#[actix_web::test]
async fn handshakes_count_as_whatever_else_comes_from_an_address() {
    let served = Served::start_with(Hall::default(), |shell| {
        let mut limits = Limits::default();
        limits.set(Rule::Address, Some(Quota::new(3, 60)));
        shell.limits = Arc::new(limits);
    });
    for _ in 0..3 {
        assert_eq!(served.ask(&ws(&[])).await.status, 101);
    }
    let told = served.ask(&ws(&[])).await;
    told.refuses(429, "RATE_LIMIT_EXCEEDED");
    assert!(told.header("retry-after").is_some() && told.header("x-ratelimit-limit") == Some("3"), "{told:?}");
    served.end().await;
}

#[actix_web::test]
async fn a_refusal_arrives_although_more_was_sent() {
    let served = Served::start();
    let mut bytes = ws(&[("Origin", "https://evil.example")]).into_bytes();
    bytes.extend(std::iter::repeat_n(b'x', 48 * 1024));
    for _ in 0..20 {
        let mut line = served.say(&bytes).await;
        line.told().await.refuses(403, "FORBIDDEN");
        line.ended().await;
    }
    served.end().await;
}

#[actix_web::test]
async fn a_request_that_only_talks_of_sockets_is_answered_by_http() {
    let served = Served::start();
    // A body in chunks is a body, whatever `Upgrade` says.
    let chunked = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let told = served.ask(chunked).await;
    assert_eq!(told.json()["code"], "VALIDATION_ERROR", "{told:?}");
    let other = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websockets\r\n\r\n";
    assert_eq!(served.ask(other).await.status, 200);
    served.end().await;
}

#[actix_web::test]
async fn the_live_page_is_whole_and_loads_nothing_from_elsewhere() {
    let served = Served::start();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let page = served.ask(&get("/docs/live")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for asset in page.body.split(['"']).filter(|part| part.starts_with("/docs/live.")) {
        let told = served.ask(&get(asset)).await;
        assert_eq!(told.status, 200, "{asset}");
        assert_eq!(told.header("x-content-type-options"), Some("nosniff"));
        assert!(!told.body.contains("innerHTML") && !told.body.contains("http://"), "{asset}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert!(!page.body.contains("style=") && !page.body.contains("onclick") && !page.body.contains("<script>"));
    served.end().await;
}
