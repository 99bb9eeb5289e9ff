//! An orderly end with five hundred sockets and three hundred requests a second: no request that was accepted fails, every
//! socket is told to come back, and the end comes in time.

use std::time::{Duration, Instant};

use domicile_kernel::{HostelId, Role};
use tokio::task::JoinSet;

use super::crowd::{SOCKETS_PER_ACCOUNT, enter, launch, office};
use crate::{
    process::ground::{Ground, Visitor, start},
    process::load::{End, Load, judge},
    support::{On, people::member_of},
};

const SOCKETS: usize = 500;
/// Clients with ten requests a second each.
const CLIENTS: u64 = 30;
const DRAIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_fails_nobody_it_let_in_and_sends_every_socket_elsewhere() {
    let ground = Ground::on(On::Sqlite).await;
    let mut node = start(launch(&ground).arg("--demo").env("DOMICILE_DRAIN_SECONDS", DRAIN.as_secs().to_string()));
    let demo = ground.demo();
    let admin = Visitor::of_demo(&demo, &node.base_url(), "admin").await;
    let hostel: HostelId = demo["hostels"][0]["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap().into();
    let office = office(&ground).await;
    let mut people = Vec::new();
    for _ in 0..SOCKETS.div_ceil(SOCKETS_PER_ACCOUNT) {
        people.push(member_of(&office, hostel, Role::Student).await);
    }
    office.database.close().await;
    let sockets = enter(&node.base_url(), hostel, &people, SOCKETS).await;
    let mut closing = JoinSet::new();
    for mut socket in sockets {
        closing.spawn(async move { (socket.closed_in(Duration::from_mins(1)).await, Instant::now()) });
    }

    let load = Load::begin(&admin, CLIENTS);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(admin.get("/health/ready").await.0, 200);
    assert!(closing.try_join_next().is_none(), "a socket ended before the server did");
    node.terminate();
    let told = Instant::now();
    while admin.get("/health/ready").await.0 != 503 {
        assert!(told.elapsed() < DRAIN, "readiness is not refused while it drains");
    }
    let draining = Instant::now();

    let tales = load.ended().await;
    let ends = closing.join_all().await;
    let status = tokio::task::block_in_place(|| node.wait(Duration::from_secs(30)));
    let took = told.elapsed();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(30), "the end took {took:?}");

    for ((code, reason), _) in &ends {
        assert_eq!(*code, 1_012, "{reason}");
    }
    let last = ends.iter().map(|(_, at)| at.duration_since(told)).max().unwrap();
    let first = ends.iter().map(|(_, at)| at.duration_since(told)).min().unwrap();
    let during = judge(&tales, &node.log(), End { told, draining, drain: DRAIN }, &mut ground.owner().await).await;
    println!(
        "{SOCKETS} sockets told from {first:?} to {last:?} after the signal; {} requests, {during} of them answered while it \
         drained; ended after {took:?}",
        tales.len()
    );
    assert!(during > 20, "only {during} were answered while it drained");
    assert!(!node.log().contains("panicked"));
}
