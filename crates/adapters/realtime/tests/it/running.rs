//! A panic in one of the hub's own tasks is not the end of what it does.

use std::{sync::atomic::Ordering, time::Duration};

use domicile_kernel::Role;
use domicile_realtime::Concerned;
use serde_json::json;

use crate::support::{World, account, hostel, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_by_time_is_done_after_a_panic() {
    let world = World::with(|config| config.auth_patience = Duration::from_millis(100));
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    until("written down", || world.book.rows.lock().unwrap().len() == 1).await;
    // From here on only the sweeper looks at the clock, for every socket that is in.
    world.hands.falls.store(true, Ordering::SeqCst);
    until("it fell", || !world.hands.falls.load(Ordering::SeqCst)).await;
    let mut silent = world.connect().await;
    assert_eq!(silent.closed(|_| ()).await.0, 4408);
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_online_is_written_down_and_told_after_a_panic() {
    let world = World::new();
    for n in 1..=2 {
        world.door.admit(n, hostel(1), Role::Student);
    }
    world.book.note_falls.store(true, Ordering::SeqCst);
    let mut watcher = world.member(1, hostel(1)).await;
    until("it fell", || !world.book.note_falls.load(Ordering::SeqCst)).await;
    until("written down", || world.book.rows.lock().unwrap().len() == 1).await;
    watcher.send(json!({ "type": "subscribe", "topic": "presence" })).await;
    assert_eq!(watcher.next().await["type"], "subscribed");
    world.book.who_falls.store(true, Ordering::SeqCst);
    until("it fell", || !world.book.who_falls.load(Ordering::SeqCst)).await;
    let _second = world.member(2, hostel(1)).await;
    let told = watcher.next().await;
    assert_eq!((&told["type"], &told["data"]["user_id"]), (&json!("presence.changed"), &json!(account(2))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_somebody_stands_is_asked_again_after_a_panic() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    world.door.expel(1, hostel(1));
    world.door.falls.store(true, Ordering::SeqCst);
    world.realtime.standing_changed(Concerned::Account(account(1)));
    assert_eq!(client.closed(|_| ()).await.0, 4403);
}
