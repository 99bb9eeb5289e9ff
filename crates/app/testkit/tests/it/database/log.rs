//! What sockets stand on in the database: the log of one hostel, and who is online there; on both databases.

use std::time::Duration;

use domicile_kernel::{AccountId, Event, HostelId, Instant, Outcome, Scope};
use domicile_tenancy::TenancyUows;
use domicile_testkit::store::TestStore;
use uuid::Uuid;

use super::relay::event;

/// Commits so many events in a hostel, one a change, and relays them.
async fn happen(store: &TestStore, hostel: HostelId, count: usize) {
    for _ in 0..count {
        let call = store.call(Scope::Hostel(hostel));
        let mut uow = TenancyUows::begin(&store.database, &call).await.unwrap();
        uow.record(event(&store.ambient, hostel.uuid(), 1));
        uow.commit(Outcome::done()).await.unwrap();
    }
    store.database.relay_all(store.seal().as_ref()).await.unwrap();
}

fn seqs(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn a_hostels_log_is_read_alone_and_in_order_and_says_how_far_it_reaches() {
    for store in TestStore::both().await {
        let db = &store.database;
        let (here, there, empty) =
            (store.hostel("Here").await, store.hostel("There").await, store.hostel("Empty").await);
        for _ in 0..3 {
            happen(&store, here, 2).await;
            happen(&store, there, 1).await;
        }
        assert_eq!(seqs(&db.events_of(here, 0, 100).await.unwrap()), [1, 2, 3, 4, 5, 6]);
        let page = db.events_of(here, 2, 3).await.unwrap();
        assert_eq!(seqs(&page), [3, 4, 5]);
        assert!(page.iter().all(|event| event.hostel_id == Some(here)));
        assert_eq!(seqs(&db.events_of(here, 6, 100).await.unwrap()), Vec::<i64>::new());
        assert_eq!(db.reach_of(here).await.unwrap(), (1, 6));
        assert_eq!(db.reach_of(there).await.unwrap(), (1, 3));
        assert_eq!(db.reach_of(empty).await.unwrap(), (0, 0));
    }
}

#[tokio::test]
async fn who_is_online_is_written_down_by_node_and_read_by_hostel() {
    for store in TestStore::both().await {
        let db = &store.database;
        let (here, there) = (store.hostel("Here").await, store.hostel("There").await);
        let mut people = Vec::new();
        for _ in 0..3 {
            people.push(store.account(|_as_it_is| ()).await);
        }
        people.sort_unstable();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let now = store.ambient.now();
        let second = |n| now.plus(Duration::from_secs(n));
        let online = |hostel| async move {
            let lost: Instant = second(10);
            db.present_in(hostel, lost).await.unwrap()
        };
        let came = |hostel: HostelId, account: AccountId, since| (hostel, account, Some(since));
        let comings =
            [came(here, people[0], second(3)), came(here, people[1], second(4)), came(there, people[2], second(5))];
        db.note_presence(one, &comings, second(20)).await.unwrap();
        db.note_presence(other, &[came(here, people[0], second(1))], second(20)).await.unwrap();
        // Each once, since the oldest of their sockets, whichever node it is on.
        assert_eq!(online(here).await, [(people[0], second(1)), (people[1], second(4))]);
        assert_eq!(online(there).await, [(people[2], second(5))]);
        // Told again, and gone, in one go.
        db.note_presence(one, &[(here, people[1], None), came(there, people[2], second(6))], second(21)).await.unwrap();
        assert_eq!(online(here).await, [(people[0], second(1))]);
        assert_eq!(online(there).await, [(people[2], second(6))]);
        // A node confirms its own only; the rest is nobody's after a while, and removed.
        assert_eq!(db.confirm_presence(one, second(40)).await.unwrap(), 2);
        assert_eq!(db.present_in(here, second(30)).await.unwrap(), [(people[0], second(3))]);
        db.remove_presence(None, second(30)).await.unwrap();
        assert_eq!(db.present_in(here, second(0)).await.unwrap(), [(people[0], second(3))]);
        db.remove_presence(Some(one), second(0)).await.unwrap();
        assert_eq!((online(here).await, online(there).await), (Vec::new(), Vec::new()));
        db.note_presence(one, &[], second(50)).await.unwrap();
    }
}
