//! Ten thousand random and malformed frames, from strangers and from members: nothing panics, nothing is kept, and whoever
//! behaves is served as before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_kernel::Role;
use domicile_testkit::socket::{Client, Raw, auth, frame, text_frame};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    crowd::{Run, Stage, commit, memory},
    scale::scaled,
};
use crate::support::{Dice, On, Person};

const FRAMES: usize = scaled(10_000, 300_000);
/// As many as a connection sends in one go: what ends it is somewhere among them.
const BURST: usize = 20;
const AT_ONCE: usize = 8;

/// What an allocator may keep of all that, in KiB.
const GROWTH: u64 = 16 * 1_024;

fn bytes(dice: &mut Dice, most: u64) -> Vec<u8> {
    let length = dice.below(most + 1);
    (0..length).map(|_| dice.next() as u8).collect()
}

/// Something that a client should not send, or not so.
fn junk(dice: &mut Dice, person: &Person) -> Vec<u8> {
    let hostel = person.hostel.unwrap().to_string();
    match dice.below(16) {
        // No frame at all.
        0 => bytes(dice, 200),
        // Any first byte: reserved bits, unknown opcodes, continuations of nothing, control frames in pieces.
        1 | 2 => frame(dice.next() as u8, true, &bytes(dice, 300)),
        // Not masked.
        3 => frame(0x81, false, b"{\"type\":\"ping\"}"),
        // Not UTF-8.
        4 => frame(0x81, true, &[b"\xff\xfe{", bytes(dice, 50).as_slice()].concat()),
        // Binary.
        5 => frame(0x82, true, &bytes(dice, 100)),
        // A length that never comes, or that no memory holds.
        6 => [&[0x81, 0xff][..], &dice.next().to_be_bytes(), &bytes(dice, 60)].concat(),
        7 => vec![0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4],
        // In pieces, with something between them.
        8 => [frame(0x01, true, b"{\"type\""), frame(0x89, true, &bytes(dice, 125)), frame(0x80, true, b":\"ping\"}")]
            .concat(),
        // Control frames with more than they may carry.
        9 => frame(*dice.one_of(&[0x88, 0x89, 0x8a]), true, &bytes(dice, 300)),
        // Close codes that nobody may send.
        10 => frame(0x88, true, &(dice.next() as u16).to_be_bytes()),
        // Deep.
        11 => text_frame(&"[".repeat(1 + dice.below(4_000) as usize)),
        // Long.
        12 => frame(0x81, true, &vec![b' '; dice.below(70_000) as usize]),
        // Nearly right.
        13 => {
            let mut text = auth(&person.token, &hostel, Some(3)).to_string().into_bytes();
            for _ in 0..=dice.below(4) {
                let at = dice.below(text.len() as u64) as usize;
                text[at] = dice.next() as u8;
            }
            frame(0x81, true, &text)
        }
        14 => {
            let values =
                [json!(null), json!(-1), json!(1e300), json!("🦀\u{0}"), json!([]), json!({"a": 1}), json!(true)];
            let mut message = json!({ "type": "subscribe", "topic": "booking", "id": hostel });
            let field = *dice.one_of(&["type", "topic", "id", "further", "seq"]);
            message[field] = dice.one_of(&values).clone();
            text_frame(&message.to_string())
        }
        // Right.
        _ => text_frame(&json!({ "type": "ping" }).to_string()),
    }
}

/// One connection, by a stranger or a member, that sends a burst and then waits for the end or goes.
async fn burst(base: &str, person: &Person, dice: &mut Dice) {
    let mut raw = Raw::open(base).await;
    let mut bytes = Vec::new();
    if dice.below(2) == 0 {
        bytes.extend(text_frame(&auth(&person.token, &person.hostel.unwrap().to_string(), None).to_string()));
    }
    for _ in 0..BURST {
        bytes.extend(junk(dice, person));
    }
    // The server may have had enough in the middle of it.
    let _ = raw.send(&bytes).await;
    if dice.below(2) == 0 {
        raw.end_sending().await;
        // Whatever the server says is framed well: reading it checks that.
        while raw.read_frame().await.is_some() {}
    }
}

async fn all(base: &str, person: &Person, dice: &mut Dice, connections: usize) {
    let left = Arc::new(AtomicUsize::new(connections));
    let mut working = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (base, person, left) = (base.to_owned(), person.clone(), Arc::clone(&left));
        let mut dice = Dice::seeded(dice.next());
        working.spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                burst(&base, &person, &mut dice).await;
            }
        });
    }
    working.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_malformed_frames_panic_nothing_and_leave_nothing_behind() {
    let mut dice = Dice::thrown("malformed frames");
    let mut stage = Stage::on(On::Sqlite).await;
    let person = stage.member(Role::Student).await;
    stage.settled().await;
    let base = stage.node.base_url();
    let mut bystander = Client::enter(&base, &stage.member(Role::Student).await.token, &stage.hostel.to_string()).await;

    let connections = FRAMES / BURST;
    all(&base, &person, &mut dice, connections / 10).await;
    let before = memory(&stage.node);
    let started = Instant::now();
    all(&base, &person, &mut dice, connections).await;
    let took = started.elapsed();
    // Endings have their time.
    let deadline = Instant::now() + Duration::from_secs(15);
    let after = loop {
        let after = memory(&stage.node);
        if after < before + GROWTH || Instant::now() > deadline {
            break after;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    println!("{FRAMES} frames over {connections} sockets in {took:?}; RssAnon before {before} KiB, after {after} KiB");
    assert!(after < before + GROWTH, "from {before} KiB it grew to {after} KiB");

    let log = stage.node.log();
    assert!(stage.node.is_running());
    assert!(!log.contains("panicked"), "{}", log.lines().find(|line| line.contains("panicked")).unwrap());
    // Who was there the whole time is still there, and somebody new is let in.
    let run = Run { hostel: stage.hostel, kind: "room.updated", audience: "hostel".to_owned(), from: 0, to: 1, pad: 8 };
    let mut newcomer = Client::enter(&base, &stage.again(&person).await.token, &stage.hostel.to_string()).await;
    commit(&mut stage.ground.owner().await, run).await;
    bystander.of_type("room.updated").await;
    newcomer.of_type("room.updated").await;
}
