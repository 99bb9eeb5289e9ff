//! Two servers on one PostgreSQL: what one does the other knows within a second, everything is told once, and either can go.

use std::time::{Duration, Instant};

use domicile_testkit::process::{Binary, Node};
use serde_json::json;

use super::{
    ground::{Ground, Visitor, room, start},
    ledger::{drained, ids, is_whole, plain},
};
use crate::support::On;

/// How soon one node knows what another did.
const SOON: Duration = Duration::from_secs(1);

/// Two nodes, each with a data folder of its own, the second with the first one's keys; and an admin at each.
async fn two() -> (Ground, [Node; 2], [Visitor; 2]) {
    let ground = Ground::on(On::Postgres).await;
    let first = start(ground.launch().arg("--demo"));
    let mut launch = Binary::dev().serve().data_dir(ground.folder.path().join("second"));
    launch = launch.env("DOMICILE_RATE_LIMITS__ENABLED", "false");
    launch = launch.env("DOMICILE_KEYS__RING_FILE", ground.data().join("keys.json"));
    let second = start(launch.arg("--database").arg(ground.url()));
    let here = Visitor::of_demo(&ground.demo(), &first.base_url(), "admin").await;
    let there = here.at(&second.base_url());
    (ground, [first, second], [here, there])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_made_on_one_node_is_in_the_others_cached_list_within_a_second() {
    let (_ground, _nodes, [here, there]) = two().await;
    for round in 0..5 {
        // Twice: the second answer is the kept one.
        let before = there.rooms().await;
        assert_eq!(there.rooms().await, before);
        let name = format!("Echo {round}");
        let (status, made) = here.post("/api/rooms", &room(&name)).await;
        assert_eq!(status, 201, "{made}");
        let made = Instant::now();
        assert_eq!(here.rooms().await[0], name, "one's own writes are seen at once");
        while there.rooms().await[0] != name {
            assert!(made.elapsed() < SOON, "the other node still shows the old list");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(made.elapsed() < SOON, "it took {:?}", made.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ended_on_one_node_is_refused_on_the_other_within_a_second() {
    let (_ground, _nodes, [here, there]) = two().await;
    assert_eq!(there.get("/api/auth/me").await.0, 200);
    let (status, told) = here.post("/api/auth/logout", &json!({})).await;
    assert_eq!(status, 200, "{told}");
    let ended = Instant::now();
    assert_eq!(here.get("/api/auth/me").await.0, 401, "here at once");
    while there.get("/api/auth/me").await.0 != 401 {
        assert!(ended.elapsed() < SOON, "the other node still lets them in");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_tell_everything_once_and_one_goes_on_when_the_other_is_killed() {
    let (ground, [mut first, mut second], visitors) = two().await;
    let mut made = Vec::new();
    for (number, visitor) in visitors.iter().cycle().take(40).enumerate() {
        let (status, told) = visitor.post("/api/rooms", &room(&format!("Twin {number}"))).await;
        assert_eq!(status, 201, "{told}");
        made.push(plain(told["data"]["id"].as_str().unwrap()));
        if number == 25 {
            // The first one may be in the middle of a relay batch.
            first.kill9();
            break;
        }
    }
    for number in 0..10 {
        let (status, told) = visitors[1].post("/api/rooms", &room(&format!("Widow {number}"))).await;
        assert_eq!(status, 201, "{told}");
        made.push(plain(told["data"]["id"].as_str().unwrap()));
    }
    let mut owner = ground.owner().await;
    drained(&mut owner, Duration::from_secs(5)).await;
    is_whole(&mut owner).await;
    let told = ids(&mut owner, "aggregate_id", "FROM events WHERE kind = 'room.created'").await;
    assert!(made.iter().all(|id| told.contains(id)), "a room was made and not told");
    assert!(second.is_running());
}
