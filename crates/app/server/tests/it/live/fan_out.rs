//! Five hundred sockets in one hostel, ten of which never read: those that read get everything, in order, whatever the ten do;
//! the ten are closed; and the process does not grow by what it could not get rid of.

use std::time::{Duration, Instant};

use domicile_kernel::{HostelId, Role};
use domicile_testkit::{
    process::Node,
    socket::{Client, Raw},
};
use tokio::task::JoinSet;

use super::{
    crowd::{Run, SOCKETS_PER_ACCOUNT, Stage, commit, enter, events_until, memory},
    scale::{PATIENCE, scaled},
};
use crate::support::{On, Person};

const SOCKETS: usize = 500;
const NEVER_READ: usize = 10;
/// Events to everybody.
const EVENTS: usize = scaled(120, 1_000);
/// How often it all happens, each time with ten others that never read.
const ROUNDS: usize = scaled(7, 10);
/// The rounds after which the allocator has met its peaks: from here on it is measured.
const WARMING: usize = 3;
/// Events to those that never read, so large that neither their queue (1 MiB) nor the kernel's buffer (4 MiB at most) holds
/// them all.
const BURDEN: usize = 640;
const BURDEN_BYTES: usize = 12 * 1_024;

/// How much more than before it all the process may hold, in KiB: ten queues of 1 MiB, what the relay and the follower have in
/// hand (batches of 500 events of 12 KiB, as rows, as values and as frames), and what the allocator keeps of that.
const GROWTH: u64 = 96 * 1_024;
/// How much more than after the first rounds, however many follow, in KiB: the allocator keeps more or less of the same peaks.
/// Less than if of each later round a queue of 1 MiB were kept for each that never read. What is kept of the sockets themselves
/// is seen by what they hold open.
const FLAT: u64 = (ROUNDS - 1 - WARMING) as u64 * 10 * 1_024;

async fn to_everybody(stage: &Stage, from: usize, to: usize) {
    let run = Run { hostel: stage.hostel, kind: "room.updated", audience: "hostel".to_owned(), from, to, pad: 256 };
    commit(&mut stage.ground.owner().await, run).await;
}

/// One that reads: everything to everybody comes, once and in order, numbered as the log is. How long the slowest took is not
/// its business.
async fn reader(mut client: Client, first: usize, events: usize) -> Client {
    let last = first + events - 1;
    let came = events_until(&mut client, PATIENCE, |event| event["data"]["n"] == last).await;
    let numbers: Vec<u64> = came.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (first as u64..=last as u64).collect::<Vec<_>>(), "every event, once, in order");
    assert!(came.is_sorted_by(|a, b| a["seq"].as_i64() < b["seq"].as_i64()));
    client
}

async fn all_read(readers: Vec<Client>, first: usize, events: usize) -> Vec<Client> {
    let mut reading = JoinSet::new();
    for client in readers {
        reading.spawn(reader(client, first, events));
    }
    reading.join_all().await
}

async fn never_readers(base: &str, hostel: HostelId, person: &Person) -> Vec<Raw> {
    let mut raws = Vec::with_capacity(NEVER_READ);
    for _ in 0..NEVER_READ {
        raws.push(Raw::never_reading(base, &person.token, &hostel.to_string()).await);
    }
    raws
}

/// How many connections a process holds open.
fn connections(node: &Node) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", node.id())).unwrap().flatten();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// Waits until a process holds no more connections than these: whoever was given up leaves nothing behind.
async fn nobody_left_over(node: &Node, expected: usize) {
    let deadline = Instant::now() + PATIENCE;
    while connections(node) > expected {
        assert!(Instant::now() < deadline, "{} connections are open, not {expected}", connections(node));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Watches a process's memory while something happens; answers the most it held, in KiB.
async fn watched<T>(node: &Node, work: impl Future<Output = T>) -> (T, u64) {
    let mut most = memory(node);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return (done, most.max(memory(node))),
            () = tokio::time::sleep(Duration::from_millis(20)) => most = most.max(memory(node)),
        }
    }
}

/// Commits what is to go to everybody, counted from `first`, with what is to overwhelm one account in between.
async fn storm(stage: &Stage, deaf: &Person, first: usize) {
    const STEPS: usize = 10;
    let mut owner = stage.ground.owner().await;
    let part = |whole: usize, step: usize| whole * step / STEPS;
    for step in 0..STEPS {
        let burden = Run {
            hostel: stage.hostel,
            kind: "booking.updated",
            audience: format!("account:{}", deaf.id),
            from: part(BURDEN, step),
            to: part(BURDEN, step + 1),
            pad: BURDEN_BYTES,
        };
        commit(&mut owner, burden).await;
        to_everybody(stage, first + part(EVENTS, step), first + part(EVENTS, step + 1)).await;
    }
}

/// Reads what one that never read was sent before the server gave it up; whether it could still be told why.
async fn was_given_up(mut raw: Raw) -> bool {
    assert_eq!(raw.answer().await.status, 101);
    let mut events = 0;
    let end = loop {
        match raw.read_frame().await {
            Some((first, payload)) if first & 0x0f == 8 => break Some(u16::from_be_bytes([payload[0], payload[1]])),
            Some((first, _event)) => events += usize::from(first & 0x0f == 1),
            None => break None,
        }
    };
    assert!(events < BURDEN, "one that never read was kept waiting for");
    // The close frame is behind what the kernel had taken already: whoever looks up too late never sees it.
    assert!(end.is_none_or(|code| code == 4_008), "closed with {end:?}");
    end.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_sockets_that_never_read_are_closed_and_the_others_get_every_event_in_order() {
    const WARM: usize = 20;
    let stage = Stage::on(On::Sqlite).await;
    let people = stage.students((SOCKETS - NEVER_READ).div_ceil(SOCKETS_PER_ACCOUNT)).await;
    let deaf = stage.member(Role::Student).await;
    stage.settled().await;
    let base = stage.node.base_url();
    let mut readers = enter(&base, stage.hostel, &people, SOCKETS - NEVER_READ).await;
    // Once round, so that everything that is made when it is first needed is there.
    to_everybody(&stage, 0, WARM).await;
    readers = all_read(readers, 0, WARM).await;
    let (before, open) = (memory(&stage.node), connections(&stage.node));
    assert!(open >= SOCKETS - NEVER_READ, "only {open} connections are seen");

    let (mut first, mut held) = (WARM, Vec::new());
    for round in 1..=ROUNDS {
        let raws = never_readers(&base, stage.hostel, &deaf).await;
        let started = Instant::now();
        let most;
        (((), readers), most) =
            watched(&stage.node, async { tokio::join!(storm(&stage, &deaf, first), all_read(readers, first, EVENTS)) })
                .await;
        first += EVENTS;
        let took = started.elapsed();
        let mut told = 0;
        for raw in raws {
            told += usize::from(was_given_up(raw).await);
        }
        nobody_left_over(&stage.node, open).await;
        let after = memory(&stage.node);
        println!(
            "round {round}: {SOCKETS} sockets, {EVENTS} events to all in {took:?}; RssAnon before {before} KiB, at most \
             {most} KiB, after {after} KiB; {told} of {NEVER_READ} read why"
        );
        assert!(most < before + GROWTH, "from {before} KiB it grew to {most} KiB");
        held.push(after);
    }
    // What is not got rid of stays in all that come later, the allocator's moods do not: of each end the two rounds nearest to
    // each other are compared.
    let warm = held[WARMING - 2..WARMING].iter().max().unwrap();
    let late = held[ROUNDS - 2..].iter().min().unwrap();
    println!("after the first rounds {warm} KiB, after the last {late} KiB");
    assert!(*late < warm + FLAT, "from {warm} KiB after the first rounds it grew to {late} KiB");
    // Still here, and still told.
    to_everybody(&stage, first, first + 5).await;
    drop(all_read(readers, first, 5).await);
    assert!(!stage.node.log().contains("panicked"));
}
