//! Each way a socket ends, with its code.

use std::{sync::atomic::Ordering, time::Duration};

use domicile_kernel::Role;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::support::{Client, DEADLINE, World, frame, hostel, pour, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_sent_away_in_time() {
    let world = World::with(|config| config.auth_patience = Duration::from_millis(150));
    let begun = tokio::time::Instant::now();
    let mut client = world.connect().await;
    let (code, words) = client.closed(|_| ()).await;
    assert_eq!(code, 4408);
    assert!(words.contains("auth"), "{words}");
    assert!(begun.elapsed() >= Duration::from_millis(150));
    // A ping of the protocol is no message.
    let mut client = world.connect().await;
    client.0.send(Message::Ping("".into())).await.unwrap();
    assert_eq!(client.closed(|_| ()).await.0, 4408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_message_that_is_not_auth_ends_it() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let id = hostel(1);
    let cases = [
        (r#"{"type":"ping"}"#.to_owned(), 4401),
        (format!(r#"{{"type":"subscribe","topic":"booking","id":"{id}"}}"#), 4401),
        ("nonsense".to_owned(), 4400),
        ("[]".to_owned(), 4400),
        ("\"auth\"".to_owned(), 4400),
        (String::new(), 4400),
        (r#"{"type":"fly"}"#.to_owned(), 4400),
        (r#"{"type":"ping","extra":1}"#.to_owned(), 4400),
        (r#"{"type":"auth"}"#.to_owned(), 4400),
        (format!(r#"{{"type":"auth","hostel_id":"{id}"}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"t1","ticket":"t1","hostel_id":"{id}"}}"#), 4400),
        (format!(r#"{{"type":"auth","token":5,"hostel_id":"{id}"}}"#), 4400),
        (r#"{"type":"auth","token":"t1","hostel_id":"here"}"#.to_owned(), 4400),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{id}","society_id":"{id}"}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{id}","resume_from":-1}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{id}","resume_from":1.5}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{id}","resume_from":18446744073709551615}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{id}","password":"x"}}"#), 4400),
        (format!(r#"{{"type":"auth","token":"wrong","hostel_id":"{id}"}}"#), 4401),
        (format!(r#"{{"type":"auth","token":"","hostel_id":"{id}"}}"#), 4401),
        (format!(r#"{{"type":"auth","token":"t1","hostel_id":"{}"}}"#, hostel(9)), 4403),
        (format!(r#"{{"type":"auth","token":"t2","hostel_id":"{id}"}}"#), 4403),
    ];
    for (message, expected) in cases {
        let mut client = world.connect().await;
        client.0.send(Message::text(message.clone())).await.unwrap();
        let (code, words) = client.closed(|answer| panic!("{message}: {answer}")).await;
        assert_eq!(code, expected, "{message}: {words}");
        assert!(!words.is_empty() && !words.contains("t1"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_read_ends_a_member_too() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    for message in [
        Message::text("nonsense"),
        Message::text(r#"{"type":"subscribe","topic":"weather","id":"00000000-0000-0000-0000-000000000001"}"#),
        Message::text(r#"{"type":"subscribe","topic":"booking"}"#),
        Message::text(r#"{"type":"subscribe","topic":"presence","id":"00000000-0000-0000-0000-000000000001"}"#),
        Message::binary(b"{}".to_vec()),
    ] {
        let mut client = world.member(1, hostel(1)).await;
        client.0.send(message.clone()).await.unwrap();
        assert_eq!(client.closed(|_| ()).await.0, 4400, "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_are_bounded_before_and_behind_auth() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let auth =
        |padding: usize| json!({ "type": "auth", "token": "x".repeat(padding), "hostel_id": hostel(1) }).to_string();
    let mut client = world.connect().await;
    client.0.send(Message::text(auth(4_096))).await.unwrap();
    assert_eq!(client.closed(|_| ()).await.0, 1009);
    let mut client = world.connect().await;
    client.0.send(Message::text(auth(3_900))).await.unwrap();
    assert_eq!(client.closed(|_| ()).await.0, 4401, "as large as it may be");
    let mut client = world.member(1, hostel(1)).await;
    client.0.send(Message::text(" ".repeat(64 * 1024 + 1))).await.unwrap();
    assert_eq!(client.closed(|_| ()).await.0, 1009);
    let mut client = world.member(1, hostel(1)).await;
    let ping = r#"{"type":"ping"}"#;
    client.0.send(Message::text(format!("{ping}{}", " ".repeat(64 * 1024 - ping.len())))).await.unwrap();
    assert_eq!(client.next().await["type"], "pong");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_the_protocol_ends_it_with_its_code() {
    let world = World::new();
    let cases: [(Vec<u8>, u16); 7] = [
        (b"\x81\x01x".to_vec(), 1002),
        (frame(0x83, b"x"), 1002),
        (frame(0xc1, b"x"), 1002),
        (frame(0x80, b"x"), 1002),
        (frame(0x09, b"x"), 1002),
        (frame(0x81, b"\xff\xfe"), 1007),
        (b"\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00".to_vec(), 1009),
    ];
    for (bytes, expected) in cases {
        let mut stream = world.raw().await;
        pour(&mut stream, &bytes).await;
        let mut client = Client::over(stream).await;
        assert_eq!(client.closed(|_| ()).await.0, expected, "{bytes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_is_answered_with_its_code_and_then_nothing_follows() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    client.0.send(Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "bye".into() }))).await.unwrap();
    assert_eq!(client.closed(|_| ()).await.0, 1000);
    let end = tokio::time::timeout(DEADLINE, client.0.next()).await.unwrap();
    assert!(matches!(end, None | Some(Err(_))), "{end:?}");
    until("forgotten", || world.realtime.connections() == 0).await;
    // Without a code, and with data behind it.
    let mut stream = world.raw().await;
    pour(&mut stream, &[frame(0x88, b""), frame(0x81, b"nonsense")].concat()).await;
    let mut all = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all)).await.unwrap();
    assert_eq!(all, [0x88, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_answer_a_close_is_dropped_all_the_same() {
    let world = World::with(|config| {
        config.close_patience = Duration::from_millis(100);
        config.auth_patience = Duration::from_millis(50);
    });
    let mut stream = world.raw().await;
    let mut all = Vec::new();
    // Sends on and never answers.
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all)).await.unwrap();
    assert_eq!(&all[2..4], 4408_u16.to_be_bytes());
    until("forgotten", || world.realtime.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_two_pings_unanswered_is_gone() {
    let world = World::with(|config| config.ping_every = Duration::from_millis(80));
    world.door.admit(1, hostel(1), Role::Student);
    let mut answering = world.member(1, hostel(1)).await;
    let answers = tokio::spawn(async move {
        // Reading answers pings.
        let end = tokio::time::timeout(Duration::from_millis(800), answering.0.next()).await;
        assert!(matches!(end, Err(_) | Ok(Some(Ok(Message::Ping(_))))), "{end:?}");
        let mut pings = 0;
        while let Ok(Some(Ok(Message::Ping(_)))) =
            tokio::time::timeout(Duration::from_millis(300), answering.0.next()).await
        {
            pings += 1;
            if pings == 6 {
                break;
            }
        }
        assert_eq!(pings, 6, "it is still there after six");
    });
    let mut silent = world.raw().await;
    let auth = json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) }).to_string();
    pour(&mut silent, &frame(0x81, auth.as_bytes())).await;
    let mut all = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, silent.read_to_end(&mut all)).await.unwrap();
    let pings = all.windows(2).filter(|pair| pair == &[0x89, 0]).count();
    assert_eq!(pings, 2);
    assert!(all.windows(2).any(|pair| pair == 1001_u16.to_be_bytes()), "{all:?}");
    answers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_ends_with_its_token() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    *world.door.expires_at.lock().unwrap() = Some("2026-11-21T10:15:00Z".parse().unwrap());
    let mut client = world.member(1, hostel(1)).await;
    client.hears_nothing().await;
    world.clock.advance(Duration::from_mins(15));
    let (code, words) = client.closed(|_| ()).await;
    assert_eq!(code, 4401);
    assert!(words.contains("expired"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_ends_it_with_1013() {
    let world = World::with(|config| config.door_patience = Duration::from_millis(200));
    world.door.admit(1, hostel(1), Role::Student);
    let auth = json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1), "resume_from": 0 });
    world.door.away.store(true, Ordering::SeqCst);
    let mut client = world.connect().await;
    client.send(auth.clone()).await;
    assert_eq!(client.closed(|_| ()).await.0, 1013);
    world.door.away.store(false, Ordering::SeqCst);
    *world.door.slow.lock().unwrap() = Duration::from_secs(5);
    let mut client = world.connect().await;
    client.send(auth.clone()).await;
    assert_eq!(client.closed(|_| ()).await.0, 1013);
    *world.door.slow.lock().unwrap() = Duration::ZERO;
    world.log.away.store(true, Ordering::SeqCst);
    let mut client = world.connect().await;
    client.send(auth).await;
    assert_eq!(client.closed(|_| ()).await.0, 1013);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_of_a_restart_and_nobody_comes_in_after_it() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(world.member(1, hostel(1)).await);
    }
    let stranger = world.connect().await;
    clients.push(stranger);
    let begun = tokio::time::Instant::now();
    world.realtime.close_all().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    for client in &mut clients {
        assert_eq!(client.closed(|_| ()).await.0, 1012);
    }
    assert!(world.realtime.room_for("10.0.0.1".parse().unwrap()).is_err());
    let mut late = world.connect().await;
    assert_eq!(late.closed(|_| ()).await.0, 1012);
}
