//! Letting in.

use std::time::Duration;

use domicile_kernel::Role;
use domicile_realtime::NoRoom;
use serde_json::json;

use crate::support::{Client, World, account, frame, hostel, pour, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_a_token_is_in_and_hears_what_happens() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.connect().await;
    client.send(json!({ "type": "auth", "token": "Bearer t1", "hostel_id": hostel(1) })).await;
    let answer = client.next().await;
    assert_eq!(
        answer,
        json!({ "type": "auth_success", "user_id": account(1), "hostel_id": hostel(1), "seq": 0, "timestamp": "2026-11-21T10:00:00Z" })
    );
    let event = world.news(hostel(1), 7).await;
    assert_eq!(
        client.next().await,
        json!({ "type": "room.updated", "hostel_id": hostel(1), "data": { "n": 7 }, "timestamp": event.at, "seq": 1 })
    );
    assert_eq!(world.realtime.connections(), 1);
    drop(client);
    until("the socket is forgotten", || world.realtime.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_society_is_a_hostel_and_a_ticket_is_as_good_as_a_token() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Resident);
    for auth in [
        json!({ "type": "auth", "token": "t1", "society_id": hostel(1) }),
        json!({ "type": "auth", "token": "bearer t1", "hostel_id": hostel(1) }),
        json!({ "type": "auth", "ticket": "t1", "hostel_id": hostel(1), "resume_from": null }),
    ] {
        let mut client = world.connect().await;
        client.send(auth.clone()).await;
        assert_eq!(client.next().await["type"], "auth_success", "{auth}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_with_the_handshake_is_not_lost() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let auth = json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) }).to_string();
    let mut bytes = frame(0x81, auth.as_bytes());
    bytes.extend(frame(0x81, br#"{"type":"ping"}"#));
    for cut in [bytes.len(), 1, 5, auth.len()] {
        let mut stream = world.raw_with(&bytes[..cut]).await;
        pour(&mut stream, &bytes[cut..]).await;
        let mut client = Client::over(stream).await;
        assert_eq!(client.next().await["type"], "auth_success");
        assert_eq!(client.next().await["type"], "pong");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_come_in_pieces() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let auth = json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) }).to_string();
    let mut stream = world.raw().await;
    let pieces = auth.as_bytes().chunks(7);
    let last = pieces.len() - 1;
    for (nth, piece) in pieces.enumerate() {
        let first = u8::from(nth == 0) | if nth == last { 0x80 } else { 0 };
        let bytes = frame(first, piece);
        for byte in bytes.chunks(3) {
            pour(&mut stream, byte).await;
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(Client::over(stream).await.next().await["type"], "auth_success");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_token_prolongs_the_socket() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    *world.door.expires_at.lock().unwrap() = Some("2026-11-21T10:15:00Z".parse().unwrap());
    let mut client = world.member(1, hostel(1)).await;
    *world.door.expires_at.lock().unwrap() = Some("2026-11-21T10:30:00Z".parse().unwrap());
    client.send(json!({ "type": "auth", "token": "t1@5", "hostel_id": hostel(1) })).await;
    assert_eq!(client.next().await["type"], "auth_success");
    world.clock.advance(Duration::from_mins(20));
    tokio::time::sleep(Duration::from_millis(60)).await;
    client.hears_nothing().await;
    // It belongs to the newer session now.
    world.realtime.session_ended(crate::support::session(1));
    client.hears_nothing().await;
    world.realtime.session_ended(crate::support::session(5));
    assert_eq!(client.closed(|_| ()).await.0, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_stays_whose_it_is() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    world.door.admit(2, hostel(1), Role::Student);
    world.door.admit(1, hostel(2), Role::Student);
    for auth in [
        json!({ "type": "auth", "token": "t2", "hostel_id": hostel(1) }),
        json!({ "type": "auth", "token": "t1", "hostel_id": hostel(2) }),
    ] {
        let mut client = world.member(1, hostel(1)).await;
        client.send(auth).await;
        assert_eq!(client.closed(|_| ()).await.0, 4400);
    }
    let mut client = world.member(1, hostel(1)).await;
    client.send(json!({ "type": "auth", "token": "wrong", "hostel_id": hostel(1) })).await;
    assert_eq!(client.closed(|_| ()).await.0, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_of_one_address_are_bounded_until_they_sign_in() {
    let world = World::with(|config| config.strangers_per_address = 3);
    world.door.admit(1, hostel(1), Role::Student);
    let here = "127.0.0.1".parse().unwrap();
    let mut first = world.connect().await;
    let _second = world.connect().await;
    assert_eq!(world.realtime.room_for(here), Ok(()));
    let _third = world.connect().await;
    assert_eq!(world.realtime.room_for(here), Err(NoRoom::Strangers));
    assert_eq!(world.realtime.room_for("127.0.0.2".parse().unwrap()), Ok(()));
    first.auth(1, hostel(1)).await;
    assert_eq!(world.realtime.room_for(here), Ok(()));
    drop(first);
    until("gone", || world.realtime.connections() == 2).await;
    assert_eq!(world.realtime.room_for(here), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_so_many_sockets_and_the_process_has_so_many() {
    let world = World::with(|config| {
        config.sockets_per_account = 2;
        config.sockets = 3;
    });
    world.door.admit(1, hostel(1), Role::Student);
    let _first = world.member(1, hostel(1)).await;
    let second = world.member(1, hostel(1)).await;
    let mut third = world.connect().await;
    assert_eq!(world.realtime.room_for("10.0.0.1".parse().unwrap()), Err(NoRoom::Full));
    third.send(json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) })).await;
    assert_eq!(third.closed(|_| ()).await.0, 1008);
    drop((second, third));
    until("they are gone", || world.realtime.connections() == 1).await;
    world.member(1, hostel(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_let_in_before_the_follower_knows_where_it_stands() {
    let world = World::not_following(|_| ());
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.connect().await;
    client.send(json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) })).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.door.knocks.load(std::sync::atomic::Ordering::SeqCst), 0);
    world.realtime.following();
    assert_eq!(client.next().await["type"], "auth_success");
    // A follower that begins anew has passed events by.
    world.realtime.following();
    assert_eq!(client.closed(|_| ()).await.0, 1012);
}
