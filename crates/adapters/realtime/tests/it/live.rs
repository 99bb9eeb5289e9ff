//! What happens reaches whom it concerns, in order, and nobody else.

use domicile_kernel::{Audience, Permission, Role};
use serde_json::json;

use crate::support::{World, account, hostel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hears_what_concerns_them() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    world.door.admit(2, hostel(1), Role::Student);
    world.door.admit(3, hostel(1), Role::Manager);
    world.door.admit(4, hostel(2), Role::Admin);
    let mut guest = world.member(1, hostel(1)).await;
    let mut other = world.member(2, hostel(1)).await;
    let mut manager = world.member(3, hostel(1)).await;
    let mut elsewhere = world.member(4, hostel(2)).await;
    let log = &world.log;
    let events = [
        log.happen(hostel(1), "booking.created", Audience::Person(account(1), Permission::BookingsReadAll), json!({})),
        log.happen(hostel(1), "user.created", Audience::Permission(Permission::UsersReadAll), json!({})),
        log.happen(hostel(1), "secret", Audience::Account(account(2)), json!({})),
        log.happen(hostel(1), "room.created", Audience::Hostel, json!({})),
    ];
    world.publish(&events).await;
    let first = guest.next().await;
    assert_eq!(
        (&first["type"], &first["user_id"], &first["seq"]),
        (&json!("booking.created"), &json!(account(1)), &json!(1))
    );
    let mut heard = vec![first["seq"].clone(), guest.next().await["seq"].clone()];
    assert_eq!(heard, [1, 4]);
    heard = vec![other.next().await["seq"].clone(), other.next().await["seq"].clone()];
    assert_eq!(heard, [3, 4]);
    heard = vec![
        manager.next().await["seq"].clone(),
        manager.next().await["seq"].clone(),
        manager.next().await["seq"].clone(),
    ];
    assert_eq!(heard, [1, 2, 4]);
    for client in [&mut guest, &mut other, &mut manager, &mut elsewhere] {
        client.hears_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_audience_reaches_nobody() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::SuperAdmin);
    let mut client = world.member(1, hostel(1)).await;
    client.hears_nothing().await;
    let mut event = world.log.happen(hostel(1), "room.created", Audience::Hostel, json!({}));
    event.audience = "everybody".to_owned();
    world.publish(&[event]).await;
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sockets_hear_everything_in_order_over_several_tasks() {
    const SOCKETS: u128 = 300;
    const EVENTS: i64 = 400;
    let world = World::with(|config| config.fan_out_at = 16);
    let mut readers = Vec::new();
    for n in 0..SOCKETS {
        world.door.admit(n, hostel(1), Role::Student);
        let mut client = world.member(n, hostel(1)).await;
        readers.push(tokio::spawn(async move {
            for seq in 1..=EVENTS {
                assert_eq!(client.next().await["seq"], seq);
            }
            client.hears_nothing().await;
        }));
    }
    let mut told = 0;
    for batch in [1, 3, 50, 7, 1, 138, 200] {
        let events: Vec<_> = (0..batch)
            .map(|n| world.log.happen(hostel(1), "room.updated", Audience::Hostel, json!({ "n": n })))
            .collect();
        world.publish(&events).await;
        // Told twice, heard once.
        world.publish(&events).await;
        told += batch;
    }
    assert_eq!(told, EVENTS);
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(world.realtime.figures().slow, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_passes_an_event_by_sends_the_sockets_away() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    client.hears_nothing().await;
    world.news(hostel(1), 1).await;
    assert_eq!(client.next().await["seq"], 1);
    world.log.happen(hostel(1), "room.updated", Audience::Hostel, json!({}));
    world.news(hostel(1), 3).await;
    assert_eq!(client.closed(|event| panic!("{event}")).await.0, 1012);
}
