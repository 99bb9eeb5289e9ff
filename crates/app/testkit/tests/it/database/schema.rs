//! The schema at start: made once by whoever comes first, and refused only by whom it would break.

use domicile_db::{Backend, schema};
use domicile_migration::RELEASE;
use domicile_testkit::{
    barrier::race,
    postgres::{Cluster, Database},
    store::{Owner, TestStore},
};

async fn four_at_once(url: &str) {
    let race = race(4, |_number| {
        let url = url.to_owned();
        async move { schema::migrate(&url).await }
    })
    .await;
    let mut applied: Vec<u32> =
        race.assert_overlapped().into_iter().map(|applied| applied.expect("each start finds a schema")).collect();
    applied.sort_unstable();
    let all = domicile_migration::MIGRATIONS as u32;
    assert_eq!(applied, [0, 0, 0, all], "one makes the schema and the others find it");
    assert_eq!(schema::migrate(url).await.expect("a later start finds it"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_nodes_that_start_at_once_make_one_schema_on_postgresql() {
    let database = Database::empty(&Cluster::shared()).await;
    four_at_once(&database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_starts_at_once_make_one_schema_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    four_at_once(&format!("sqlite://{}", folder.path().join("domicile.db").display())).await;
}

#[tokio::test]
async fn hostels_from_before_are_priced_by_the_rule_there_was() {
    for store in TestStore::both().await {
        let hostel = store.hostel("From before").await;
        let mut owner = store.owner().await;
        let hostel = owner.id(hostel.uuid());
        // What the third migration finds: no column, and no mark of its own or of what came after it.
        owner.run("ALTER TABLE hostel_settings DROP COLUMN proration").await;
        owner.run("ALTER TABLE bookings DROP COLUMN earlier_prices").await;
        for index in ["ix_payment_inbox__over", "ix_payment_inbox__put_aside", "ix_refunds__attention"] {
            owner.run(format!("DROP INDEX {index}")).await;
        }
        let of_table = if store.is_postgres() { " ON payment_inbox" } else { "" };
        owner.run(format!("DROP TRIGGER payment_inbox__stays{of_table}")).await;
        if store.is_postgres() {
            owner.run("DROP FUNCTION refuse_removal").await;
            owner.run("REVOKE DELETE ON payment_inbox FROM domicile_system").await;
        }
        owner.run("DELETE FROM schema_migrations WHERE version >= 'm0003'").await;
        owner.run("DELETE FROM schema_marks WHERE migration >= 'm0003'").await;
        assert_eq!(schema::migrate(&store.url()).await.expect("the schema is brought up"), 3);
        let rule = format!("SELECT proration FROM hostel_settings WHERE hostel_id = {hostel}");
        assert_eq!(owner.texts(rule).await, [["calendar_days"]]);
        let other = format!("UPDATE hostel_settings SET proration = 'nightly' WHERE hostel_id = {hostel}");
        assert!(owner.try_run(other).await.is_err(), "a word that no rule has");
    }
}

#[tokio::test]
async fn a_database_that_needs_a_newer_binary_is_refused() {
    for store in TestStore::both().await {
        let mut owner = store.owner().await;
        let needed = RELEASE + 1;
        owner.run(format!("INSERT INTO schema_marks VALUES ('m9999_contracted', {needed})")).await;
        owner.run("INSERT INTO schema_migrations VALUES ('m9999_contracted', 1)").await;
        let refused = schema::migrate(&store.url()).await;
        assert!(matches!(refused, Err(schema::SchemaError::TooOld { needed: n }) if n == needed), "{refused:?}");
        // Also when the mark stands there without a migration that this binary does not know.
        owner.run("DELETE FROM schema_migrations WHERE version = 'm9999_contracted'").await;
        let refused = schema::migrate(&store.url()).await;
        assert!(matches!(refused, Err(schema::SchemaError::TooOld { needed: n }) if n == needed), "{refused:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_ahead_but_still_fits_is_accepted() {
    for store in TestStore::both().await {
        let mut owner = store.owner().await;
        owner.run(format!("INSERT INTO schema_marks VALUES ('m9999_expanded', {RELEASE})")).await;
        owner.run("INSERT INTO schema_migrations VALUES ('m9999_expanded', 1)").await;
        assert_eq!(schema::migrate(&store.url()).await.expect("the release before keeps running"), 0);
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_an_error_and_not_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("domicile.db").display());
    let mut owner = Owner::connect(&url).await;
    // Somebody else's history, without our marks.
    owner.run("CREATE TABLE schema_migrations (version TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)").await;
    owner.run("INSERT INTO schema_migrations VALUES ('m0000_another_house', 1)").await;
    assert!(matches!(schema::migrate(&url).await, Err(schema::SchemaError::Database(_))));
    assert!(matches!(schema::migrate("mysql://localhost/domicile").await, Err(schema::SchemaError::Url)));
    assert_eq!(Backend::of("mysql://localhost/domicile"), None);
}
