//! What an idle socket costs. It is read off the whole process, so this test is a binary of its own: beside it nothing else
//! may take memory or give it back.
#![expect(clippy::unwrap_used, reason = "a test that asks for what is not there fails, which is its purpose")]

#[path = "it/support.rs"]
#[expect(dead_code, clippy::expect_used, clippy::indexing_slicing, reason = "most of it is for the tests beside it")]
mod support;

use std::io::{Read, Write};

use domicile_kernel::Role;
use serde_json::json;

use support::{World, frame, hostel, until};

fn resident_anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_socket_costs_little_memory() {
    const SOCKETS: usize = 3_000;
    let world = World::with(|config| {
        config.strangers_per_address = u32::MAX;
        config.sockets_per_account = usize::MAX;
    });
    let mut clients = Vec::with_capacity(SOCKETS);
    let mut before = 0;
    for nth in 0..SOCKETS + 200 {
        // The first are for what is made once.
        if nth == 200 {
            until("in", || world.realtime.figures().members == 200).await;
            before = resident_anonymous_kib();
        }
        let n = nth as u128 / 4;
        world.door.admit(n, hostel(n % 5), Role::Student);
        let mut client = world.raw().await.into_std().unwrap();
        client.set_nonblocking(false).unwrap();
        let auth = json!({ "type": "auth", "token": format!("t{n}"), "hostel_id": hostel(n % 5) }).to_string();
        client.write_all(&frame(0x81, auth.as_bytes())).unwrap();
        let mut answer = [0; 64];
        assert!(tokio::task::block_in_place(|| client.read(&mut answer)).unwrap() > 2);
        clients.push(client);
    }
    until("all are in", || world.realtime.figures().members == (SOCKETS + 200) as u64).await;
    // Several sweeps, and something told to each.
    for n in 0..5 {
        world.news(hostel(n), 1).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    // It may have become less.
    let each = (resident_anonymous_kib() as f64 - before as f64) / SOCKETS as f64;
    println!("{each:.2} KiB each");
    assert!(each < 4.0, "{each:.2} KiB each");
}
