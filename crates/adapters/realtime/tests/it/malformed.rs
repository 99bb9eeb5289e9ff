//! Random and malformed frames over sockets: no panic, no memory, and everybody else is served.

use domicile_kernel::Role;
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::support::{Dice, World, frame, hostel, pour, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_malformed_frames_hurt_nobody() {
    const FRAMES: u32 = 10_000;
    let seed = 0xbad_f00d + u64::from(std::process::id());
    println!("seed {seed}");
    let world = World::with(|config| {
        config.strangers_per_address = 10_000;
        config.messages = 1_000_000;
        config.close_patience = std::time::Duration::from_millis(200);
    });
    world.door.admit(1, hostel(1), Role::Student);
    let mut witness = world.member(1, hostel(1)).await;
    let mut dice = Dice::seeded(seed);
    let auth = frame(0x81, json!({ "type": "auth", "token": "t1", "hostel_id": hostel(1) }).to_string().as_bytes());
    let (mut sent, mut sockets) = (0, 0);
    while sent < FRAMES {
        let mut stream = world.raw().await;
        sockets += 1;
        if dice.below(2) == 0 {
            pour(&mut stream, &auth).await;
        }
        // A socket takes frames until it is ended by one.
        for _ in 0..=dice.below(60) {
            sent += 1;
            let bytes: Vec<u8> = match dice.below(5) {
                0 => (0..=dice.below(64)).map(|_| dice.below(256) as u8).collect(),
                1 => frame(0x81, (0..dice.below(300)).map(|_| dice.below(256) as u8).collect::<Vec<_>>().as_slice()),
                2 => frame([0x01, 0x00, 0x80, 0x02, 0x83, 0xf1][dice.below(6) as usize], b"{\"type\":"),
                3 => frame([0x89, 0x8a][dice.below(2) as usize], &[0; 20]),
                _ => frame(0x81, b"{\"type\":\"ping\"}"),
            };
            if !pour(&mut stream, &bytes).await {
                break;
            }
        }
        if dice.below(3) == 0 {
            // Some wait for the answer, the others are gone at once.
            let mut answer = [0; 256];
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), stream.read(&mut answer)).await;
        }
    }
    println!("{sent} frames over {sockets} sockets");
    witness.hears_nothing().await;
    world.news(hostel(1), 1).await;
    assert_eq!(witness.next().await["seq"], 1);
    until("the others are gone", || world.realtime.connections() == 1).await;
}
