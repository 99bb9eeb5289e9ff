//! Who is online.

use std::{sync::atomic::Ordering, time::Duration};

use domicile_kernel::Role;
use serde_json::json;
use uuid::Uuid;

use crate::support::{World, account, hostel, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comings_and_goings_are_told_to_who_watches() {
    let world = World::new();
    for n in 1..=3 {
        world.door.admit(n, hostel(1), Role::Student);
    }
    world.door.admit(4, hostel(2), Role::Student);
    let mut watcher = world.member(1, hostel(1)).await;
    let mut deaf = world.member(3, hostel(1)).await;
    until("they are written down", || world.book.rows.lock().unwrap().len() == 2).await;
    watcher.send(json!({ "type": "subscribe", "topic": "presence" })).await;
    let now = "2026-11-21T10:00:00Z";
    assert_eq!(
        watcher.next().await,
        json!({ "type": "subscribed", "topic": "presence", "data": [
            { "user_id": account(1), "since": now }, { "user_id": account(3), "since": now }
        ] })
    );
    let _elsewhere = world.member(4, hostel(2)).await;
    let first = world.member(2, hostel(1)).await;
    assert_eq!(
        watcher.next().await,
        json!({ "type": "presence.changed", "hostel_id": hostel(1), "data": { "user_id": account(2), "online": true }, "timestamp": now })
    );
    // A second device changes nothing, and one of two that goes neither.
    let second = world.member(2, hostel(1)).await;
    drop(first);
    until("one is gone", || world.realtime.figures().members == 4).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    watcher.hears_nothing().await;
    drop(second);
    assert_eq!(watcher.next().await["data"], json!({ "user_id": account(2), "online": false }));
    // Somebody on another node.
    let row = (hostel(1), account(2), Uuid::from_u128(0xBBBB));
    let at = now.parse().unwrap();
    world.book.rows.lock().unwrap().insert(row, (at, at));
    assert_eq!(watcher.next().await["data"], json!({ "user_id": account(2), "online": true }));
    world.book.rows.lock().unwrap().remove(&row);
    assert_eq!(watcher.next().await["data"], json!({ "user_id": account(2), "online": false }));
    watcher.send(json!({ "type": "unsubscribe", "topic": "presence" })).await;
    assert_eq!(watcher.next().await, json!({ "type": "unsubscribed", "topic": "presence" }));
    let _again = world.member(2, hostel(1)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    watcher.hears_nothing().await;
    deaf.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_that_was_away_is_put_right() {
    let world = World::with(|config| config.presence_heartbeat = Duration::from_millis(50));
    for n in 1..=2 {
        world.door.admit(n, hostel(1), Role::Student);
    }
    let first = world.member(1, hostel(1)).await;
    until("written down", || world.book.rows.lock().unwrap().len() == 1).await;
    world.book.away.store(true, Ordering::SeqCst);
    let _second = world.member(2, hostel(1)).await;
    drop(first);
    until("gone", || world.realtime.figures().members == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.book.away.store(false, Ordering::SeqCst);
    let only = (hostel(1), account(2), world.node);
    until("put right", || {
        let rows = world.book.rows.lock().unwrap();
        rows.len() == 1 && rows.contains_key(&only)
    })
    .await;
    // Given up by the others: written down anew.
    world.book.rows.lock().unwrap().clear();
    until("anew", || world.book.rows.lock().unwrap().contains_key(&only)).await;
    // What a dead node left is removed.
    let dead = (hostel(1), account(9), Uuid::from_u128(0xDEAD));
    let long_ago = "2026-11-21T09:00:00Z".parse().unwrap();
    world.book.rows.lock().unwrap().insert(dead, (long_ago, long_ago));
    until("removed", || !world.book.rows.lock().unwrap().contains_key(&dead)).await;
    world.realtime.close_all().await;
    until("nobody is here", || world.book.rows.lock().unwrap().is_empty()).await;
}
