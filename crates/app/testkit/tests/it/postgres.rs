//! Databases from a template, and clusters that are killed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domicile_testkit::{
    barrier::race,
    postgres::{Cluster, Database},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

async fn ask(url: &str, question: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.expect("the database answers");
    let row = sqlx::query(AssertSqlSafe(question.to_owned())).fetch_one(&mut connection).await;
    row.and_then(|row| row.try_get(0)).expect("the question has a number for an answer")
}

async fn tell(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
    connection.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_prepared_once_and_its_clones_are_apart() {
    let cluster = Cluster::shared();
    let prepared = Arc::new(AtomicUsize::new(0));
    // A history of its own each time, so that the template is really made.
    let history = format!("beds, {}, {}", std::process::id(), cluster.url());
    let race = race(8, |number| {
        let (cluster, prepared, history) = (cluster.clone(), Arc::clone(&prepared), history.clone());
        async move {
            let database = Database::create(&cluster, &history, |url| async move {
                prepared.fetch_add(1, Ordering::SeqCst);
                tell(&url, "CREATE TABLE beds (number BIGINT)").await
            })
            .await;
            tell(&database.url(), &format!("INSERT INTO beds VALUES ({number})")).await.unwrap();
            database
        }
    })
    .await;
    let databases = race.assert_overlapped();
    assert_eq!(prepared.load(Ordering::SeqCst), 1);
    for (number, database) in databases.iter().enumerate() {
        assert_eq!(ask(&database.url(), "SELECT sum(number)::bigint FROM beds").await, i64::try_from(number).unwrap());
    }
    let names: Vec<String> = databases.iter().map(|database| format!("'{}'", database.name())).collect();
    let left = format!("SELECT count(*) FROM pg_database WHERE datname IN ({})", names.join(", "));
    assert_eq!(ask(cluster.url(), &left).await, 8);
    // One is dropped while somebody is connected, one is finished, the others are dropped.
    let mut databases = databases.into_iter();
    let busy = databases.next().unwrap();
    let _guest = PgConnection::connect(&busy.url()).await.unwrap();
    drop(busy);
    databases.next().unwrap().finish().await;
    drop(databases);
    assert_eq!(ask(cluster.url(), &left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_cluster_keeps_what_was_committed_when_it_is_killed() {
    let cluster = Cluster::private(true);
    let database = Database::empty(&cluster).await;
    tell(&database.url(), "CREATE TABLE beds (number BIGINT)").await.unwrap();
    for round in 1..=2 {
        tell(&database.url(), "INSERT INTO beds VALUES (1)").await.unwrap();
        cluster.kill();
        assert!(!cluster.is_running());
        assert!(PgConnection::connect(cluster.url()).await.is_err());
        cluster.start();
        assert_eq!(ask(&database.url(), "SELECT count(*) FROM beds").await, round);
    }
    cluster.restart();
    assert_eq!(ask(&database.url(), "SELECT count(*) FROM beds").await, 2);
    assert!(cluster.log().contains("was interrupted"), "the log tells of the recovery:\n{}", cluster.log());
}

#[test]
fn the_address_of_another_database_keeps_server_and_options() {
    let cluster = Cluster::shared();
    let other = cluster.url_of("beds");
    assert!(other.contains("/beds"), "{other}");
    assert!(!other.contains("/postgres?") && !other.ends_with("/postgres"), "{other}");
}
