//! What must hold of any database, whoever was killed over it: every change has its event and its audit row, once, and the
//! numbers run without a gap and without a repeat.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use domicile_testkit::store::Owner;

/// Ids as 32 digits.
pub(crate) async fn ids(owner: &mut Owner, column: &str, rest: &str) -> Vec<String> {
    let column = match owner {
        Owner::Postgres(_) => format!("{column}::text"),
        Owner::Sqlite(_) => format!("lower(hex({column}))"),
    };
    let rows = owner.texts(format!("SELECT {column} {rest}")).await;
    rows.into_iter().map(|row| plain(&row.concat())).collect()
}

/// An id without its hyphens.
pub(crate) fn plain(id: &str) -> String {
    id.replace('-', "")
}

/// Waits until every event is in the log and every audit row is sealed; answers how long that took.
pub(crate) async fn drained(owner: &mut Owner, patience: Duration) -> Duration {
    const WAITING: &str = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM audit_log WHERE hash IS NULL)";
    let started = Instant::now();
    loop {
        let waiting = owner.number(WAITING).await;
        if waiting == 0 {
            return started.elapsed();
        }
        assert!(
            started.elapsed() < patience,
            "{waiting} events and audit rows still wait for a relay after {patience:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks a drained database.
pub(crate) async fn is_whole(owner: &mut Owner) {
    let events = owner.number("SELECT count(*) FROM events").await;
    assert!(events > 0);
    assert_eq!(owner.number("SELECT min(position) FROM events").await, 1);
    assert_eq!(owner.number("SELECT max(position) FROM events").await, events, "a position is missing");
    assert_eq!(owner.number("SELECT count(DISTINCT event_id) FROM events").await, events, "an event is there twice");
    let broken = "SELECT count(*) FROM (SELECT hostel_id FROM events WHERE hostel_id IS NOT NULL GROUP BY hostel_id \
                  HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*)) AS broken";
    assert_eq!(owner.number(broken).await, 0, "a hostel's seq has a gap or a repeat");
    let broken = "SELECT count(*) FROM (SELECT hostel_id FROM audit_log GROUP BY hostel_id \
                  HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(DISTINCT seq) <> count(*)) AS broken";
    assert_eq!(owner.number(broken).await, 0, "a hostel's audit chain has a gap or a repeat");
    // Each as often as there are bookings, and of the same bookings: so each booking has one of each.
    for (table, kind, action) in
        [("bookings", "booking.created", "booking.create"), ("rooms", "room.created", "room.create")]
    {
        let made = ids(owner, "id", &format!("FROM {table}")).await;
        let told = ids(owner, "aggregate_id", &format!("FROM events WHERE kind = '{kind}'")).await;
        let filed = ids(owner, "target_id", &format!("FROM audit_log WHERE action = '{action}'")).await;
        let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&told), set(&made), "{table} and their events are not the same");
        assert_eq!(set(&filed), set(&made), "{table} and their audit rows are not the same");
        assert_eq!((told.len(), filed.len()), (made.len(), made.len()), "{table}: something was told twice");
    }
}

/// Whether all of these ids are in the table.
pub(crate) async fn holds(owner: &mut Owner, table: &str, wanted: impl IntoIterator<Item = &str>) {
    let there: BTreeSet<String> = ids(owner, "id", &format!("FROM {table}")).await.into_iter().collect();
    for id in wanted {
        assert!(there.contains(&plain(id)), "{id} was acknowledged and is not in {table}");
    }
}
