//! A server that goes away: who asks meanwhile is told so soon, and when it is back nobody has to ask twice.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domicile_db::{Database, Options, Parts, schema};
use domicile_kernel::StoreError;
use domicile_testkit::{
    barrier::race,
    postgres::{self, Cluster},
    store::TestStore,
};

/// Eight connections that have been used.
async fn used(database: &Database) {
    let race = race(8, |_number| {
        let database = database.clone();
        async move { database.ping().await.expect("the server answers") }
    });
    let _ = race.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_a_server_that_is_away_is_told_so_soon_and_its_return_is_noticed_at_once() {
    let cluster = Cluster::private(false);
    let home = postgres::Database::empty(&cluster).await;
    schema::migrate(&home.url()).await.unwrap();
    // Only its clock and its keys.
    let store = TestStore::sqlite().await;
    let parts = Parts { clock: store.clock.clone(), cipher: store.cipher(), listener: Arc::new(()) };
    let database = Database::open(&Options::new(home.url()), parts).await.unwrap();
    let mut wakeups = database.wakeups().await.unwrap().expect("PostgreSQL has wake-ups");
    database.notify_followers().await.unwrap();
    wakeups.next().await.unwrap();
    for kill in [false, true] {
        used(&database).await;
        if kill {
            cluster.kill();
        } else {
            cluster.stop();
        }
        let lost = wakeups.next().await;
        assert!(matches!(lost, Err(StoreError::Transient(_))), "{lost:?}");
        let asked = Instant::now();
        let answer = database.ping().await;
        assert!(matches!(answer, Err(StoreError::Transient(_))), "{answer:?}");
        assert!(asked.elapsed() < Duration::from_secs(4), "told after {:?}", asked.elapsed());
        cluster.start();
        // Every connection in the pool is dead; the first to ask does not learn of it.
        database.ping().await.expect("the server is back");
        wakeups = database.wakeups().await.unwrap().expect("PostgreSQL has wake-ups");
        database.notify_followers().await.unwrap();
        wakeups.next().await.unwrap();
    }
    // Its connection is one of the pool's, which waits for it.
    drop(wakeups);
    database.close().await;
}
