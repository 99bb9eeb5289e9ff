//! Readers who never stop while rooms change: none is told anything older than what the same node had acknowledged before
//! they asked.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
};

use domicile_kernel::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{On, TestApp};

const ROOMS: usize = 2;
const READERS: usize = 6;
const WRITES: i64 = 60;

/// What is known of the rooms: the version that was acknowledged last, each.
#[derive(Default)]
struct Acknowledged([AtomicI64; ROOMS]);

impl Acknowledged {
    fn now(&self) -> [i64; ROOMS] {
        std::array::from_fn(|room| self.0[room].load(Ordering::SeqCst))
    }
}

fn versions(rooms: &[String; ROOMS], told: &Value) -> [i64; ROOMS] {
    let told = told.as_array().unwrap();
    std::array::from_fn(|number| {
        let room = told.iter().find(|room| room["id"] == rooms[number].as_str()).unwrap();
        assert_eq!(room["floor"], room["version"], "each write says which version it makes");
        room["version"].as_i64().unwrap()
    })
}

async fn a_reader_never_sees_an_older_version_than_was_acknowledged(on: On) {
    let app = Arc::new(TestApp::start(on).await);
    let hostel = app.hostel("Volta Hall").await;
    let admin = app.member(hostel, Role::Admin).await;
    let mut rooms = [String::new(), String::new()];
    for (number, room) in rooms.iter_mut().enumerate() {
        *room = app.place(&admin, &format!("Room {number}"), 1).await.room;
        let path = format!("/api/rooms/{room}");
        app.put(&path).by(&admin).seen(1).json(json!({ "floor": 2 })).told().await.is(200);
    }
    let rooms = Arc::new(rooms);
    let acknowledged = Arc::new(Acknowledged(std::array::from_fn(|_| AtomicI64::new(2))));
    let (overtaken, reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let written = Arc::new(AtomicBool::new(false));
    let together = Arc::new(Barrier::new(READERS + ROOMS));

    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let (app, admin, rooms) = (app.clone(), admin.clone(), rooms.clone());
        let (acknowledged, overtaken, reads) = (acknowledged.clone(), overtaken.clone(), reads.clone());
        let (written, together) = (written.clone(), together.clone());
        readers.spawn(async move {
            together.wait().await;
            // Once more after the last write, so that the end is seen too.
            let mut last = false;
            while !last {
                last = written.load(Ordering::SeqCst);
                let before = acknowledged.now();
                let seen = if reader % 3 == 2 {
                    let mut seen = before;
                    for number in 0..ROOMS {
                        let path = format!("/api/rooms/{}", rooms[number]);
                        let told = app.ask(Method::GET, &path).by(&admin).told().await.is(200);
                        seen[number] = told.data()["version"].as_i64().unwrap();
                        assert_eq!(told.header("etag"), format!("\"{}\"", seen[number]));
                    }
                    seen
                } else {
                    versions(&rooms, app.get("/api/rooms").by(&admin).told().await.is(200).data())
                };
                for number in 0..ROOMS {
                    let (told, known) = (seen[number], before[number]);
                    assert!(told >= known, "told version {told} of a room of which {known} was acknowledged before");
                }
                reads.fetch_add(1, Ordering::SeqCst);
                if acknowledged.now() != before {
                    overtaken.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
    }
    let mut writers = JoinSet::new();
    for number in 0..ROOMS {
        let (app, admin, rooms) = (app.clone(), admin.clone(), rooms.clone());
        let (acknowledged, together) = (acknowledged.clone(), together.clone());
        writers.spawn(async move {
            together.wait().await;
            let path = format!("/api/rooms/{}", rooms[number]);
            for version in 2..WRITES + 2 {
                let body = json!({ "floor": version + 1 });
                app.put(&path).by(&admin).seen(version).json(body).told().await.is(200);
                acknowledged.0[number].store(version + 1, Ordering::SeqCst);
                // The writer is the strictest reader.
                let told = app.get("/api/rooms").by(&admin).told().await.is(200);
                assert_eq!(versions(&rooms, told.data())[number], version + 1);
            }
        });
    }
    writers.join_all().await;
    written.store(true, Ordering::SeqCst);
    readers.join_all().await;

    let (overtaken, reads) = (overtaken.load(Ordering::SeqCst), reads.load(Ordering::SeqCst));
    assert!(overtaken > 10, "reads and writes did not overlap: {overtaken} of {reads} reads saw a write pass");
    assert_eq!(acknowledged.now(), [WRITES + 2; ROOMS]);
    let told = app.get("/api/rooms").by(&admin).told().await.is(200);
    assert_eq!(versions(&rooms, told.data()), [WRITES + 2; ROOMS]);
    let hits = app.house.cache.counts().hits;
    assert!(hits > 0, "nothing was kept");
    Arc::into_inner(app).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_sees_an_older_version_than_was_acknowledged_on_sqlite() {
    a_reader_never_sees_an_older_version_than_was_acknowledged(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_sees_an_older_version_than_was_acknowledged_on_postgres() {
    a_reader_never_sees_an_older_version_than_was_acknowledged(On::Postgres).await;
}
