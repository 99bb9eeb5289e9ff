//! A transaction that the ORM can use as its connection, begun with whatever statements it needs in the same round trip.
//!
//! The ORM's own `begin` cannot carry a statement, so a transaction scoped to a tenant would cost a round trip more; and it
//! hides a transaction that PostgreSQL has already given up on, whose COMMIT is a silent ROLLBACK. This one refuses to
//! commit after any statement failed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant as Stopwatch,
};

use domicile_telemetry::Statement as Kind;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, FromQueryResult, QueryResult, RuntimeErr, Statement, Value,
    sqlx::{self, AssertSqlSafe, Executor, PgPool, Postgres, Sqlite, SqlitePool},
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;
use tracing::Instrument as _;

use crate::{
    dialect::ends_connection,
    rounds::{Rounds, kind_of, span_of},
};

enum Inner {
    Postgres(sqlx::Transaction<'static, Postgres>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

/// An open transaction. Dropping it rolls back; on PostgreSQL that rides with the connection's next use.
pub(crate) struct Tx {
    inner: Mutex<Inner>,
    backend: DbBackend,
    failed: AtomicBool,
    wrote: AtomicBool,
    rounds: Rounds,
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(std::sync::Arc::new(error)))
}

/// Whether the connection is gone, not the server.
fn was_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| ends_connection(&code)),
        _ => false,
    }
}

impl Tx {
    /// Begins on PostgreSQL with one simple query, such as `BEGIN; SELECT set_config(…)`: one round trip. Nothing has happened
    /// before it, so a connection that was lost while it lay in the pool is passed over for the next; after a restart of the
    /// server every one of them may be.
    pub(crate) async fn postgres(pool: &PgPool, begin: String, rounds: Rounds) -> Result<Self, DbErr> {
        let mut may_be_lost = pool.size();
        loop {
            // A server that neither answers nor refuses would be waited for without end.
            let begun = pool.begin_with(AssertSqlSafe(begin.clone()));
            let began = Stopwatch::now();
            let begun = tokio::time::timeout(pool.options().get_acquire_timeout(), begun).await;
            let begun = begun.unwrap_or(Err(sqlx::Error::PoolTimedOut));
            rounds.made(Kind::Begin, began, begun.is_err());
            match begun {
                Ok(tx) => return Ok(Self::new(Inner::Postgres(tx), DbBackend::Postgres, rounds)),
                Err(error) if may_be_lost > 0 && was_lost(&error) => may_be_lost -= 1,
                Err(error) => return Err(query_error(error)),
            }
        }
    }

    /// Begins on SQLite: `BEGIN IMMEDIATE` to write, `BEGIN` to read.
    pub(crate) async fn sqlite(pool: &SqlitePool, begin: &'static str, rounds: Rounds) -> Result<Self, DbErr> {
        let began = Stopwatch::now();
        let begun = pool.begin_with(begin).await;
        rounds.made(Kind::Begin, began, begun.is_err());
        Ok(Self::new(Inner::Sqlite(begun.map_err(query_error)?), DbBackend::Sqlite, rounds))
    }

    fn new(inner: Inner, backend: DbBackend, rounds: Rounds) -> Self {
        let (failed, wrote) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inner: Mutex::new(inner), backend, failed, wrote, rounds }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Whether anything was written that a drop would lose.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Runs a statement with `$1`-style parameters.
    pub(crate) async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, DbErr> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        Ok(self.execute_raw(statement).await?.rows_affected())
    }

    /// Runs a statement that may run into a constraint: if it does, only the statement is undone and the transaction lives.
    pub(crate) async fn run_or_undo(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, DbErr> {
        self.run("SAVEPOINT attempt", []).await?;
        match self.run(sql, values).await {
            Ok(rows) => {
                self.run("RELEASE SAVEPOINT attempt", []).await?;
                Ok(rows)
            }
            Err(error) => {
                self.run("ROLLBACK TO SAVEPOINT attempt", []).await?;
                self.failed.store(false, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Every row of a query with `$1`-style parameters.
    pub(crate) async fn all<T: FromQueryResult>(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>, DbErr> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        self.query_all_raw(statement).await?.iter().map(|row| T::from_query_result(row, "")).collect()
    }

    /// The first row of a query with `$1`-style parameters, if there is one.
    pub(crate) async fn one<T: FromQueryResult>(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Option<T>, DbErr> {
        let statement = Statement::from_sql_and_values(self.backend, sql, values);
        self.query_one_raw(statement).await?.map(|row| T::from_query_result(&row, "")).transpose()
    }

    /// Makes it permanent, unless a statement failed: then PostgreSQL would answer COMMIT with a silent ROLLBACK.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(DbErr::Custom("the transaction had a failed statement and was not committed".to_owned()));
        }
        let began = Stopwatch::now();
        let span = tracing::debug_span!("sql", kind = Kind::Commit.as_str());
        let done = match self.inner.into_inner() {
            Inner::Postgres(tx) => tx.commit().instrument(span).await,
            Inner::Sqlite(tx) => tx.commit().instrument(span).await,
        };
        self.rounds.made(Kind::Commit, began, done.is_err());
        done.map_err(query_error)
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        match self.inner.into_inner() {
            Inner::Postgres(tx) => tx.rollback().await.map_err(query_error),
            Inner::Sqlite(tx) => tx.rollback().await.map_err(query_error),
        }
    }

    fn settle<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, DbErr> {
        result.map_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            query_error(error)
        })
    }
}

fn parts(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    let values = statement.values.unwrap_or_else(|| sea_orm::sea_query::Values(Vec::new()));
    (AssertSqlSafe(statement.sql), SqlxValues(values))
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.wrote.store(true, Ordering::Relaxed);
        let kind = kind_of(&statement.sql);
        let span = span_of(&statement.sql, kind);
        let (sql, values) = parts(statement);
        let mut inner = self.inner.lock().await;
        let began = Stopwatch::now();
        let work = async {
            match &mut *inner {
                Inner::Postgres(tx) => sqlx::query_with(sql, values).execute(&mut **tx).await.map(ExecResult::from),
                Inner::Sqlite(tx) => sqlx::query_with(sql, values).execute(&mut **tx).await.map(ExecResult::from),
            }
        };
        let result = work.instrument(span).await;
        self.rounds.made(kind, began, result.is_err());
        self.settle(result)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.wrote.store(true, Ordering::Relaxed);
        let kind = kind_of(sql);
        let span = span_of(sql, kind);
        let sql = AssertSqlSafe(sql.to_owned());
        let mut inner = self.inner.lock().await;
        let began = Stopwatch::now();
        let work = async {
            match &mut *inner {
                Inner::Postgres(tx) => tx.execute(sql).await.map(ExecResult::from),
                Inner::Sqlite(tx) => tx.execute(sql).await.map(ExecResult::from),
            }
        };
        let result = work.instrument(span).await;
        self.rounds.made(kind, began, result.is_err());
        self.settle(result)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let kind = kind_of(&statement.sql);
        let span = span_of(&statement.sql, kind);
        let (sql, values) = parts(statement);
        let mut inner = self.inner.lock().await;
        let began = Stopwatch::now();
        let work = async {
            match &mut *inner {
                Inner::Postgres(tx) => {
                    sqlx::query_with(sql, values).fetch_optional(&mut **tx).await.map(|row| row.map(QueryResult::from))
                }
                Inner::Sqlite(tx) => {
                    sqlx::query_with(sql, values).fetch_optional(&mut **tx).await.map(|row| row.map(QueryResult::from))
                }
            }
        };
        let result = work.instrument(span).await;
        self.rounds.made(kind, began, result.is_err());
        self.settle(result)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let kind = kind_of(&statement.sql);
        let span = span_of(&statement.sql, kind);
        let (sql, values) = parts(statement);
        let mut inner = self.inner.lock().await;
        let began = Stopwatch::now();
        let work = async {
            match &mut *inner {
                Inner::Postgres(tx) => sqlx::query_with(sql, values)
                    .fetch_all(&mut **tx)
                    .await
                    .map(|rows| rows.into_iter().map(QueryResult::from).collect()),
                Inner::Sqlite(tx) => sqlx::query_with(sql, values)
                    .fetch_all(&mut **tx)
                    .await
                    .map(|rows| rows.into_iter().map(QueryResult::from).collect()),
            }
        };
        let result = work.instrument(span).await;
        self.rounds.made(kind, began, result.is_err());
        self.settle(result)
    }
}
