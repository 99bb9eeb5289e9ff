//! One slow reader never delays another.

use domicile_kernel::{Audience, Role};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, World, frame, hostel, pour, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_is_ended_and_the_others_get_everything_in_order() {
    const READERS: u128 = 12;
    const EVENTS: i64 = 900;
    let world = World::new();
    let auth = |n| json!({ "type": "auth", "token": format!("t{n}"), "hostel_id": hostel(1) }).to_string();
    let mut stuck = Vec::new();
    for n in 100..104 {
        world.door.admit(n, hostel(1), Role::Student);
        let mut stream = world.raw().await;
        pour(&mut stream, &frame(0x81, auth(n).as_bytes())).await;
        // Answered when it is live, and never read from again.
        pour(&mut stream, &frame(0x81, br#"{"type":"ping"}"#)).await;
        let mut heard = Vec::new();
        while !heard.ends_with(br#"{"type":"pong"}"#) {
            stream.read_buf(&mut heard).await.unwrap();
        }
        stuck.push(stream);
    }
    let (paced, mut pace) = tokio::sync::mpsc::unbounded_channel();
    let mut readers = Vec::new();
    for n in 0..READERS {
        world.door.admit(n, hostel(1), Role::Student);
        let mut client = world.member(n, hostel(1)).await;
        client.hears_nothing().await;
        let paced = paced.clone();
        readers.push(tokio::spawn(async move {
            for seq in 1..=EVENTS {
                assert_eq!(client.next().await["seq"], seq);
                if seq % 30 == 0 {
                    paced.send(()).unwrap();
                }
            }
            client.hears_nothing().await;
        }));
    }
    until("everybody is in", || world.realtime.figures().members == 16).await;
    let padding = "x".repeat(12 * 1024);
    for seq in 1..=EVENTS {
        let event = world.log.happen(hostel(1), "room.updated", Audience::Hostel, json!({ "padding": padding }));
        world.publish(&[event]).await;
        // As fast as the readers read, so that only who does not read falls behind.
        if seq % 30 == 0 {
            for _ in 0..READERS {
                pace.recv().await.unwrap();
            }
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(world.realtime.figures().slow, 4);
    until("who was stuck is gone", || world.realtime.figures().members == 0).await;
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wakes_up_reads_whole_frames_and_the_reason() {
    let world = World::with(|config| {
        config.queue_frames = 4;
        config.close_patience = std::time::Duration::from_secs(20);
    });
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    // Whoever still catches up is waited for; only who is live falls behind.
    client.hears_nothing().await;
    let padding = "x".repeat(12 * 1024);
    let mut told = 0;
    while world.realtime.figures().slow == 0 {
        told += 1;
        assert!(told < 5_000, "{told} events wait for somebody who does not read");
        let event = world.log.happen(hostel(1), "room.updated", Audience::Hostel, json!({ "padding": padding }));
        world.publish(&[event]).await;
    }
    let mut last = 0;
    let (code, _) = client
        .closed(|event| {
            last += 1;
            assert_eq!(event["seq"], last);
        })
        .await;
    assert_eq!(code, 4008);
    assert!(last > 0);
    assert!(!matches!(client.0.next().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_kernel_does_not_take_of_many_events_told_at_once_follows_unasked() {
    const EVENTS: i64 = 200;
    let world = World::with(|config| config.queue_bytes = 16 * 1024 * 1024);
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = Client::over(world.narrow().await).await;
    client.auth(1, hostel(1)).await;
    client.hears_nothing().await;
    let data = json!({ "padding": "x".repeat(12 * 1024) });
    let events: Vec<_> =
        (0..EVENTS).map(|_| world.log.happen(hostel(1), "room.updated", Audience::Hostel, data.clone())).collect();
    world.publish(&events).await;
    // Says nothing meanwhile, which would wake the socket's task.
    for seq in 1..=EVENTS {
        assert_eq!(client.next().await["seq"], seq);
    }
}
