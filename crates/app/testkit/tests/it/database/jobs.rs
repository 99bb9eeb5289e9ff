//! Jobs: each done once, whoever takes it, and its payload readable by nobody else.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domicile_db::{CommitListener, Committed, Database};
use domicile_kernel::{Call, Instant, NewJob, Outcome, Purpose, Scope, StoreError};
use domicile_tenancy::TenancyUows;
use domicile_testkit::{barrier::race, store::TestStore};
use serde_json::{Value, json};

use super::relay::event;

const LEASE: Duration = Duration::from_mins(1);

fn job(store: &TestStore, key: &str, due: Instant, payload: Value) -> NewJob {
    NewJob { id: store.ambient.id(), kind: "test.job", key: key.to_owned(), due, payload }
}

fn worker_call(store: &TestStore) -> Call {
    store.call(Scope::System(Purpose::Jobs))
}

async fn enqueue(store: &TestStore, jobs: Vec<NewJob>) {
    let mut uow = TenancyUows::begin(&store.database, &worker_call(store)).await.expect("a unit of work can be opened");
    for job in jobs {
        uow.enqueue(job);
    }
    uow.commit(Outcome::done()).await.expect("jobs can be enqueued");
}

/// Does a job whose effect is an event, as one unit of work with its completion.
async fn perform(database: &Database, call: &Call, store: &domicile_kernel::Ambient) -> Result<(), StoreError> {
    let mut uow = TenancyUows::begin(database, call).await?;
    uow.record(event(store, store.id(), 1));
    uow.commit(Outcome::done()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn four_workers_do_a_thousand_jobs_once_each() {
    for (store, count) in TestStore::both().await.into_iter().zip([1000, 1000]) {
        let now = store.ambient.now();
        let batch = |from: usize| {
            let jobs = (from..from + 250).map(|n| job(&store, &n.to_string(), now, json!({ "n": n })));
            jobs.collect::<Vec<_>>()
        };
        for part in 0..count / 250 {
            enqueue(&store, batch(part * 250)).await;
        }
        enqueue(&store, vec![job(&store, "later", now.plus(LEASE), json!({}))]).await;
        let done = Arc::new(AtomicUsize::new(0));
        let race = race(4, |worker| {
            let (database, call, ambient) = (store.database.clone(), worker_call(&store), store.ambient.clone());
            let done = Arc::clone(&done);
            async move {
                let mut taken = Vec::new();
                // A worker of its own each: the lease ends at another instant.
                let until = now.plus(LEASE + Duration::from_secs(worker as u64));
                while done.load(Ordering::SeqCst) < count {
                    for leased in database.take_jobs(now, until, 20).await.expect("due jobs can be taken") {
                        let mut call = call.clone();
                        call.job = Some(leased.ticket.clone());
                        perform(&database, &call, &ambient).await.expect("a leased job can be done");
                        done.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(leased.payload, json!({ "n": leased.key.parse::<usize>().expect("a number") }));
                        assert_eq!(leased.attempts, 1);
                        taken.push(leased.key);
                    }
                }
                taken
            }
        })
        .await;
        let taken = race.assert_overlapped();
        let busy = taken.iter().filter(|keys| !keys.is_empty()).count();
        assert!(busy > 1, "one worker did everything, so nothing was shared");
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        taken.into_iter().flatten().for_each(|key| *times.entry(key).or_default() += 1);
        assert_eq!(times.len(), count);
        assert!(times.values().all(|times| *times == 1), "a job was done twice");
        let mut owner = store.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM outbox").await, count as i64, "one effect a job");
        assert_eq!(owner.number("SELECT count(*) FROM jobs").await, 1, "what is not due yet stays");
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_again_and_the_first_worker_changes_nothing() {
    for store in TestStore::both().await {
        let start = store.ambient.now();
        enqueue(&store, vec![job(&store, "slow", start, json!({ "to": "ama" }))]).await;
        let first = store.database.take_jobs(start, start.plus(LEASE), 10).await.unwrap().pop().unwrap();
        assert!(store.database.take_jobs(start, start.plus(LEASE), 10).await.unwrap().is_empty(), "it is leased");
        let at_the_end = start.plus(LEASE);
        assert!(store.database.take_jobs(at_the_end, at_the_end.plus(LEASE), 10).await.unwrap().is_empty());

        let after = at_the_end.plus(Duration::from_secs(1));
        let second = store.database.take_jobs(after, after.plus(LEASE), 10).await.unwrap().pop().unwrap();
        assert_eq!((second.ticket.id, second.attempts), (first.ticket.id, 2));
        let mut call = worker_call(&store);
        call.job = Some(first.ticket.clone());
        let late = perform(&store.database, &call, &store.ambient).await;
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
        assert!(matches!(store.database.complete_job(&first.ticket).await, Err(StoreError::LeaseLost)));
        store.database.retry_job(&first.ticket, start, "too late").await.unwrap();
        let mut owner = store.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM outbox").await, 0, "the first worker changed nothing");
        assert_eq!(owner.number("SELECT count(*) FROM jobs WHERE lease_until IS NOT NULL").await, 1);

        call.job = Some(second.ticket);
        perform(&store.database, &call, &store.ambient).await.expect("the second worker has the lease");
        assert_eq!(owner.number("SELECT count(*) FROM outbox").await, 1);
        assert_eq!(owner.number("SELECT count(*) FROM jobs").await, 0);
    }
}

#[tokio::test]
async fn a_job_wanted_again_while_it_is_done_is_done_again() {
    for store in TestStore::both().await {
        let now = store.ambient.now();
        enqueue(&store, vec![job(&store, "mail", now, json!({ "code": "old" }))]).await;
        let leased = store.database.take_jobs(now, now.plus(LEASE), 1).await.unwrap().pop().unwrap();
        enqueue(&store, vec![job(&store, "mail", now, json!({ "code": "new" }))]).await;
        assert!(matches!(store.database.complete_job(&leased.ticket).await, Err(StoreError::LeaseLost)));
        let again = store.database.take_jobs(now, now.plus(LEASE), 1).await.unwrap().pop().expect("it is still wanted");
        assert_eq!((again.payload, again.attempts), (json!({ "code": "new" }), 1));
        store.database.complete_job(&again.ticket).await.unwrap();
        assert_eq!(store.owner().await.number("SELECT count(*) FROM jobs").await, 0);
    }
}

#[tokio::test]
async fn a_job_given_back_waits_for_its_time_and_one_that_puts_itself_back_stays_one() {
    for store in TestStore::both().await {
        let now = store.ambient.now();
        enqueue(&store, vec![job(&store, "sweep", now, json!({}))]).await;
        let leased = store.database.take_jobs(now, now.plus(LEASE), 1).await.unwrap().pop().unwrap();
        let later = now.plus(Duration::from_secs(5));
        store.database.retry_job(&leased.ticket, later, "the mail server is away").await.unwrap();
        assert!(store.database.take_jobs(now, now.plus(LEASE), 1).await.unwrap().is_empty());
        let leased = store.database.take_jobs(later, later.plus(LEASE), 1).await.unwrap().pop().unwrap();
        assert_eq!(leased.attempts, 2);

        let mut call = worker_call(&store);
        call.job = Some(leased.ticket);
        let next = later.plus(Duration::from_hours(1));
        let mut uow = TenancyUows::begin(&store.database, &call).await.unwrap();
        uow.enqueue(job(&store, "sweep", next, json!({})));
        uow.commit(Outcome::done()).await.unwrap();
        assert_eq!(store.owner().await.numbers("SELECT due FROM jobs").await, [next.micros()]);
    }
}

/// Hears of each commit whether a job of it is due.
#[derive(Default)]
struct Heard(Mutex<Vec<bool>>);

impl CommitListener for Heard {
    fn committed(&self, commit: &Committed<'_>) {
        self.0.lock().unwrap().push(commit.job_due);
    }
}

#[tokio::test]
async fn the_worker_is_woken_by_what_is_due_and_by_nothing_else() {
    for mut store in TestStore::both().await {
        let heard = Arc::new(Heard::default());
        store.database = store.node(|_| {}, heard.clone()).await;
        let now = store.ambient.now();
        let later = now.plus(Duration::from_secs(1));
        enqueue(&store, Vec::new()).await;
        enqueue(&store, vec![job(&store, "later", later, json!({}))]).await;
        enqueue(&store, vec![job(&store, "later", later, json!({})), job(&store, "now", now, json!({}))]).await;
        assert_eq!(*heard.0.lock().unwrap(), [false, false, true]);
    }
}
