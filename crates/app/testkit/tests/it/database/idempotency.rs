//! One key, one effect (W9), at the unit of work.

use domicile_kernel::{AccountId, Call, HostelId, IdempotencyKey, Outcome, Scope, StoreError};
use domicile_tenancy::TenancyUows;
use domicile_testkit::{barrier::race, store::TestStore};
use serde_json::json;

use super::relay::event;

async fn keyed(store: &TestStore, hostel: HostelId, account: AccountId, key: &str, fingerprint: u8) -> Call {
    let mut call = store.call_as(account, None, Scope::Hostel(hostel));
    call.idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: [fingerprint; 32] });
    call
}

/// What came of one attempt.
#[derive(Debug, PartialEq)]
enum Attempt {
    Fresh,
    Replayed(Outcome),
    InFlight,
    Reused,
}

async fn attempt(store: &domicile_db::Database, call: &Call, number: usize, ids: &domicile_kernel::Ambient) -> Attempt {
    match TenancyUows::begin(store, call).await {
        Ok(mut uow) => {
            uow.record(event(ids, ids.id(), 1));
            // Long enough that the others arrive while this one is at work.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            uow.commit(Outcome::stored(json!({ "by": number }))).await.expect("the first request is committed");
            Attempt::Fresh
        }
        Err(StoreError::Replayed(outcome)) => Attempt::Replayed(outcome),
        Err(StoreError::KeyInFlight) => Attempt::InFlight,
        Err(StoreError::KeyReused) => Attempt::Reused,
        Err(error) => panic!("attempt {number} failed: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_requests_with_one_key_one_has_an_effect() {
    for store in TestStore::both().await {
        let hostel = store.hostel("Keyed").await;
        let account = store.account(|_as_it_is| ()).await;
        let call = keyed(&store, hostel, account, "one", 1).await;
        let race = race(100, |number| {
            let (database, call, ambient) = (store.database.clone(), call.clone(), store.ambient.clone());
            async move { attempt(&database, &call, number, &ambient).await }
        })
        .await;
        let attempts = race.assert_overlapped();
        let winner = attempts.iter().position(|attempt| *attempt == Attempt::Fresh).expect("one request has an effect");
        let answer = Outcome::stored(json!({ "by": winner }));
        for (number, attempt) in attempts.into_iter().enumerate() {
            match attempt {
                Attempt::Fresh => assert_eq!(number, winner, "two requests had an effect"),
                Attempt::Replayed(outcome) => assert_eq!(outcome, answer, "a replay gives the first answer"),
                Attempt::InFlight => assert!(store.is_postgres(), "SQLite's one writer meets no request in flight"),
                Attempt::Reused => panic!("the same request was taken for another"),
            }
        }
        let mut owner = store.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM outbox").await, 1, "one effect");
        assert_eq!(owner.number("SELECT count(*) FROM idempotency_keys").await, 1);
        assert_eq!(attempt(&store.database, &call, 0, &store.ambient).await, Attempt::Replayed(answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_that_still_runs_is_told_from_one_that_is_done() {
    let store = TestStore::postgres().await;
    let hostel = store.hostel("Keyed").await;
    let account = store.account(|_as_it_is| ()).await;
    let call = keyed(&store, hostel, account, "slow", 1).await;
    let first = TenancyUows::begin(&store.database, &call).await.expect("the first request begins");
    let (database, same, ambient) = (store.database.clone(), call.clone(), store.ambient.clone());
    let second = tokio::spawn(async move { attempt(&database, &same, 2, &ambient).await });
    assert_eq!(second.await.expect("the second request is answered"), Attempt::InFlight);
    first.commit(Outcome::done()).await.expect("the first request is committed");
    assert_eq!(attempt(&store.database, &call, 3, &store.ambient).await, Attempt::Replayed(Outcome::done()));
}

#[tokio::test]
async fn a_key_is_bound_to_its_request_its_account_and_its_hostel_and_forgotten_by_a_rollback() {
    for store in TestStore::both().await {
        let (hostel, other) = (store.hostel("Keyed").await, store.hostel("Other").await);
        let (account, neighbour) = (store.account(|_as_it_is| ()).await, store.account(|_as_it_is| ()).await);
        let call = keyed(&store, hostel, account, "k", 1).await;
        TenancyUows::begin(&store.database, &call).await.unwrap().rollback().await.unwrap();
        drop(TenancyUows::begin(&store.database, &call).await.unwrap());
        assert_eq!(attempt(&store.database, &call, 1, &store.ambient).await, Attempt::Fresh, "a rollback forgets");
        let reused = keyed(&store, hostel, account, "k", 2).await;
        assert_eq!(attempt(&store.database, &reused, 2, &store.ambient).await, Attempt::Reused);
        let independent = [
            keyed(&store, hostel, neighbour, "k", 2).await,
            keyed(&store, other, account, "k", 2).await,
            keyed(&store, hostel, account, "K", 2).await,
        ];
        for call in independent {
            assert_eq!(attempt(&store.database, &call, 3, &store.ambient).await, Attempt::Fresh);
        }
        // What failed after the promise left neither the promise nor an effect.
        let mut owner = store.owner().await;
        assert_eq!(owner.number("SELECT count(*) FROM outbox").await, 4);
        assert_eq!(owner.number("SELECT count(*) FROM idempotency_keys").await, 4);
    }
}
