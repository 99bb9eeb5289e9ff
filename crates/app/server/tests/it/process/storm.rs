//! A storm of writes over which somebody is killed: the server, or the database's own server. Clients keep a journal outside
//! of everything: what they asked for under which idempotency key, and what was acknowledged. Nothing that was acknowledged
//! may be lost, and nothing that is asked for again may happen twice.
//!
//! `DOMICILE_CHAOS_ROUNDS` says how often to kill (3 in the suite, 10 in `just chaos`), `DOMICILE_CHAOS_SEED` repeats the
//! moments of a run. Both print a table.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test's tools: a failure is a panic, and the table is for people"
)]

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domicile_testkit::postgres::Cluster;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    ground::{Ground, Visitor, client, room, start},
    ledger::{drained, holds, ids, is_whole, plain},
};
use crate::support::On;

/// How many clients write at once.
const WRITERS: usize = 6;

fn rounds(usual: usize) -> usize {
    std::env::var("DOMICILE_CHAOS_ROUNDS").ok().map_or(usual, |text| text.parse().unwrap())
}

/// Moments, repeatable by their seed.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let seed = std::env::var("DOMICILE_CHAOS_SEED").ok().map(|text| text.parse().unwrap());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0)).max(1);
        println!("DOMICILE_CHAOS_SEED={seed}");
        Self(seed)
    }

    /// Between two numbers of milliseconds.
    fn between(&mut self, least: u64, most: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(least + self.0 % (most - least))
    }
}

/// One line of the journal.
#[derive(Debug, Clone)]
struct Wish {
    key: String,
    path: &'static str,
    body: Value,
    /// The id that was acknowledged.
    granted: Option<String>,
}

/// What became of asking.
enum Fate {
    Granted {
        id: String,
        replayed: bool,
    },
    /// The database is away: 503.
    Later,
    /// Another request with the key is under way, or seems to be.
    Busy,
    /// Nobody knows.
    Lost,
}

impl Wish {
    fn new(key: String, path: &'static str, body: Value) -> Self {
        Self { key, path, body, granted: None }
    }

    async fn ask(&self, visitor: &Visitor) -> Fate {
        let asked = visitor.ask(Method::POST, self.path).header("idempotency-key", &self.key).json(&self.body);
        let Ok(answer) = asked.send().await else { return Fate::Lost };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let Ok(text) = answer.text().await else { return Fate::Lost };
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        match status {
            201 => Fate::Granted {
                id: told["data"]["id"].as_str().unwrap().to_owned(),
                replayed: headers.get("idempotency-replayed").is_some_and(|value| value == "true"),
            },
            503 => {
                assert!(headers.contains_key("retry-after"), "a 503 says when to come back: {text}");
                assert_eq!(told["success"], false, "a 503 comes in the envelope: {text}");
                Fate::Later
            }
            409 if headers.contains_key("retry-after") => Fate::Busy,
            _ => panic!("{} under {} was answered with {status}: {text}", self.path, self.key),
        }
    }

    /// Asks until it is granted; answers whether it had been done already.
    async fn insist(&mut self, visitor: &Visitor) -> bool {
        for _ in 0..100 {
            match self.ask(visitor).await {
                Fate::Granted { id, replayed } => {
                    self.granted = Some(id);
                    return replayed;
                }
                Fate::Later | Fate::Busy => tokio::time::sleep(Duration::from_millis(100)).await,
                Fate::Lost => panic!("nobody answers {}", self.key),
            }
        }
        panic!("{} was never granted", self.key);
    }
}

/// What the writers share.
struct Storm {
    visitor: Visitor,
    name: String,
    granted: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    fn new(visitor: Visitor, name: String) -> Arc<Self> {
        let (granted, refused, over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { visitor, name, granted, refused, over })
    }

    fn begin(self: &Arc<Self>) -> JoinSet<Vec<Wish>> {
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            let storm = Arc::clone(self);
            writers.spawn(async move { storm.write(number).await });
        }
        writers
    }

    fn count(&self) -> usize {
        self.granted.load(Ordering::SeqCst)
    }

    /// Lets it blow for a while, and on a busy machine until somebody was answered at all.
    async fn blow(&self, length: Duration) {
        tokio::time::sleep(length).await;
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.count() == 0 {
            assert!(Instant::now() < deadline, "there is no storm");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A guest, a room, a stay of the guest in the room; again and again, until the storm is over or nobody answers.
    async fn write(&self, writer: usize) -> Vec<Wish> {
        let mut journal = Vec::new();
        let visitor = self.visitor.at(&self.visitor.base);
        for turn in 0.. {
            if self.over.load(Ordering::SeqCst) {
                break;
            }
            let key = format!("{}-{writer}-{turn}", self.name);
            let guest = json!({ "email": format!("{key}@storm.example"), "first_name": "Storm", "last_name": "Petrel", "role": "student" });
            let guest = self.one(&visitor, &mut journal, Wish::new(format!("{key}-guest"), "/api/users", guest)).await;
            let place =
                self.one(&visitor, &mut journal, Wish::new(format!("{key}-room"), "/api/rooms", room(&key))).await;
            if let (Ok(Some(guest)), Ok(Some(place))) = (&guest, &place) {
                let wish = Wish::new(format!("{key}-stay"), "/api/bookings", stay(&key, guest, place));
                if self.one(&visitor, &mut journal, wish).await.is_err() {
                    break;
                }
            }
            if guest.is_err() || place.is_err() {
                break;
            }
        }
        journal
    }

    /// Writes the wish down, asks, writes down what came of it. An error means that nobody answers any more.
    async fn one(&self, visitor: &Visitor, journal: &mut Vec<Wish>, mut wish: Wish) -> Result<Option<String>, ()> {
        let fate = wish.ask(visitor).await;
        let answered = match fate {
            Fate::Granted { id, .. } => {
                self.granted.fetch_add(1, Ordering::SeqCst);
                wish.granted = Some(id.clone());
                Ok(Some(id))
            }
            Fate::Later => {
                self.refused.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(None)
            }
            Fate::Busy => panic!("a fresh key is busy: {}", wish.key),
            Fate::Lost => Err(()),
        };
        journal.push(wish);
        answered
    }
}

fn stay(key: &str, guest: &str, place: &str) -> Value {
    json!({
        "user_id": guest, "room_id": place, "check_in_date": "2031-02-01", "check_out_date": "2031-06-01",
        "emergency_contact_name": "Albatross", "emergency_contact_phone": "+233201234567",
        "terms_accepted": true, "special_requests": key,
    })
}

async fn collect(mut writers: JoinSet<Vec<Wish>>) -> Vec<Wish> {
    let mut all = Vec::new();
    while let Some(journal) = writers.join_next().await {
        all.extend(journal.unwrap());
    }
    all
}

/// Asks again for everything that was not acknowledged, and for some that was. How many were not acknowledged, and of those
/// how many had been done all the same.
async fn ask_again(visitor: &Visitor, journal: &mut [Wish]) -> (usize, usize) {
    let mut unknown = 0;
    let mut done = 0;
    for wish in journal.iter_mut().filter(|wish| wish.granted.is_none()) {
        unknown += 1;
        done += usize::from(wish.insist(visitor).await);
    }
    let known = journal.iter().filter(|wish| wish.granted.is_some()).rev().step_by(7).take(20);
    for wish in known.cloned().collect::<Vec<_>>() {
        let mut again = wish.clone();
        assert!(again.insist(visitor).await, "{} was done a second time", wish.key);
        assert_eq!(again.granted, wish.granted, "one key, one effect");
    }
    (unknown, done)
}

/// The journal and the database agree: all that was granted is there, and nothing else.
async fn agree(ground: &Ground, journal: &[Wish]) {
    let mut owner = ground.owner().await;
    drained(&mut owner, Duration::from_secs(20)).await;
    is_whole(&mut owner).await;
    let granted = |path: &str| {
        let of_path = journal.iter().filter(move |wish| wish.path == path);
        of_path.filter_map(|wish| wish.granted.as_deref()).collect::<Vec<_>>()
    };
    for (path, table) in [("/api/bookings", "bookings"), ("/api/rooms", "rooms"), ("/api/users", "accounts")] {
        holds(&mut owner, table, granted(path)).await;
    }
    let stored = ids(&mut owner, "id", "FROM bookings WHERE special_requests IS NOT NULL").await;
    let wanted: BTreeSet<String> = granted("/api/bookings").into_iter().map(plain).collect();
    assert_eq!(stored.len(), wanted.len(), "one booking a wish");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), wanted);
    let keys = owner.number("SELECT count(DISTINCT special_requests) FROM bookings").await;
    assert_eq!(keys as usize, wanted.len(), "a booking was made twice");
}

async fn the_server_is_killed(on: On) {
    let ground = Ground::on(on).await;
    let mut node = start(ground.launch().arg("--demo"));
    let admin = Visitor::of_demo(&ground.demo(), &node.base_url(), "admin").await;
    let (mut moments, mut journal) = (Moments::new(), Vec::new());
    println!(
        "{:>10} {:>5} {:>8} {:>12} {:>15} {:>12} {:>10}",
        "database", "round", "storm ms", "acknowledged", "not acknowledged", "done anyway", "restart ms"
    );
    for round in 1..=rounds(3) {
        let storm = Storm::new(admin.at(&node.base_url()), format!("s{round}"));
        let writers = storm.begin();
        let length = moments.between(400, 1_200);
        storm.blow(length).await;
        node.kill9();
        let mut written = collect(writers).await;
        let granted = storm.count();
        let again = Instant::now();
        node = ground.start();
        let restart = again.elapsed().as_millis();
        let (unknown, done) = ask_again(&admin.at(&node.base_url()), &mut written).await;
        assert!(unknown > 0, "the kill interrupted nobody");
        journal.append(&mut written);
        let length = length.as_millis();
        println!(
            "{:>10} {round:>5} {length:>8} {granted:>12} {unknown:>16} {done:>12} {restart:>10}",
            format!("{on:?}")
        );
        agree(&ground, &journal).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_storm_loses_nothing_acknowledged_on_sqlite() {
    the_server_is_killed(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_a_storm_loses_nothing_acknowledged_on_postgres() {
    the_server_is_killed(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_in_a_storm_is_waited_for_and_loses_nothing_acknowledged() {
    let cluster = tokio::task::block_in_place(|| Cluster::private(true));
    let ground = Ground::over(&cluster, TempDir::with_prefix("domicile-node-").unwrap()).await;
    let mut node = start(ground.launch().arg("--demo"));
    let admin = Visitor::of_demo(&ground.demo(), &node.base_url(), "admin").await;
    let mut moments = Moments::new();
    let storm = Storm::new(admin.clone(), "d".to_owned());
    let writers = storm.begin();
    println!("{:>5} {:>12} {:>12} {:>11}", "round", "acknowledged", "told to wait", "recovery ms");
    for round in 1..=rounds(1) {
        storm.blow(moments.between(400, 1_200)).await;
        let (granted, refused) = (storm.count(), storm.refused.load(Ordering::SeqCst));
        tokio::task::block_in_place(|| cluster.kill());
        let ready = client().get(format!("{}/health/ready", node.base_url())).send().await.unwrap();
        assert_eq!(ready.status().as_u16(), 503);
        tokio::time::sleep(moments.between(300, 900)).await;
        let turned_away = storm.refused.load(Ordering::SeqCst) - refused;
        assert!(turned_away > 0, "nobody was told to come back");
        tokio::task::block_in_place(|| cluster.start());
        let (back, before) = (Instant::now(), storm.count());
        while storm.count() < before + WRITERS {
            assert!(back.elapsed() < Duration::from_secs(15), "it did not recover by itself:\n{}", node.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("{round:>5} {granted:>12} {turned_away:>12} {:>11}", back.elapsed().as_millis());
    }
    storm.over.store(true, Ordering::SeqCst);
    let mut journal = collect(writers).await;
    assert!(node.is_running(), "the server outlives its database");
    let (_unknown, _done) = ask_again(&admin, &mut journal).await;
    agree(&ground, &journal).await;
}
