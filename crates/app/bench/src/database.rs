//! A look at what the product stored, past the product: what was acknowledged is there, and nothing overlaps.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tokio::runtime::Runtime;

/// How long what is done beside the requests may take to come to rest.
const PATIENCE: Duration = Duration::from_mins(2);

/// A connection bound by nothing.
pub(crate) struct Database {
    runtime: Runtime,
    connection: Either,
}

enum Either {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    pub(crate) fn connect(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            if url.starts_with("postgres") {
                PgConnection::connect(url).await.map(Either::Postgres)
            } else {
                SqliteConnection::connect(url).await.map(Either::Sqlite)
            }
        });
        Ok(Self { connection: connection.context("the database does not answer")?, runtime })
    }

    /// Runs a statement of the bench's own making.
    pub(crate) fn run(&mut self, statement: &str) -> anyhow::Result<()> {
        let sql = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
        self.runtime
            .block_on(async {
                match &mut self.connection {
                    Either::Postgres(connection) => sql.execute(connection).await.map(|_done| ()),
                    Either::Sqlite(connection) => sql.execute(connection).await.map(|_done| ()),
                }
            })
            .with_context(|| statement.chars().take(200).collect::<String>())
    }

    /// The number that a statement answers.
    pub(crate) fn count(&mut self, statement: &str) -> anyhow::Result<u64> {
        let sql = AssertSqlSafe(statement.to_owned());
        let count: Result<i64, sqlx::Error> = self.runtime.block_on(async {
            match &mut self.connection {
                Either::Postgres(connection) => sqlx::query(sql).fetch_one(connection).await?.try_get(0),
                Either::Sqlite(connection) => sqlx::query(sql).fetch_one(connection).await?.try_get(0),
            }
        });
        Ok(u64::try_from(count.with_context(|| statement.to_owned())?)?)
    }

    /// The text that a statement answers.
    pub(crate) fn text(&mut self, statement: &str) -> anyhow::Result<String> {
        let sql = AssertSqlSafe(statement.to_owned());
        let text: Result<String, sqlx::Error> = self.runtime.block_on(async {
            match &mut self.connection {
                Either::Postgres(connection) => sqlx::query(sql).fetch_one(connection).await?.try_get(0),
                Either::Sqlite(connection) => sqlx::query(sql).fetch_one(connection).await?.try_get(0),
            }
        });
        text.with_context(|| statement.to_owned())
    }

    /// A hostel's id as this database writes it in a statement.
    fn id(&self, id: &str) -> String {
        match self.connection {
            Either::Postgres(_) => format!("'{id}'"),
            Either::Sqlite(_) => format!("x'{}'", id.replace('-', "")),
        }
    }

    /// Waits until every event is in the log, every audit row is sealed and no job is due any more.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let waiting = self.count("SELECT count(*) FROM outbox")?
                + self.count("SELECT count(*) FROM audit_log WHERE hash IS NULL")?
                + self.count("SELECT count(*) FROM jobs WHERE due <= (SELECT max(at) FROM audit_log)")?;
            if waiting == 0 {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                bail!("{waiting} events, audit rows and jobs are still waiting after {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The same ground for whoever comes next: dead rows gone, statistics taken, everything written.
    pub(crate) fn freshen(&mut self) -> anyhow::Result<()> {
        match self.connection {
            Either::Postgres(_) => {
                self.run("VACUUM (ANALYZE)")?;
                self.run("CHECKPOINT")
            }
            Either::Sqlite(_) => self.run("PRAGMA wal_checkpoint(TRUNCATE)"),
        }
    }

    /// Fails unless a hostel has exactly so many bookings, each with its event and its audit row, and none overlaps another.
    pub(crate) fn check_bookings(&mut self, hostel: &str, acknowledged: u64) -> anyhow::Result<()> {
        let hostel = self.id(hostel);
        let counts = [
            ("bookings", format!("SELECT count(*) FROM bookings WHERE hostel_id = {hostel}")),
            (
                "events",
                format!(
                    "SELECT (SELECT count(*) FROM events WHERE hostel_id = {hostel} AND kind = 'booking.created') \
                     + (SELECT count(*) FROM outbox WHERE hostel_id = {hostel} AND kind = 'booking.created')"
                ),
            ),
            (
                "audit rows",
                format!("SELECT count(*) FROM audit_log WHERE hostel_id = {hostel} AND action = 'booking.create'"),
            ),
        ];
        for (what, statement) in counts {
            let there = self.count(&statement)?;
            if there != acknowledged {
                bail!("{acknowledged} bookings were acknowledged, and there are {there} {what}");
            }
        }
        for held in ["bed_id", "user_id"] {
            let overlaps = self.count(&format!(
                "SELECT count(*) FROM (SELECT check_in_date, lag(check_out_date) OVER \
                 (PARTITION BY hostel_id, {held} ORDER BY check_in_date) AS before FROM bookings \
                 WHERE status IN ('pending', 'approved', 'checked_in')) AS stays WHERE before > check_in_date"
            ))?;
            if overlaps > 0 {
                bail!("{overlaps} stays overlap by {held}");
            }
        }
        Ok(())
    }
}
