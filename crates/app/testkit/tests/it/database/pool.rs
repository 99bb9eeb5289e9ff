//! Scopes and pooled connections: a connection never carries one tenant's scope into another tenant's request, however
//! the request before it ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domicile_kernel::{HostelId, Outcome, Page, Scope};
use domicile_tenancy::{TenancyQueries, TenancyUows};
use domicile_testkit::{barrier::race, store::TestStore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_requests_of_fifty_hostels_over_three_connections_meet_no_foreign_row() {
    let store = TestStore::postgres().await;
    let mut hostels = Vec::new();
    for n in 0..50 {
        hostels.push(store.hostel(&format!("House {n}")).await);
    }
    let narrow = |options: &mut domicile_db::Options| {
        options.connections = 3;
        options.acquire_timeout = Duration::from_secs(10);
    };
    let database = store.node(narrow, Arc::new(())).await;
    let (given_up, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let race = race(200, |number| {
        let hostel = hostels[number % hostels.len()];
        let (database, call) = (database.clone(), store.call(Scope::Hostel(hostel)));
        let (given_up, seen) = (Arc::clone(&given_up), Arc::clone(&seen));
        let now = store.ambient.now();
        async move {
            let page = Page::first("created_at", false);
            for round in 0..6u64 {
                // This list filters by nothing: what it shows of other hostels, only the policies keep back.
                let request = async {
                    if round % 2 == 0 {
                        let found =
                            TenancyQueries::hostels(&database, &call, &page).await.expect("hostels can be listed");
                        found.rows.into_iter().map(|view| view.id).collect::<Vec<HostelId>>()
                    } else {
                        let mut uow = TenancyUows::begin(&database, &call).await.expect("a unit of work can be opened");
                        let own = uow.hostels().find(hostel).await.expect("a hostel can be read");
                        let own = own.expect("the own hostel is in reach");
                        // May be stale: another request of the same hostel changes it too.
                        let seen = own.version();
                        let _ = uow.hostels().update(&own.changed(None, None, now), seen).await;
                        let _ = uow.commit(Outcome::done()).await;
                        vec![hostel]
                    }
                };
                // One request in three is given up somewhere on its way, as when a client goes away.
                let patience = if (number as u64 + round).is_multiple_of(3) {
                    Duration::from_micros(200 + (number as u64 * 97 + round * 1_009) % 12_000)
                } else {
                    Duration::from_secs(30)
                };
                match tokio::time::timeout(patience, request).await {
                    Ok(rows) => {
                        seen.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(rows, [hostel], "a request of {hostel} saw these");
                    }
                    Err(_given_up) => {
                        given_up.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        }
    })
    .await;
    let _ = race.assert_overlapped();
    let (given_up, seen) = (given_up.load(Ordering::SeqCst), seen.load(Ordering::SeqCst));
    assert!(given_up > 50 && seen > 500, "{given_up} requests were given up and {seen} answered");
    // And every hostel is still as its own requests left it.
    let page = Page::first("created_at", false);
    for hostel in hostels {
        let call = store.call(Scope::Hostel(hostel));
        let rows = TenancyQueries::hostels(&database, &call, &page).await.unwrap().rows;
        assert_eq!(rows.into_iter().map(|view| view.id).collect::<Vec<_>>(), [hostel]);
    }
}
