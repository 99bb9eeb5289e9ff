//! Nobody misses an event, whoever is cut off and however: clients that lose their connection again and again, and servers that
//! are killed, while events are committed all the time. What each client saw is compared with the log, read past all code.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_booking::CreateRoom;
use domicile_kernel::{AccountId, Currency, HostelId, Money, Role, Scope};
use domicile_server::house::House;
use domicile_testkit::socket::{Client, Got, Raw, auth, handshake, kind, text_frame};
use tokio::{sync::watch, task::JoinSet};

use super::{
    crowd::{MANAGER, Run, Seen, Stage, commit, launch, settled, visible},
    scale::{PATIENCE, scaled},
};
use crate::{
    process::ground::{Ground, client, room, start},
    support::{Dice, On, Person},
};

/// The last event of all, to everybody.
const LAST: &str = "room.deleted";

/// How big it is.
struct Plan {
    students: usize,
    managers: usize,
    /// How often a client ends its own connection, all together.
    disconnects: usize,
    kills: usize,
    /// Events a second that are committed past the server, whether it lives or not.
    pace: usize,
    /// How many write through the server besides, as fast as it answers: these are told the moment they are committed.
    pressing: usize,
}

/// What one client saw, over all its connections.
struct Diary {
    person: Person,
    manager: bool,
    /// Where it began.
    start: i64,
    seen: Vec<Seen>,
    connections: usize,
    /// Of those, how many ended before it had caught up.
    cut_short: usize,
}

/// What the clients share.
struct World {
    base: watch::Receiver<String>,
    hostel: HostelId,
    disconnects: AtomicUsize,
    /// No client is in for the first time any more.
    entered: AtomicUsize,
}

/// How a connection ends from the client's side.
enum Leaving {
    /// Properly.
    Closing,
    /// Without a word.
    Vanishing,
    /// Without even having read the answer to `auth`.
    AtOnce,
}

/// Follows the log until its last event, over as many connections as that takes; ends so many of them itself.
async fn follow(world: Arc<World>, person: Person, manager: bool, mut own: usize, mut dice: Dice) -> Diary {
    let mut diary = Diary { person, manager, start: -1, seen: Vec::new(), connections: 0, cut_short: 0 };
    let mut place = None;
    let deadline = Instant::now() + PATIENCE;
    'connections: loop {
        assert!(Instant::now() < deadline, "the end was never seen; so far {} events", diary.seen.len());
        let base = world.base.borrow().clone();
        let Some(mut client) = Client::attempt(&base).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let hello = auth(&diary.person.token, &world.hostel.to_string(), place);
        if !client.send_raw(&text_frame(&hello.to_string())).await {
            continue;
        }
        diary.connections += 1;
        let leaving = (own > 0).then(|| match dice.below(5) {
            // Only who knows a place can come back to it.
            0 if place.is_some() => Leaving::AtOnce,
            0..=2 => Leaving::Closing,
            _ => Leaving::Vanishing,
        });
        if let Some(Leaving::AtOnce) = leaving {
            own -= 1;
            diary.cut_short += 1;
            world.disconnects.fetch_add(1, Ordering::SeqCst);
            client.vanish();
            continue;
        }
        // So many messages, or so long, whichever is over first.
        let (mut messages, until) = (dice.below(60), Instant::now() + Duration::from_millis(20 + dice.below(400)));
        let (mut welcomed, mut live) = (false, place.is_none());
        loop {
            let over = messages == 0 || Instant::now() >= until;
            if let Some(leaving) = leaving.as_ref().filter(|_| over && welcomed) {
                own -= 1;
                diary.cut_short += usize::from(!live);
                world.disconnects.fetch_add(1, Ordering::SeqCst);
                match leaving {
                    Leaving::Closing => client.leave().await,
                    Leaving::Vanishing | Leaving::AtOnce => client.vanish(),
                }
                continue 'connections;
            }
            messages = messages.saturating_sub(1);
            let wait = if leaving.is_some() && welcomed {
                until.saturating_duration_since(Instant::now())
            } else {
                deadline.saturating_duration_since(Instant::now())
            };
            let message = match client.within(wait).await {
                Some(Got::Message(message)) => message,
                Some(Got::Ping) => continue,
                // The server was killed.
                Some(Got::Gone) => continue 'connections,
                Some(Got::Closed(code, reason)) => panic!("closed with {code}: {reason}"),
                None => continue,
            };
            match kind(&message) {
                "auth_success" => {
                    let from = message["seq"].as_i64().unwrap();
                    assert!(place.is_none_or(|place| place == from), "it goes on elsewhere: {message}");
                    if place.is_none() {
                        diary.start = from;
                        place = Some(from);
                        world.entered.fetch_add(1, Ordering::SeqCst);
                    }
                    welcomed = true;
                }
                "live" => {
                    assert!(!live, "live a second time");
                    live = true;
                }
                "resync" | "error" => panic!("{message}"),
                _ => {
                    assert!(welcomed, "an event before auth_success");
                    let seen = Seen::of(&message).unwrap();
                    assert!(place < Some(seen.seq), "{} behind {place:?}: twice, or out of order", seen.seq);
                    place = Some(seen.seq);
                    let last = seen.kind == LAST;
                    diary.seen.push(seen);
                    if last {
                        client.leave().await;
                        return diary;
                    }
                }
            }
        }
    }
}

/// Commits events of every audience until told to stop: some by use cases, most past them; nobody serves them while a server is
/// dead, and they are committed all the same.
async fn write(
    office: House,
    ground_url: String,
    hostel: HostelId,
    people: Vec<AccountId>,
    pace: usize,
    mut dice: Dice,
    over: Arc<AtomicBool>,
) -> usize {
    const TICK: Duration = Duration::from_millis(50);
    let mut owner = domicile_testkit::store::Owner::connect(&ground_url).await;
    let mut ticks = tokio::time::interval(TICK);
    let (mut n, mut rooms) = (0, 0);
    while !over.load(Ordering::SeqCst) {
        ticks.tick().await;
        let per_tick = (pace * 50).div_ceil(1_000).max(2);
        let mut left = per_tick - 1;
        while left > 0 {
            let count = (1 + dice.below(4) as usize).min(left);
            let person = dice.one_of(&people);
            let (kind, audience) = match dice.below(4) {
                0 | 1 => ("room.updated", "hostel".to_owned()),
                2 => ("booking.updated", format!("person:{person}:bookings:read:all")),
                _ => ("user.updated", "permission:users:read:all".to_owned()),
            };
            commit(&mut owner, Run { hostel, kind, audience, from: n, to: n + count, pad: 64 }).await;
            n += count;
            left -= count;
        }
        let command = CreateRoom {
            name: Some(format!("Tide {rooms}")),
            room_type: Some("single".to_owned()),
            bed_count: Some(1),
            monthly_price: Some(Money::new(45_000, Currency::GHS)),
            ..CreateRoom::default()
        };
        office.front_desk.create_room(&office.operator(Scope::Hostel(hostel)), command).await.unwrap();
        rooms += 1;
    }
    commit(&mut owner, Run { hostel, kind: LAST, audience: "hostel".to_owned(), from: n, to: n + 1, pad: 0 }).await;
    n + rooms + 1
}

/// Makes rooms through whatever server there is, until told to stop; answers how many were acknowledged.
async fn press(mut base: watch::Receiver<String>, manager: Person, number: usize, over: Arc<AtomicBool>) -> usize {
    let (client, mut made) = (client(), 0);
    for turn in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let url = format!("{}/api/rooms", base.borrow_and_update().clone());
        let asked = client.post(url).bearer_auth(&manager.token).json(&room(&format!("Wave {number}/{turn}")));
        match asked.header("x-hostel-id", manager.hostel.unwrap().to_string()).send().await {
            Ok(answer) if answer.status().as_u16() == 201 => made += 1,
            Ok(answer) => panic!("{}", answer.text().await.unwrap()),
            // It was killed: another one comes.
            Err(_gone) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    made
}

async fn nobody_misses_anything(on: On, plan: Plan) {
    let mut dice = Dice::thrown("reconnecting clients");
    let stage = Stage::on(on).await;
    let mut people = stage.students(plan.students).await;
    for _ in 0..plan.managers {
        people.push(stage.member(Role::Manager).await);
    }
    stage.settled().await;
    let Stage { mut node, office, hostel, ground } = stage;
    let (tell_base, base) = watch::channel(node.base_url());
    let started = Instant::now();
    let world = Arc::new(World { base, hostel, disconnects: AtomicUsize::new(0), entered: AtomicUsize::new(0) });
    let (mut clients, count) = (JoinSet::new(), people.len());
    for (number, person) in people.iter().cloned().enumerate() {
        let own = plan.disconnects / count + usize::from(number < plan.disconnects % count);
        clients.spawn(follow(Arc::clone(&world), person, number >= plan.students, own, Dice::seeded(dice.next())));
    }
    let (over, calm) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut pressing = JoinSet::new();
    for number in 0..plan.pressing {
        let manager = people.last().unwrap().clone();
        pressing.spawn(press(world.base.clone(), manager, number, Arc::clone(&calm)));
    }
    let accounts = people.iter().map(|person| person.id).collect();
    let mut writer = JoinSet::new();
    writer.spawn(write(
        office,
        ground.url(),
        hostel,
        accounts,
        plan.pace,
        Dice::seeded(dice.next()),
        Arc::clone(&over),
    ));

    let deadline = Instant::now() + PATIENCE;
    let reached = async |disconnects: usize, clients: &mut JoinSet<Diary>| {
        while world.entered.load(Ordering::SeqCst) < count || world.disconnects.load(Ordering::SeqCst) < disconnects {
            if let Some(broken) = clients.try_join_next() {
                broken.unwrap();
            }
            assert!(Instant::now() < deadline, "only {} disconnects", world.disconnects.load(Ordering::SeqCst));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for kill in 1..=plan.kills {
        reached(plan.disconnects * kill / (plan.kills + 1), &mut clients).await;
        node.kill9();
        tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
        node = start(launch(&ground));
        tell_base.send(node.base_url()).unwrap();
    }
    reached(plan.disconnects, &mut clients).await;
    calm.store(true, Ordering::SeqCst);
    let pressed: usize = pressing.join_all().await.into_iter().sum();
    over.store(true, Ordering::SeqCst);
    let events = pressed + writer.join_next().await.unwrap().unwrap();
    let took = started.elapsed();
    let diaries = clients.join_all().await;

    let mut owner = ground.owner().await;
    settled(&mut owner).await;
    let connections: usize = diaries.iter().map(|diary| diary.connections).sum();
    let cut_short: usize = diaries.iter().map(|diary| diary.cut_short).sum();
    for Diary { person, manager, start, seen, .. } in &diaries {
        let holds = if *manager { MANAGER } else { &[] };
        let expected = visible(&mut owner, hostel, *start, person.id, holds).await;
        assert!(expected.len() > 20, "that was no log to follow");
        let missing: Vec<_> = expected.iter().filter(|event| seen.binary_search(event).is_err()).take(5).collect();
        let foreign: Vec<_> = seen.iter().filter(|event| expected.binary_search(event).is_err()).take(5).collect();
        assert!(missing.is_empty() && foreign.is_empty(), "missing {missing:?}, not for them {foreign:?}");
        assert_eq!(seen.len(), expected.len());
    }
    println!(
        "{on:?}: {events} events ({:.0} a second), {count} clients, {connections} connections, {} disconnects of which \
         {cut_short} before live, {} kills, {took:?}",
        events as f64 / took.as_secs_f64(),
        plan.disconnects,
        plan.kills,
    );
    assert!(!node.log().contains("panicked"));
}

const fn with_kills() -> Plan {
    Plan { students: 16, managers: 4, disconnects: scaled(200, 2_000), kills: scaled(3, 10), pace: 100, pressing: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_misses_an_event_over_disconnects_and_killed_servers_on_sqlite() {
    nobody_misses_anything(On::Sqlite, with_kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_misses_an_event_over_disconnects_and_killed_servers_on_postgres() {
    nobody_misses_anything(On::Postgres, with_kills()).await;
}

/// The seam between what is read from the log and what comes live, again and again, with events committed all the while.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_neither_gap_nor_repeat_between_replay_and_live_while_events_pour_in() {
    let plan = Plan { students: 10, managers: 10, disconnects: scaled(400, 10_000), kills: 0, pace: 160, pressing: 4 };
    nobody_misses_anything(On::Sqlite, plan).await;
}

/// The seam at its widest: what was missed is more than the connection takes at once, and goes on happening while it is read.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_slowly_what_they_missed_misses_nothing_that_happens_meanwhile() {
    // Less than a page, so that it is read from the log at once; more than the kernel holds for both sides.
    const MISSED: usize = 480;
    const MEANWHILE: usize = 30;
    let stage = Stage::on(On::Sqlite).await;
    let (late, early) = (stage.member(Role::Student).await, stage.member(Role::Student).await);
    let mut owner = stage.ground.owner().await;
    settled(&mut owner).await;
    let place = super::crowd::head(&mut owner, stage.hostel).await;
    let run = |from, to, pad| Run {
        hostel: stage.hostel,
        kind: "room.updated",
        audience: "hostel".to_owned(),
        from,
        to,
        pad,
    };
    commit(&mut owner, run(0, MISSED, 14_000)).await;
    settled(&mut owner).await;
    let (base, hostel) = (stage.node.base_url(), stage.hostel.to_string());
    let mut bystander = Client::enter(&base, &early.token, &hostel).await;
    let mut raw = Raw::connect(&base, Some(2_048)).await;
    assert!(raw.send(handshake("/ws", &[]).as_bytes()).await);
    assert_eq!(raw.answer().await.status, 101);
    assert!(raw.send(&text_frame(&auth(&late.token, &hostel, Some(place)).to_string())).await);
    assert!(raw.read_frame().await.is_some(), "auth_success");
    // Whoever is live has heard it: so it was told, and the other one was not there for it.
    for n in MISSED..MISSED + MEANWHILE {
        commit(&mut owner, run(n, n + 1, 8)).await;
        bystander.until(|message| message["data"]["n"] == n).await;
    }
    let mut numbers = Vec::new();
    let mut live = false;
    while numbers.len() < MISSED + MEANWHILE || !live {
        let (first, payload) = raw.read_frame().await.expect("it stays open");
        assert_eq!(first, 0x81);
        let message: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        match kind(&message) {
            "live" => live = true,
            "room.updated" => numbers.push(message["data"]["n"].as_u64().unwrap()),
            _ => panic!("{message}"),
        }
    }
    assert_eq!(numbers, (0..(MISSED + MEANWHILE) as u64).collect::<Vec<_>>());
}

/// What the log no longer holds is said, and the client goes on from the present.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_too_late_or_from_the_future_is_told_to_read_anew() {
    let stage = Stage::on(On::Sqlite).await;
    let person = stage.member(Role::Student).await;
    let mut owner = stage.ground.owner().await;
    let run =
        |from, to| Run { hostel: stage.hostel, kind: "room.updated", audience: "hostel".to_owned(), from, to, pad: 8 };
    commit(&mut owner, run(0, 50)).await;
    settled(&mut owner).await;
    let head = super::crowd::head(&mut owner, stage.hostel).await;
    owner.run(format!("DELETE FROM events WHERE seq <= {}", head - 10)).await;
    let (base, hostel) = (stage.node.base_url(), stage.hostel.to_string());
    for (from, events, anew) in [
        (head - 10, 10, false),
        (head, 0, false),
        (head - 11, 0, true),
        (0, 0, true),
        (head + 1, 0, true),
        (i64::MAX, 0, true),
    ] {
        let mut client = Client::connect(&base).await;
        client.send(&auth(&person.token, &hostel, Some(from))).await;
        let came = client.until(|message| kind(message) == "live").await;
        let kinds: Vec<&str> = came.iter().map(kind).collect();
        let mut expected = vec!["auth_success"];
        expected.extend(anew.then_some("resync"));
        expected.extend(vec!["room.updated"; events]);
        expected.push("live");
        assert_eq!(kinds, expected, "from {from} of {head}");
        if anew {
            assert_eq!(came[1]["seq"], head, "{}", came[1]);
        }
        assert_eq!(came.last().unwrap()["seq"], head);
        assert!(client.drain().await.is_empty());
    }
}

/// A ground outlives its nodes.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_goes_on_where_the_log_ends() {
    let ground = Ground::on(On::Sqlite).await;
    let mut stage = Stage::over(ground).await;
    let person = stage.member(Role::Student).await;
    stage.settled().await;
    let hostel = stage.hostel.to_string();
    let mut client = Client::connect(&stage.node.base_url()).await;
    let place = client.auth(&person.token, &hostel, None).await["seq"].as_i64().unwrap();
    stage.node.kill9();
    let mut owner = stage.ground.owner().await;
    let run = Run { hostel: stage.hostel, kind: "room.updated", audience: "hostel".to_owned(), from: 0, to: 3, pad: 8 };
    commit(&mut owner, run).await;
    stage.node = start(launch(&stage.ground));
    let mut client = Client::connect(&stage.node.base_url()).await;
    client.auth(&person.token, &hostel, Some(place)).await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(Seen::of(&client.message().await));
    }
    let seqs: Vec<i64> = seen.iter().map(|seen| seen.seq).collect();
    assert_eq!(seqs, [place + 1, place + 2, place + 3]);
}
