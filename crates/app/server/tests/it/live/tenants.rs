//! Fifty hostels with sockets and ten thousand events: nobody hears of another house, nor of another person.

use std::time::Instant;

use domicile_kernel::{AccountId, HostelId, Role};
use domicile_testkit::socket::Client;
use tokio::task::JoinSet;

use super::{
    crowd::{MANAGER, Run, Seen, Stage, commit, events_until, head, hostel, settled, visible},
    scale::{PATIENCE, scaled},
};
use crate::support::{Dice, On, Person, people::member_of};

const HOSTELS: usize = 50;
const EVENTS: usize = scaled(10_000, 100_000);
const LAST: &str = "room.deleted";

/// A house with a manager and two students.
struct House {
    id: HostelId,
    people: Vec<Person>,
    start: i64,
}

/// One listener: what they heard up to the last event, checked for what can be seen without knowing the rest.
async fn listen(mut client: Client, house: HostelId, who: AccountId, manager: bool) -> Vec<Seen> {
    let came = events_until(&mut client, PATIENCE, |event| event["type"] == LAST).await;
    for event in &came {
        assert_eq!(event["hostel_id"], house.to_string(), "an event of another house: {event}");
        let person = &event["user_id"];
        assert!(manager || person.is_null() || *person == who.to_string(), "an event of somebody else: {event}");
    }
    came.iter().filter_map(Seen::of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_in_fifty_houses_reach_nobody_they_do_not_concern() {
    let mut dice = Dice::thrown("events of fifty houses");
    let stage = Stage::on(On::Sqlite).await;
    let mut owner = stage.ground.owner().await;
    let mut houses = Vec::with_capacity(HOSTELS);
    for number in 0..HOSTELS {
        let id = hostel(&stage.office, &format!("House {number}")).await;
        let mut people = Vec::new();
        for role in [Role::Manager, Role::Student, Role::Student] {
            people.push(member_of(&stage.office, id, role).await);
        }
        houses.push(House { id, people, start: 0 });
    }
    settled(&mut owner).await;
    let base = stage.node.base_url();
    let mut listening = JoinSet::new();
    for (number, house) in houses.iter_mut().enumerate() {
        house.start = head(&mut owner, house.id).await;
        for (place, person) in house.people.iter().enumerate() {
            let client = Client::enter(&base, &person.token, &house.id.to_string()).await;
            let (id, who) = (house.id, person.id);
            listening.spawn(async move { (number, place, listen(client, id, who, place == 0).await) });
        }
    }

    let started = Instant::now();
    let mut n = 0;
    while n < EVENTS {
        // Fifty houses in one transaction, so that their events lie between one another in the outbox.
        owner.run("BEGIN").await;
        for _ in 0..HOSTELS {
            let house = dice.one_of(&houses);
            let (first, second) = (house.people[1].id, house.people[2].id);
            let (kind, audience) = match dice.below(6) {
                0 => ("room.updated", "hostel".to_owned()),
                1 => ("booking.updated", format!("person:{first}:bookings:read:all")),
                2 => ("booking.updated", format!("person:{second}:bookings:read:all")),
                3 => ("profile.updated", format!("account:{first}")),
                4 => ("user.updated", "permission:users:read:all".to_owned()),
                // Of a person who lives elsewhere: nobody of this house but its manager.
                _ => ("booking.created", format!("person:{}:bookings:read:all", dice.one_of(&houses).people[1].id)),
            };
            let to = (n + 1 + dice.below(3) as usize).min(EVENTS);
            commit(&mut owner, Run { hostel: house.id, kind, audience, from: n, to, pad: 32 }).await;
            n = to;
            if n == EVENTS {
                break;
            }
        }
        owner.run("COMMIT").await;
    }
    for house in &houses {
        let run = Run { hostel: house.id, kind: LAST, audience: "hostel".to_owned(), from: n, to: n + 1, pad: 0 };
        commit(&mut owner, run).await;
        n += 1;
    }
    let (mut heard, mut listeners) = (0, 0);
    while let Some(told) = listening.join_next().await {
        let (number, place, seen) = told.unwrap();
        let house = &houses[number];
        let holds = if place == 0 { MANAGER } else { &[] };
        let expected = visible(&mut owner, house.id, house.start, house.people[place].id, holds).await;
        assert_eq!(seen, expected, "house {number}, person {place}");
        heard += seen.len();
        listeners += 1;
    }
    println!("{n} events in {HOSTELS} houses, heard {heard} times by {listeners} sockets, {:?}", started.elapsed());
    assert!(heard > EVENTS, "managers hear nearly everything");
}
