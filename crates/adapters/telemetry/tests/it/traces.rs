//! Spans on their way to a collector: one trace from a request to what is done for it later.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use domicile_kernel::ports::fixed::FixedClock;
use domicile_telemetry::{Options, TelemetryError, current_traceparent, dispatch, follow};

/// Takes whatever is posted and says that it is well.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&taken);
    std::thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            let taken = Arc::clone(&theirs);
            std::thread::spawn(move || take(stream, &taken));
        }
    });
    (address, taken)
}

fn take(mut stream: TcpStream, taken: &Mutex<Vec<u8>>) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length: usize =
            text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap().trim().parse().unwrap();
        if seen.len() < head + 4 + length {
            continue;
        }
        taken.lock().unwrap().extend_from_slice(&seen);
        seen.clear();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn options(endpoint: &str) -> Options {
    let writer = tracing_subscriber::fmt::writer::BoxMakeWriter::new(std::io::sink);
    let clock = FixedClock::at("2026-01-20T10:30:00Z");
    Options { writer, otlp_endpoint: Some(endpoint.to_owned()), ..Options::new(clock) }
}

fn times(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

#[test]
fn a_request_what_it_asks_of_the_database_and_what_is_done_later_are_one_trace() {
    let (address, taken) = collector();
    let (dispatch, running) = dispatch(options(&address)).unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    tracing::dispatcher::with_default(&dispatch, || {
        let request = tracing::info_span!(target: "domicile_http", "request");
        follow(&request, Some(parent));
        let stored = request.in_scope(|| {
            tracing::debug_span!(target: "domicile_db", "sql", kind = "insert").in_scope(|| ());
            tracing::info_span!(target: "hyper", "somebody else's").in_scope(|| ());
            current_traceparent().unwrap()
        });
        assert!(stored.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && stored.ends_with("-01"), "{stored}");
        assert_ne!(stored, parent, "what is stored names our own span");
        drop(request);
        let later = tracing::debug_span!(target: "domicile_server", "delivery");
        follow(&later, Some(&stored));
        later.in_scope(|| ());
        drop(later);
        let own = tracing::debug_span!(target: "domicile_server", "alone");
        follow(&own, Some("no traceparent"));
        own.in_scope(|| ());
    });
    running.flush();
    let sent = taken.lock().unwrap().clone();
    let trace = [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
    assert_eq!(times(&sent, &trace), 3, "request, sql and delivery share a trace");
    for name in ["request", "sql", "delivery", "alone"] {
        assert_eq!(times(&sent, name.as_bytes()), 1, "{name}");
    }
    assert_eq!(times(&sent, b"somebody else's"), 0);
}

#[tokio::test]
async fn they_can_be_set_up_and_ended_inside_a_runtime_of_one_thread() {
    let (address, taken) = collector();
    let (dispatch, running) = dispatch(options(&address)).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        tracing::info_span!(target: "domicile_http", "request").in_scope(|| ());
    });
    drop(running);
    assert_eq!(times(&taken.lock().unwrap(), b"request"), 1, "what was left is sent at the end");
}

#[test]
fn an_address_that_is_none_is_refused() {
    assert!(matches!(dispatch(options("https://collector")).err(), Some(TelemetryError::Traces(_))));
}
