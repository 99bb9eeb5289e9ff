//! Subscriptions.

use domicile_kernel::{Audience, Permission, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, account, hostel, until};

const ROOM: Uuid = Uuid::from_u128(0x77);
const BOOKING: Uuid = Uuid::from_u128(0x88);

fn stay(room: Uuid) -> Value {
    json!({
        "id": BOOKING, "room_id": room, "bed_id": Uuid::from_u128(0x99), "user_id": account(9), "status": "approved",
        "check_in_date": "2026-12-01", "check_out_date": "2026-12-31", "total_price": { "amount": 1 },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_a_rooms_beds_learns_of_stays_and_not_of_people() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    world.door.admit(2, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    let mut other = world.member(2, hostel(1)).await;
    client.send(json!({ "type": "subscribe", "topic": "room.beds", "id": ROOM })).await;
    assert_eq!(
        client.next().await,
        json!({ "type": "subscribed", "topic": "room.beds", "id": ROOM, "data": { "id": ROOM } })
    );
    let audience = Audience::Person(account(9), Permission::BookingsReadAll);
    let here = world.log.happen(hostel(1), "booking.approved", audience, stay(ROOM));
    let elsewhere = world.log.happen(hostel(1), "booking.approved", audience, stay(Uuid::from_u128(0x78)));
    world.publish(&[here.clone(), elsewhere]).await;
    assert_eq!(
        client.next().await,
        json!({
            "type": "room.beds", "hostel_id": hostel(1), "timestamp": here.at, "seq": 1,
            "data": {
                "room_id": ROOM, "bed_id": Uuid::from_u128(0x99), "status": "approved",
                "check_in_date": "2026-12-01", "check_out_date": "2026-12-31",
            },
        })
    );
    // A stay that moves away frees a bed here, though the event names another room.
    let mut moved = stay(Uuid::from_u128(0x78));
    moved["previous"] = json!({
        "room_id": ROOM, "bed_id": Uuid::from_u128(0x99), "check_in_date": "2026-12-01", "check_out_date": "2026-12-31",
    });
    world.publish(&[world.log.happen(hostel(1), "booking.updated", audience, moved)]).await;
    let freed = client.next().await;
    assert_eq!((&freed["data"]["room_id"], &freed["data"]["status"]), (&json!(ROOM), &json!("released")));
    client.hears_nothing().await;
    other.hears_nothing().await;
    client.send(json!({ "type": "unsubscribe", "topic": "room.beds", "id": ROOM })).await;
    assert_eq!(client.next().await, json!({ "type": "unsubscribed", "topic": "room.beds", "id": ROOM }));
    world.publish(&[world.log.happen(hostel(1), "booking.cancelled", audience, stay(ROOM))]).await;
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_answered_by_what_the_caller_may_read_now() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Manager);
    world.door.admit(2, hostel(1), Role::Student);
    world.door.admit(3, hostel(1), Role::Guard);
    let mut manager = world.member(1, hostel(1)).await;
    manager.send(json!({ "type": "subscribe", "topic": "booking", "id": BOOKING })).await;
    let answer = manager.next().await;
    assert_eq!(
        answer,
        json!({ "type": "subscribed", "topic": "booking", "id": BOOKING, "data": { "id": BOOKING, "hostel_id": hostel(1) } })
    );
    manager.send(json!({ "type": "subscribe", "topic": "booking", "id": Uuid::nil() })).await;
    let answer = manager.next().await;
    assert_eq!(
        (&answer["type"], &answer["code"], &answer["field"]),
        (&json!("error"), &json!("NOT_FOUND"), &json!("id"))
    );
    let mut student = world.member(2, hostel(1)).await;
    student.send(json!({ "type": "subscribe", "topic": "booking", "id": BOOKING })).await;
    assert_eq!(student.next().await["code"], "FORBIDDEN");
    let mut guard = world.member(3, hostel(1)).await;
    guard.send(json!({ "type": "subscribe", "topic": "room.beds", "id": ROOM })).await;
    assert_eq!(guard.next().await["code"], "INSUFFICIENT_PERMISSIONS");
    world.publish(&[world.log.happen(hostel(1), "booking.approved", Audience::Account(account(9)), stay(ROOM))]).await;
    guard.hears_nothing().await;
    // Demoted behind the hub's back: what is asked is asked with the rights of now.
    world.door.admit(1, hostel(1), Role::Student);
    manager.send(json!({ "type": "subscribe", "topic": "booking", "id": BOOKING })).await;
    assert_eq!(manager.next().await["code"], "FORBIDDEN");
    world.door.expel(1, hostel(1));
    manager.send(json!({ "type": "subscribe", "topic": "booking", "id": BOOKING })).await;
    assert_eq!(manager.closed(|_| ()).await.0, 4403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_see_rooms_nobody_watches_beds_on() {
    let world = World::new();
    world.door.admit(1, hostel(1), Role::Student);
    let mut client = world.member(1, hostel(1)).await;
    client.send(json!({ "type": "subscribe", "topic": "room.beds", "id": ROOM })).await;
    client.next().await;
    world.door.admit(1, hostel(1), Role::Guard);
    let asked = world.door.knocks.load(std::sync::atomic::Ordering::SeqCst);
    world.realtime.standing_changed(domicile_realtime::Concerned::Account(account(1)));
    until("asked", || world.door.knocks.load(std::sync::atomic::Ordering::SeqCst) > asked).await;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    world.publish(&[world.log.happen(hostel(1), "booking.approved", Audience::Account(account(9)), stay(ROOM))]).await;
    client.hears_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_bounded_and_counted_once() {
    let world = World::with(|config| config.subscriptions = 2);
    world.door.admit(1, hostel(1), Role::Manager);
    let mut client = world.member(1, hostel(1)).await;
    for n in [1, 2, 2] {
        client.send(json!({ "type": "subscribe", "topic": "room.beds", "id": Uuid::from_u128(n) })).await;
        assert_eq!(client.next().await["type"], "subscribed");
    }
    // A refused one does not count.
    client.send(json!({ "type": "unsubscribe", "topic": "room.beds", "id": Uuid::from_u128(2) })).await;
    client.next().await;
    client.send(json!({ "type": "subscribe", "topic": "booking", "id": Uuid::nil() })).await;
    assert_eq!(client.next().await["code"], "NOT_FOUND");
    client.send(json!({ "type": "subscribe", "topic": "presence" })).await;
    assert_eq!(client.next().await["type"], "subscribed");
    client.send(json!({ "type": "subscribe", "topic": "booking", "id": BOOKING })).await;
    let answer = client.next().await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("INVALID_INPUT")));
}
