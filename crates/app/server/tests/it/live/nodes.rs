//! Two servers on one PostgreSQL: what is committed on one reaches the sockets of both, all of it in one order.

use std::time::{Duration, Instant};

use domicile_kernel::Role;
use domicile_testkit::socket::{Client, kind};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    crowd::{Stage, events_until, seq},
    scale::{PATIENCE, scaled},
};
use crate::{
    process::ground::{client, room},
    support::{On, Person},
};

/// Rooms made on each node.
const ROOMS: usize = scaled(60, 1_000);

async fn make_room(client: &reqwest::Client, base: &str, manager: &Person, name: &str) -> String {
    let asked = client.post(format!("{base}/api/rooms")).bearer_auth(&manager.token);
    let asked = asked.header("x-hostel-id", manager.hostel.unwrap().to_string()).json(&room(name));
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    let told: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(status, 201, "{told}");
    told["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_nodes_commit_reaches_the_sockets_of_both_in_one_order() {
    let stage = Stage::on(On::Postgres).await;
    let second = stage.second_node();
    let (manager, student) = (stage.member(Role::Manager).await, stage.member(Role::Student).await);
    stage.settled().await;
    let bases = [stage.node.base_url(), second.base_url()];
    let hostel = stage.hostel.to_string();
    let mut listening = JoinSet::new();
    for base in &bases {
        for person in [&manager, &student, &student] {
            let mut client = Client::enter(base, &person.token, &hostel).await;
            listening.spawn(async move {
                let mut rooms = 0;
                events_until(&mut client, PATIENCE, |event| {
                    rooms += usize::from(event["type"] == "room.created");
                    rooms == 2 * ROOMS
                })
                .await
            });
        }
    }
    let mut writing = JoinSet::new();
    for (number, base) in bases.iter().enumerate() {
        let (base, manager) = (base.clone(), manager.clone());
        writing.spawn(async move {
            let client = client();
            let mut made = Vec::new();
            for room in 0..ROOMS {
                made.push(make_room(&client, &base, &manager, &format!("Node {number} room {room}")).await);
            }
            made
        });
    }
    let made = writing.join_all().await;
    let heard = listening.join_all().await;
    let order: Vec<(i64, &str)> =
        heard[0].iter().map(|event| (seq(event).unwrap(), event["data"]["id"].as_str().unwrap())).collect();
    let first = order[0].0;
    assert!(order.iter().zip(first..).all(|((seq, _), expected)| *seq == expected), "a gap or a repeat");
    for other in &heard[1..] {
        let same: Vec<(i64, &str)> =
            other.iter().map(|event| (seq(event).unwrap(), event["data"]["id"].as_str().unwrap())).collect();
        assert_eq!(same, order, "two sockets saw two orders");
    }
    // What one client did on one node after another is heard after it.
    for rooms in made {
        let places: Vec<usize> =
            rooms.iter().map(|id| order.iter().position(|(_, heard)| heard == id).unwrap()).collect();
        assert!(places.is_sorted());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_one_node_is_heard_on_the_other() {
    let stage = Stage::on(On::Postgres).await;
    let second = stage.second_node();
    let (manager, student) = (stage.member(Role::Manager).await, stage.member(Role::Student).await);
    stage.settled().await;
    let mut there = Client::enter(&second.base_url(), &student.token, &stage.hostel.to_string()).await;
    let client = client();
    let mut slowest = Duration::ZERO;
    for number in 0..20 {
        let id = make_room(&client, &stage.node.base_url(), &manager, &format!("Echo {number}")).await;
        let made = Instant::now();
        let heard = there.until_in(PATIENCE, |message| kind(message) == "room.created").await;
        assert_eq!(heard.last().unwrap()["data"]["id"], id);
        slowest = slowest.max(made.elapsed());
    }
    // How soon depends on what else the machine does: told, not judged.
    println!("an event of the other node was heard after at most {slowest:?}");
}
