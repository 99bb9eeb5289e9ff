//! An orderly end under load: whoever was let in is answered, whoever comes meanwhile is sent elsewhere.

use std::time::{Duration, Instant};

use super::{
    ground::{Ground, Visitor, start},
    load::{End, Load, judge},
};
use crate::support::On;

/// Clients, each with a request in a tenth of a second: 200 a second.
const CLIENTS: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_server_answers_everybody_it_let_in_and_sends_the_rest_elsewhere() {
    const DRAIN: Duration = Duration::from_secs(3);
    let ground = Ground::on(On::Sqlite).await;
    let mut node = start(ground.launch().arg("--demo").env("DOMICILE_DRAIN_SECONDS", DRAIN.as_secs().to_string()));
    let admin = Visitor::of_demo(&ground.demo(), &node.base_url(), "admin").await;
    let load = Load::begin(&admin, CLIENTS);
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(admin.get("/health/ready").await.0, 200);
    node.terminate();
    let terminated = Instant::now();
    let told = loop {
        let (status, told) = admin.get("/health/ready").await;
        if status == 503 {
            break told;
        }
        assert!(terminated.elapsed() < DRAIN, "readiness is not refused while it drains");
    };
    let draining = Instant::now();
    assert_eq!(told["status"], "draining");

    let tales = load.ended().await;
    let status = tokio::task::block_in_place(|| node.wait(Duration::from_secs(30)));
    assert!(status.success(), "{status}");
    assert!(terminated.elapsed() < Duration::from_secs(30));

    let end = End { told: terminated, draining, drain: DRAIN };
    let during = judge(&tales, &node.log(), end, &mut ground.owner().await).await;
    assert!(during > 20, "only {during} were answered while it drained");
}

/// A second signal means: now.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_drain_at_once() {
    let ground = Ground::on(On::Sqlite).await;
    let mut node = start(ground.launch().env("DOMICILE_DRAIN_SECONDS", "25"));
    node.terminate();
    while !node.log().contains("draining") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(node.is_running());
    node.terminate();
    assert!(tokio::task::block_in_place(|| node.wait(Duration::from_secs(10))).success());
}
