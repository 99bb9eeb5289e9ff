//! Over a real socket: what only shows when bytes go over a wire.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Bench, HOSTEL, endpoints::House};
use crate::serve;

struct Served {
    address: SocketAddr,
    handle: ServerHandle,
    _bench: Bench,
}

impl Served {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let House { bench, state, .. } = House::new();
        let server = serve(listener, 1, state).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, handle, _bench: bench }
    }

    /// Writes bytes and reads until the server closes.
    async fn say(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and close before everything was written: that is one of the things tried here.
        let _unfinished = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[actix_web::test]
async fn a_head_is_a_get_without_its_body() {
    let served = Served::start();
    let answer = served.say(b"HEAD /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n") && answer.to_lowercase().contains("x-request-id: req_"), "{answer}");
    served.handle.stop(false).await;
}

#[actix_web::test]
async fn a_chunked_body_cannot_pass_the_limit() {
    let served = Served::start();
    let head = format!(
        "POST /api/rooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer admin\r\n\
         X-Hostel-ID: {HOSTEL}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let mut request = head.into_bytes();
    let chunk = vec![b' '; 0x10000];
    for _ in 0..20 {
        request.extend_from_slice(b"10000\r\n");
        request.extend_from_slice(&chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = served.say(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
    served.handle.stop(false).await;
}

#[actix_web::test]
async fn one_connection_carries_one_request_after_another() {
    let served = Served::start();
    let get = |path: &str, last: bool| {
        let close = if last { "Connection: close\r\n" } else { "" };
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\n{close}Authorization: Bearer student\r\nX-Hostel-ID: {HOSTEL}\r\n\r\n"
        )
    };
    let both = get("/v2/rooms?limit=1", false) + &get("/api/v1/nothing", false) + &get("/api/rooms/?version=v1", true);
    let answer = served.say(both.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 404").count(), 1, "{answer}");
    served.handle.stop(false).await;
}
