//! An event's trace reaches to its sockets.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use domicile_kernel::{Audience, Role};
use domicile_telemetry::{Options, dispatch};
use serde_json::json;

use crate::support::{World, hostel};

/// A collector that says that all is well, and what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, taken) = (stream.unwrap(), Arc::clone(&taken));
            std::thread::spawn(move || {
                let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    seen.extend_from_slice(&buffer[..read]);
                    let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                    let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
                    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
                    if seen.len() >= head + 4 + length.trim().parse::<usize>().unwrap() {
                        taken.lock().unwrap().append(&mut seen);
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    }
                }
            });
        }
    });
    (address, sent)
}

fn times(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

// One thread: what is traced is so in this one only.
#[tokio::test]
async fn each_event_told_to_sockets_is_a_span_of_its_own_trace() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    let (address, sent) = collector();
    let options =
        Options { otlp_endpoint: Some(address), filter: "error".to_owned(), ..Options::new(world.clock.clone()) };
    let (dispatch, running) = dispatch(options).unwrap();
    let guard = tracing::dispatcher::set_default(&dispatch);
    let events = ["4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736"].map(|trace| {
        let mut event = world.log.happen(hostel(1), "room.updated", Audience::Hostel, json!({}));
        event.trace = Some(format!("00-{trace}-00f067aa0ba902b7-01"));
        event
    });
    world.publish(&events).await;
    assert_eq!([client.next().await["seq"].clone(), client.next().await["seq"].clone()], [1, 2]);
    drop(guard);
    running.flush();
    let sent = sent.lock().unwrap().clone();
    let rest = [0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
    for first in [0x4b, 0x5b] {
        assert_eq!(times(&sent, &[&[first][..], &rest].concat()), 1);
    }
}
