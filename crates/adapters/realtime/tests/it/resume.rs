//! Coming back: what was missed, once and in order, and then what happens, without a seam.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use domicile_kernel::{Audience, Permission, Role};
use serde_json::{Value, json};

use crate::support::{Dice, World, account, hostel, until};

fn auth(n: u128, from: i64) -> Value {
    json!({ "type": "auth", "token": format!("t{n}"), "hostel_id": hostel(1), "resume_from": from })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_comes_once_and_in_order_and_then_live() {
    let world = World::with(|config| config.replay_page = 7);
    world.door.admit(1, hostel(1), Role::Student);
    for n in 0..50 {
        let audience = match n % 5 {
            0 => Audience::Person(account(1), Permission::BookingsReadAll),
            1 => Audience::Person(account(2), Permission::BookingsReadAll),
            2 => Audience::Permission(Permission::UsersReadAll),
            _ => Audience::Hostel,
        };
        world.log.happen(hostel(1), "thing.happened", audience, json!({ "n": n }));
    }
    for from in [0, 1, 6, 7, 8, 20, 49, 50] {
        let mut client = world.connect().await;
        client.send(auth(1, from)).await;
        let success = client.next().await;
        assert_eq!((&success["type"], &success["seq"]), (&json!("auth_success"), &json!(from)));
        for seq in from + 1..=50 {
            if matches!((seq - 1) % 5, 1 | 2) {
                continue;
            }
            let event = client.next().await;
            assert_eq!(event["seq"], seq, "from {from}");
            assert_eq!(event["data"]["n"], seq - 1);
        }
        assert_eq!(client.next().await, json!({ "type": "live", "seq": 50 }));
        client.hears_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_reach_back_is_told() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    for n in 0..20 {
        world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "n": n }));
    }
    world.log.forget_before(hostel(1), 11);
    for (from, resyncs) in [(9, true), (0, true), (10, false), (15, false), (20, false), (21, true), (1_000_000, true)]
    {
        let mut client = world.connect().await;
        client.send(auth(1, from)).await;
        assert_eq!(client.next().await["type"], "auth_success");
        if resyncs {
            let told = client.next().await;
            assert_eq!((&told["type"], &told["seq"]), (&json!("resync"), &json!(20)), "from {from}");
            assert!(told["message"].is_string());
        } else {
            for seq in from + 1..=20 {
                assert_eq!(client.next().await["seq"], seq);
            }
        }
        assert_eq!(client.next().await, json!({ "type": "live", "seq": 20 }), "from {from}");
    }
    // Nothing is kept at all.
    world.log.forget_before(hostel(1), 100);
    let mut client = world.connect().await;
    client.send(auth(1, 12)).await;
    client.next().await;
    assert_eq!(client.next().await["type"], "resync");
    assert_eq!(client.next().await["type"], "live");
    world.news(hostel(1), 21).await;
    assert_eq!(client.next().await["seq"], 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_resume_begins_at_the_head_that_is_told() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    for n in 0..5 {
        world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "n": n }));
    }
    let mut first = world.connect().await;
    assert_eq!(first.auth(1, hostel(1)).await, 5);
    first.hears_nothing().await;
    world.news(hostel(1), 6).await;
    let reads = world.log.reads.load(Ordering::SeqCst);
    let mut second = world.connect().await;
    assert_eq!(second.auth(1, hostel(1)).await, 6);
    assert_eq!(world.log.reads.load(Ordering::SeqCst), reads, "a known head costs no read");
    world.news(hostel(1), 7).await;
    assert_eq!((first.next().await["seq"].clone(), first.next().await["seq"].clone()), (json!(6), json!(7)));
    assert_eq!(second.next().await["seq"], 7);
}

/// Clients come and go at random while events happen, are told in batches of any size, and told late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_replay_and_live_there_is_neither_gap_nor_duplicate() {
    const EVENTS: i64 = 3_000;
    const CLIENTS: u64 = 24;
    let seed = 0x5eed_0000 + u64::from(std::process::id());
    println!("seed {seed}");
    let world = Arc::new(World::with(|config| {
        config.replay_page = 16;
        config.replays = 3;
        config.sockets_per_account = 1_000;
        config.strangers_per_address = 1_000;
    }));
    world.door.admit(1, hostel(1), Role::Student);
    let mut clients = Vec::new();
    for nth in 0..CLIENTS {
        let world = Arc::clone(&world);
        clients.push(tokio::spawn(async move {
            let mut dice = Dice::seeded(seed.wrapping_mul(nth + 1));
            let (mut seen, mut connects) = (0, 0);
            while seen < EVENTS {
                connects += 1;
                let mut client = world.connect().await;
                client.send(auth(1, seen)).await;
                assert_eq!(client.next().await["type"], "auth_success");
                let most = dice.below(200);
                let mut live = false;
                for _ in 0..most {
                    let message = client.next().await;
                    if message["type"] == "live" {
                        assert!(!live, "live is told once");
                        live = true;
                        assert_eq!(message["seq"], seen);
                    } else {
                        assert_eq!(message["seq"], seen + 1, "client {nth}, connection {connects}, live {live}");
                        seen += 1;
                    }
                    if seen == EVENTS {
                        break;
                    }
                }
            }
            connects
        }));
    }
    let mut dice = Dice::seeded(seed);
    let mut happened = 0;
    while happened < EVENTS {
        let batch = (1 + dice.below(12)).min((EVENTS - happened) as u64);
        let events: Vec<_> =
            (0..batch).map(|_| world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({}))).collect();
        happened += batch as i64;
        // In the log, and told to nobody yet.
        tokio::time::sleep(Duration::from_micros(dice.below(2_000))).await;
        world.publish(&events).await;
    }
    let mut connects = 0;
    for client in clients {
        connects += client.await.unwrap();
    }
    assert!(connects > CLIENTS * 3, "{connects} connections");
    assert_eq!(world.realtime.figures().slow, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_replay_waits_for_its_reader_and_not_in_memory() {
    let world = World::with(|config| config.replay_page = 500);
    world.door.admit(1, hostel(1), Role::Student);
    let padding = "x".repeat(12 * 1024);
    for _ in 0..1_500 {
        world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "padding": padding }));
    }
    let mut client = world.connect().await;
    client.send(auth(1, 0)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let read_ahead = world.log.reads.load(Ordering::SeqCst);
    assert!(read_ahead <= 2, "{read_ahead} pages were read for somebody who does not read");
    client.next().await;
    for seq in 1..=1_500 {
        assert_eq!(client.next().await["seq"], seq);
    }
    assert_eq!(client.next().await["type"], "live");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_of_a_replay_is_given_up() {
    let world = World::with(|config| config.replay_patience = Duration::from_millis(300));
    world.door.admit(1, hostel(1), Role::Student);
    let padding = "x".repeat(12 * 1024);
    for _ in 0..1_500 {
        world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "padding": padding }));
    }
    let mut client = world.connect().await;
    client.send(auth(1, 0)).await;
    crate::support::until("gone", || world.realtime.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_still_reads_the_log_when_the_follower_begins_anew_is_sent_away_too() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "n": 1 }));
    world.log.holds.store(true, Ordering::SeqCst);
    let mut client = world.connect().await;
    client.send(auth(1, 0)).await;
    assert_eq!(client.next().await["type"], "auth_success");
    until("the log is read", || world.log.reads.load(Ordering::SeqCst) > 0).await;
    // Happens behind what was read, and before where the follower begins: nobody would tell it.
    world.log.happen(hostel(1), "thing.happened", Audience::Hostel, json!({ "n": 2 }));
    world.realtime.following();
    world.log.holds.store(false, Ordering::SeqCst);
    assert_eq!(client.closed(|_| ()).await.0, 1012);
}
