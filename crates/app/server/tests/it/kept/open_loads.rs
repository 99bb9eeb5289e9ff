//! Loads that take their time: one that a write overtakes, one that many wait for.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::web::Bytes;
use domicile_http::ports::{ByteCache, Looked, Topic};
use domicile_kernel::Role;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    kept::node::Node,
    support::{On, Person, TestApp, Told},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A door that is shut until somebody opens it, and counts who waited at it.
#[derive(Default)]
struct Door {
    open: Mutex<bool>,
    opened: Condvar,
    came: AtomicUsize,
}

impl Door {
    fn pass(&self) {
        self.came.fetch_add(1, Ordering::SeqCst);
        let shut = |open: &mut bool| !*open;
        let (open, waited) = self.opened.wait_timeout_while(self.open.lock().unwrap(), PATIENCE, shut).unwrap();
        assert!(*open && !waited.timed_out(), "nobody opened");
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// The house's own cache, but the first load is held open between reading the database and being kept.
struct Held {
    cache: Arc<dyn ByteCache>,
    door: Arc<Door>,
    loads: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
}

impl ByteCache for Held {
    fn look(&self, topic: Topic, scope: Uuid, query: &str) -> Looked {
        match self.cache.look(topic, scope, query) {
            Looked::Miss(keep) if self.loads.fetch_add(1, Ordering::SeqCst) == 0 => {
                let door = Arc::clone(&self.door);
                Looked::Miss(Box::new(move |bytes: Bytes| {
                    // The worker's other tasks go elsewhere meanwhile.
                    tokio::task::block_in_place(|| door.pass());
                    keep(bytes);
                }))
            }
            Looked::Pending(load) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                Looked::Pending(load)
            }
            other => other,
        }
    }
}

struct Holding {
    door: Arc<Door>,
    loads: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
}

/// A hostel with one room, and a node whose first load is held open.
struct Ground {
    app: TestApp,
    node: Node,
    admin: Person,
    room: String,
    held: Holding,
}

impl Ground {
    async fn on(on: On) -> Self {
        let app = TestApp::start(on).await;
        let hostel = app.hostel("Volta Hall").await;
        let admin = app.member(hostel, Role::Admin).await;
        let room = app.place(&admin, "Old", 1).await.room;
        let held = Holding { door: Arc::default(), loads: Arc::default(), waiting: Arc::default() };
        let (door, loads, waiting) = (held.door.clone(), held.loads.clone(), held.waiting.clone());
        let node = Node::quiet_with(&app, move |state| {
            let cache = Arc::clone(&state.shell.cache);
            state.shell.cache = Arc::new(Held { cache, door, loads, waiting });
        })
        .await;
        Self { app, node, admin, room, held }
    }

    /// Somebody asks for the list, on a task of their own.
    fn reader(&self) -> JoinHandle<Told> {
        let asked = self.node.ask(Method::GET, "/api/rooms").by(&self.admin);
        tokio::spawn(async move { asked.told().await })
    }

    async fn end(self) {
        self.node.end().await;
        self.app.end().await;
    }
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn a_load_held_open_across_a_write(on: On) {
    let ground = Ground::on(on).await;
    let (node, admin, held) = (&ground.node, &ground.admin, &ground.held);
    let reader = ground.reader();
    until("the first reader loads", || held.door.came.load(Ordering::SeqCst) == 1).await;
    // It has read the old name and kept nothing yet.
    let path = format!("/api/rooms/{}", ground.room);
    node.ask(Method::PUT, &path).by(admin).seen(1).json(json!({ "name": "New" })).told().await.is(200);
    // Who asks after the write neither waits for that load nor gets what it read.
    let told = node.get("/api/rooms", admin).await.is(200);
    assert_eq!(told.data()[0]["name"], "New");
    held.door.open();
    let overtaken = reader.await.unwrap().is(200);
    assert_eq!(overtaken.data()[0]["name"], "Old", "it asked before the write was answered");
    for _ in 0..3 {
        let told = node.get("/api/rooms", admin).await.is(200);
        assert_eq!((&told.data()[0]["name"], &told.data()[0]["version"]), (&json!("New"), &json!(2)));
    }
    assert_eq!(held.loads.load(Ordering::SeqCst), 2, "one load of the old, one of the new");
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_load_held_open_across_a_write_brings_nothing_old_back_on_sqlite() {
    a_load_held_open_across_a_write(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_load_held_open_across_a_write_brings_nothing_old_back_on_postgres() {
    a_load_held_open_across_a_write(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_readers_of_a_cold_list_load_it_once() {
    const READERS: usize = 100;
    let ground = Ground::on(On::Sqlite).await;
    let held = &ground.held;
    let readers: Vec<_> = (0..READERS).map(|_| ground.reader()).collect();
    until("the others wait for the first", || held.waiting.load(Ordering::SeqCst) == READERS - 1).await;
    held.door.open();
    for reader in readers {
        assert_eq!(reader.await.unwrap().is(200).data()[0]["name"], "Old");
    }
    assert_eq!(held.loads.load(Ordering::SeqCst), 1);
    ground.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_who_goes_away_leaves_the_answer_to_those_who_wait() {
    let ground = Ground::on(On::Sqlite).await;
    let held = &ground.held;
    let first = ground.reader();
    until("the first reader loads", || held.door.came.load(Ordering::SeqCst) == 1).await;
    let second = ground.reader();
    until("the second waits", || held.waiting.load(Ordering::SeqCst) == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    held.door.open();
    assert_eq!(second.await.unwrap().is(200).data()[0]["name"], "Old");
    assert_eq!(held.loads.load(Ordering::SeqCst), 1);
    ground.end().await;
}
