//! Nothing waits forever: what PostgreSQL connections start with, and what a wait that ran out is called.

use std::time::{Duration, Instant};

use domicile_kernel::{Outcome, Purpose, Scope, StoreError};
use domicile_tenancy::{Hostel, TenancyUow, TenancyUows};
use domicile_testkit::store::TestStore;

async fn renamed(store: &TestStore, uow: &mut dyn TenancyUow, id: domicile_kernel::HostelId) -> Result<(), StoreError> {
    let hostel: Hostel = uow.hostels().find(id).await?.expect("the hostel is there");
    let seen = hostel.version();
    uow.hostels().update(&hostel.changed(None, None, store.ambient.now()), seen).await
}

#[tokio::test]
async fn every_connection_has_its_role_and_its_limits() {
    let store = TestStore::postgres().await;
    let hostel = store.hostel("Limits").await;
    let mut owner = store.owner().await;
    // Each change writes into the row what its connection was bound by.
    owner
        .run(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := concat_ws(' ', current_user, \
             current_setting('statement_timeout'), current_setting('lock_timeout'), \
             current_setting('idle_in_transaction_session_timeout'), current_setting('transaction_isolation'), \
             current_setting('application_name')); RETURN NEW; END $$; \
             CREATE TRIGGER tell BEFORE UPDATE ON hostels FOR EACH ROW EXECUTE FUNCTION tell()",
        )
        .await;
    for (scope, role) in
        [(Scope::Hostel(hostel), "domicile_app"), (Scope::System(Purpose::Installation), "domicile_system")]
    {
        let mut uow = TenancyUows::begin(&store.database, &store.call(scope)).await.unwrap();
        renamed(&store, uow.as_mut(), hostel).await.unwrap();
        uow.commit(Outcome::done()).await.unwrap();
        let told = owner.texts("SELECT name FROM hostels").await;
        assert_eq!(told, [[format!("{role} 5s 2s 10s read committed domicile")]]);
    }
}

#[tokio::test]
async fn a_wait_for_a_lock_ends_after_two_seconds_as_something_that_will_pass() {
    let store = TestStore::postgres().await;
    let hostel = store.hostel("Locked").await;
    let mut owner = store.owner().await;
    owner.run(format!("BEGIN; SELECT * FROM hostels WHERE id = '{hostel}' FOR UPDATE")).await;
    let mut uow = TenancyUows::begin(&store.database, &store.call(Scope::Hostel(hostel))).await.unwrap();
    let start = Instant::now();
    let refused = renamed(&store, uow.as_mut(), hostel).await;
    assert!(matches!(refused, Err(StoreError::Transient(_))), "{refused:?}");
    let waited = start.elapsed();
    assert!(waited > Duration::from_millis(1_900) && waited < Duration::from_secs(4), "it waited {waited:?}");
    // PostgreSQL would answer the commit of a failed transaction with a silent rollback.
    assert!(uow.commit(Outcome::done()).await.is_err(), "a transaction that failed cannot be committed");
    owner.run("ROLLBACK").await;

    let mut uow = TenancyUows::begin(&store.database, &store.call(Scope::Hostel(hostel))).await.unwrap();
    renamed(&store, uow.as_mut(), hostel).await.expect("a moment later it succeeds");
    uow.commit(Outcome::done()).await.unwrap();
    assert_eq!(owner.number("SELECT version FROM hostels").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_free_connection_says_so_in_time() {
    let store = TestStore::postgres().await;
    let hostel = store.hostel("Busy").await;
    let tight = |options: &mut domicile_db::Options| {
        options.connections = 1;
        options.acquire_timeout = Duration::from_millis(200);
    };
    let database = store.node(tight, std::sync::Arc::new(())).await;
    let call = store.call(Scope::Hostel(hostel));
    let held = TenancyUows::begin(&database, &call).await.unwrap();
    let waiting = tokio::spawn(async move { TenancyUows::begin(&database, &call).await.map(|_uow| ()) });
    let refused = waiting.await.unwrap();
    assert!(matches!(refused, Err(StoreError::Transient(_))), "{refused:?}");
    drop(held);
}
