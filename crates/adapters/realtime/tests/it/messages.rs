//! What a client may say, and how much.

use std::time::Duration;

use domicile_kernel::Role;
use serde_json::json;

use crate::support::{World, hostel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_bound_messages_are_ignored_and_then_the_socket_is_ended() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    // With `auth` a hundred.
    for _ in 0..99 {
        client.hears_nothing().await;
    }
    for nth in 0..100 {
        client.send(json!({ "type": "ping" })).await;
        let answer = client.next().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("RATE_LIMIT_EXCEEDED")), "{nth}");
        assert!((1..=60).contains(&answer["retry_after"].as_u64().unwrap()), "{answer}");
    }
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.closed(|answer| panic!("{answer}")).await.0, 1008);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_opens_again() {
    let world = World::with(|config| {
        config.messages = 5;
        config.message_window = Duration::from_millis(300);
    });
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    for _ in 0..4 {
        client.hears_nothing().await;
    }
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await["code"], "RATE_LIMIT_EXCEEDED");
    tokio::time::sleep(Duration::from_millis(320)).await;
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_all_the_same_to_who_talks_too_much() {
    let world = World::with(|config| config.messages = 2);
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    client.hears_nothing().await;
    client.send(json!({ "type": "ping" })).await;
    assert_eq!(client.next().await["type"], "error");
    world.news(hostel(1), 1).await;
    assert_eq!(client.next().await["type"], "room.updated");
}
