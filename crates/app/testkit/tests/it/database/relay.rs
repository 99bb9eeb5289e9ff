//! From commit to log: every event once, numbered without a gap, in the order of change, whoever is killed meanwhile.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use domicile_db::{Database, relay::AuditSeal};
use domicile_kernel::{Ambient, Audience, Call, Event, EventId, HostelId, NewEvent, Outcome, Scope, StoreError};
use domicile_tenancy::{TenancyUow, TenancyUows};
use domicile_testkit::{barrier::race, store::TestStore};
use serde_json::json;

/// An event about some aggregate at some version.
pub(super) fn event(ambient: &Ambient, aggregate: uuid::Uuid, version: i64) -> NewEvent {
    NewEvent {
        id: ambient.id(),
        kind: "test.happened",
        version: 1,
        audience: Audience::Hostel,
        aggregate: "test",
        aggregate_id: aggregate,
        aggregate_version: version,
        at: ambient.now(),
        data: json!({ "version": version }),
    }
}

/// How much is written.
struct Load {
    writers: usize,
    commits: u64,
    hostels: usize,
}

/// What a writer needs, and the ids of what it has committed.
struct Writer {
    database: Database,
    ambient: Ambient,
    calls: Vec<(HostelId, Call)>,
    number: u64,
    left: Arc<AtomicU64>,
}

impl Writer {
    /// Commits until the load is done; every twentieth unit of work is rolled back or dropped after it has written.
    async fn run(self) -> Vec<EventId> {
        let mut kept = Vec::new();
        let own = self.ambient.id();
        let mut own_version = 0;
        let mut turn = self.number;
        while self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            loop {
                turn += 1;
                let (hostel, call) = &self.calls[(turn as usize * 7) % self.calls.len()];
                let mut uow = self.begin(call).await;
                // One commit in four changes a record that all writers share, the others one of the writer's own.
                let happened = if turn.is_multiple_of(4) {
                    let Some(version) = rename(uow.as_mut(), *hostel, self.ambient.now()).await else {
                        uow.rollback().await.expect("a stale change can be rolled back");
                        continue;
                    };
                    event(&self.ambient, hostel.uuid(), version)
                } else {
                    event(&self.ambient, own, own_version + 1)
                };
                let (id, of_own) = (happened.id, happened.aggregate_id == own);
                uow.record(happened);
                match turn % 40 {
                    13 => uow.rollback().await.expect("a unit of work can be rolled back"),
                    33 => drop(uow),
                    _ => {
                        uow.commit(Outcome::done()).await.expect("a change can be committed");
                        own_version += i64::from(of_own);
                        kept.push(id);
                        break;
                    }
                }
            }
        }
        kept
    }

    async fn begin(&self, call: &Call) -> Box<dyn TenancyUow> {
        loop {
            match TenancyUows::begin(&self.database, call).await {
                Ok(uow) => return uow,
                Err(StoreError::Transient(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("a unit of work cannot be opened: {error:?}"),
            }
        }
    }
}

/// Takes the hostel one version on; nothing when another writer was quicker.
async fn rename(uow: &mut dyn TenancyUow, id: HostelId, at: domicile_kernel::Instant) -> Option<i64> {
    let hostel = uow.hostels().find(id).await.expect("a hostel can be read").expect("the hostel is there");
    let seen = hostel.version();
    let changed = hostel.changed(None, None, at);
    match uow.hostels().update(&changed, seen).await {
        Ok(()) => Some(changed.version()),
        Err(StoreError::Stale) => None,
        Err(error) => panic!("a hostel cannot be changed: {error:?}"),
    }
}

/// Relays until told to stop; what passes (a killed connection) is tried again.
async fn relay(database: Database, seal: Arc<dyn AuditSeal>, stop: Arc<AtomicBool>, moved: Arc<AtomicU64>) {
    while !stop.load(Ordering::SeqCst) {
        match database.relay_once(seal.as_ref()).await {
            Ok(batch) => {
                moved.fetch_add(batch.events, Ordering::SeqCst);
                if batch.busy || batch.events == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Err(StoreError::Transient(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("the relay failed: {error:?}"),
        }
    }
}

/// Aborts one relay after another, at moments that wander through its transaction; on PostgreSQL also kills the backend
/// of whichever relay is at work. Answers how often it struck.
async fn torment(store: &TestStore, stop: &Arc<AtomicBool>) -> (u64, i64) {
    let (mut aborted, mut killed) = (0, 0);
    let mut owner = store.owner().await;
    while !stop.load(Ordering::SeqCst) {
        let database = store.database.clone();
        let victim = tokio::spawn(relay(database, store.seal(), Arc::clone(stop), Arc::default()));
        tokio::time::sleep(Duration::from_micros(300 + aborted * 1_237 % 9_000)).await;
        victim.abort();
        let _ = victim.await;
        aborted += 1;
        if store.is_postgres() && aborted % 8 == 0 {
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
                        AND state <> 'idle' AND (query LIKE 'DELETE FROM outbox%' OR query LIKE 'INSERT INTO \"events\"%' \
                        OR query LIKE 'INSERT INTO stream_heads%')";
            killed += owner.number(kill).await;
        }
    }
    (aborted, killed)
}

async fn all_events(database: &Database) -> Vec<Event> {
    let mut log: Vec<Event> = Vec::new();
    loop {
        let after = log.last().map_or(0, |event| event.position);
        let page = database.events_after(after, 500).await.expect("the log can be read");
        if page.is_empty() {
            return log;
        }
        log.extend(page);
    }
}

/// Positions 1..n, seq 1..m for each hostel, the versions of each aggregate rising, and exactly the kept ids.
fn check(log: &[Event], kept: &[EventId]) {
    let positions: Vec<i64> = log.iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=log.len() as i64).collect::<Vec<_>>(), "positions run from 1 without a gap");
    let mut seqs: BTreeMap<Option<HostelId>, i64> = BTreeMap::new();
    let mut versions: BTreeMap<(Option<HostelId>, uuid::Uuid), i64> = BTreeMap::new();
    for event in log {
        let seq = seqs.entry(event.hostel_id).or_default();
        *seq += 1;
        assert_eq!(event.seq, *seq, "seq of {:?} runs from 1 without a gap", event.hostel_id);
        let version = versions.entry((event.hostel_id, event.aggregate_id)).or_default();
        assert!(
            event.aggregate_version > *version,
            "an aggregate went from version {version} to {} at position {}",
            event.aggregate_version,
            event.position
        );
        *version = event.aggregate_version;
    }
    let mut expected = kept.to_vec();
    let mut found: Vec<EventId> = log.iter().map(|event| event.id).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found.len(), expected.len(), "each committed event once, no other");
    assert_eq!(found, expected, "each committed event once, no other");
}

async fn nothing_is_lost(store: TestStore, load: Load) {
    let mut hostels = Vec::new();
    for n in 0..load.hostels {
        hostels.push(store.hostel(&format!("House {n}")).await);
    }
    let left = Arc::new(AtomicU64::new(load.commits));
    let (stop, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let store = Arc::new(store);
    let steady = tokio::spawn(relay(store.database.clone(), store.seal(), Arc::clone(&stop), Arc::clone(&moved)));
    let tormentor = {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(async move { torment(&store, &stop).await })
    };
    let race = race(load.writers, |number| {
        let calls = hostels.iter().map(|hostel| (*hostel, store.call(Scope::Hostel(*hostel)))).collect();
        let (database, ambient, left) = (store.database.clone(), store.ambient.clone(), Arc::clone(&left));
        Writer { database, ambient, calls, number: number as u64 * 11, left }.run()
    })
    .await;
    let kept: Vec<EventId> = race.assert_overlapped().into_iter().flatten().collect();
    assert_eq!(kept.len() as u64, load.commits);
    stop.store(true, Ordering::SeqCst);
    let (aborted, killed) = tormentor.await.expect("the tormentor ends");
    steady.await.expect("the steady relay ends");
    let moved = moved.load(Ordering::SeqCst);
    assert!(moved > 0, "the steady relay moved nothing while the writers wrote");
    assert!(aborted > 5, "only {aborted} relays were aborted: this was no torment");
    assert!(killed > 0 || !store.is_postgres(), "no relay was killed at its work");
    // The relay that is left finishes the work.
    while store.database.relay_all(store.seal().as_ref()).await.map_or(true, |batch| batch.busy) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = all_events(&store.database).await;
    check(&log, &kept);
    assert_eq!(store.database.last_position().await.unwrap(), log.len() as i64);
    assert_eq!(store.owner().await.number("SELECT count(*) FROM outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_commits_reach_the_log_once_each_on_postgresql() {
    let load = Load { writers: 8, commits: 10_000, hostels: 10 };
    nothing_is_lost(TestStore::postgres().await, load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commits_reach_the_log_once_each_on_sqlite() {
    let load = Load { writers: 4, commits: 1_000, hostels: 5 };
    nothing_is_lost(TestStore::sqlite().await, load).await;
}

#[tokio::test]
async fn an_event_of_no_hostel_has_a_position_and_takes_no_number_of_a_hostel() {
    for store in TestStore::both().await {
        let hostel = store.hostel("House").await;
        let scopes =
            [Scope::Hostel(hostel), Scope::System(domicile_kernel::Purpose::Installation), Scope::Hostel(hostel)];
        for scope in scopes {
            let mut uow = TenancyUows::begin(&store.database, &store.call(scope)).await.unwrap();
            uow.record(event(&store.ambient, store.ambient.id(), 1));
            uow.commit(Outcome::done()).await.unwrap();
        }
        store.database.relay_all(store.seal().as_ref()).await.unwrap();
        let log = all_events(&store.database).await;
        let numbers: Vec<_> = log.iter().map(|event| (event.position, event.seq, event.hostel_id)).collect();
        assert_eq!(numbers, [(1, 1, Some(hostel)), (2, 0, None), (3, 2, Some(hostel))]);
    }
}

/// What it takes is to stay small however much waits: with a plan that compares each waiting row with each of the batch,
/// a backlog of this size runs into the time limit of a statement, and then it is never worked off.
#[tokio::test]
async fn a_backlog_is_taken_batch_by_batch_though_the_statistics_know_of_an_empty_table() {
    let store = TestStore::postgres().await;
    let mut owner = store.owner().await;
    owner.run("ALTER TABLE outbox SET (autovacuum_enabled = false)").await;
    owner
        .run(
            "INSERT INTO outbox (event_id, kind, version, audience, aggregate, aggregate_id, aggregate_version, actor, at, \
             request_id, data) SELECT gen_random_uuid(), 'test.happened', 1, 'hostel', 'test', gen_random_uuid(), 1, 'x', n, \
             'r', '{}' FROM generate_series(1, 50000) n",
        )
        .await;
    let batch = store.database.relay_once(store.seal().as_ref()).await.unwrap();
    assert_eq!(batch.events, domicile_db::relay::BATCH);
    assert_eq!(owner.number("SELECT max(at) FROM events").await, domicile_db::relay::BATCH as i64, "the oldest first");
}
