//! What changes about a person reaches their sockets.

use std::{sync::atomic::Ordering, time::Duration};

use domicile_kernel::{Audience, Permission, Role};
use domicile_realtime::Concerned;
use serde_json::json;

use crate::support::{World, account, hostel, session, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_of_an_ended_session_end_and_hear_nothing_more() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut ended = world.member(1, hostel(1)).await;
    let mut other = world.connect().await;
    other.send(json!({ "type": "auth", "token": "t1@2", "hostel_id": hostel(1) })).await;
    other.next().await;
    world.realtime.session_ended(session(1));
    world.news(hostel(1), 1).await;
    assert_eq!(ended.closed(|event| panic!("{event}")).await.0, 4401);
    assert_eq!(other.next().await["seq"], 1, "the other sign-in of the same person goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_nodes_revocation_is_heard_by_its_event_and_never_sent() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Admin);
    world.door.admit(2, hostel(1), Role::SuperAdmin);
    let mut ended = world.member(1, hostel(1)).await;
    let mut other = world.member(2, hostel(1)).await;
    let revoked =
        world.log.happen(hostel(1), "session.revoked", Audience::Account(account(2)), json!({ "id": session(1) }));
    world.publish(&[revoked]).await;
    assert_eq!(ended.closed(|event| panic!("{event}")).await.0, 4401);
    other.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_member_any_more_is_sent_away() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    world.door.admit(2, hostel(1), Role::Student);
    let mut gone = world.member(1, hostel(1)).await;
    let mut stays = world.member(2, hostel(1)).await;
    world.door.expel(1, hostel(1));
    world.realtime.standing_changed(Concerned::Hostel(hostel(1)));
    assert_eq!(gone.closed(|_| ()).await.0, 4403);
    stays.hears_nothing().await;
    world.door.expel(2, hostel(1));
    world.realtime.standing_changed(Concerned::Account(account(2)));
    assert_eq!(stays.closed(|_| ()).await.0, 4403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_role_hears_less_and_a_won_one_more() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Manager);
    let mut client = world.member(1, hostel(1)).await;
    let private = |n: i64| {
        world.log.happen(
            hostel(1),
            "booking.created",
            Audience::Person(account(9), Permission::BookingsReadAll),
            json!({ "n": n }),
        )
    };
    world.publish(&[private(1)]).await;
    assert_eq!(client.next().await["data"]["n"], 1);
    for (role, hears) in [(Role::Student, false), (Role::Admin, true)] {
        world.door.admit(1, hostel(1), role);
        let asked = world.door.knocks.load(Ordering::SeqCst);
        let changed = world.log.happen(
            hostel(1),
            "user.updated",
            Audience::Permission(Permission::SettingsUpdate),
            json!({ "id": account(1) }),
        );
        world.publish(&[changed]).await;
        until("asked again", || world.door.knocks.load(Ordering::SeqCst) > asked).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        world.publish(&[private(2)]).await;
        if hears {
            assert_eq!(client.next().await["data"]["n"], 2);
        }
        client.hears_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_the_door_is_asked_does_not_slip_in() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    *world.door.slow.lock().unwrap() = Duration::from_millis(200);
    let mut client = world.connect().await;
    client.send(json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) })).await;
    until("the door is asked", || world.door.knocks.load(Ordering::SeqCst) == 1).await;
    // The door has decided already.
    world.door.ended.lock().unwrap().insert(session(1));
    world.realtime.session_ended(session(1));
    assert_eq!(client.closed(|_| ()).await.0, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_is_asked_until_it_answers() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    world.door.away.store(true, Ordering::SeqCst);
    world.door.expel(1, hostel(1));
    world.realtime.standing_changed(Concerned::Account(account(1)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    client.hears_nothing().await;
    world.door.away.store(false, Ordering::SeqCst);
    assert_eq!(client.closed(|_| ()).await.0, 4403);
}

/// Asked about again, and the answer is decided and on its way.
async fn asked(world: &World, change: impl FnOnce()) {
    let knocks = world.door.knocks.load(Ordering::SeqCst);
    change();
    world.realtime.standing_changed(Concerned::Account(account(1)));
    until("asked again", || world.door.knocks.load(Ordering::SeqCst) > knocks).await;
}

const SLOW: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_does_not_undo_a_later_one() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Manager);
    let mut client = world.member(1, hostel(1)).await;
    *world.door.slow_again.lock().unwrap() = SLOW;
    asked(&world, || world.door.admit(1, hostel(1), Role::Student)).await;
    *world.door.slow_again.lock().unwrap() = Duration::ZERO;
    asked(&world, || world.door.admit(1, hostel(1), Role::Manager)).await;
    // By then the first answer has come, whenever the second was asked for.
    tokio::time::sleep(2 * SLOW).await;
    let audience = Audience::Person(account(9), Permission::BookingsReadAll);
    world.publish(&[world.log.happen(hostel(1), "booking.created", audience, json!({}))]).await;
    assert_eq!(client.next().await["seq"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_a_sign_in_that_was_left_ends_nothing() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    *world.door.slow_again.lock().unwrap() = SLOW;
    asked(&world, || {
        world.door.ended.lock().unwrap().insert(session(1));
    })
    .await;
    client.send(json!({ "type": "auth", "token": "t1@2", "hostel_id": hostel(1) })).await;
    assert_eq!(client.next().await["type"], "auth_success");
    let knocks = world.door.knocks.load(Ordering::SeqCst);
    until("asked about the new one", || world.door.knocks.load(Ordering::SeqCst) > knocks).await;
    client.hears_nothing().await;
}
