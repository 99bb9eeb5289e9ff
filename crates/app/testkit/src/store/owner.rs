//! Past the adapter: statements as the superuser of PostgreSQL or on SQLite's file, with no scope and no policy.

use sqlx::{AssertSqlSafe, Column, Connection, Executor, PgConnection, Row, SqliteConnection};

/// A connection that nothing binds. Statements are the test's own text; ids in them are written with [`Owner::id`].
#[derive(Debug)]
pub enum Owner {
    /// As PostgreSQL's superuser.
    Postgres(PgConnection),
    /// On SQLite's file.
    Sqlite(SqliteConnection),
}

impl Owner {
    /// Connects to an address.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn connect(url: &str) -> Self {
        if url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(url).await.expect("the file can be opened");
            connection.execute("PRAGMA busy_timeout = 10000").await.expect("SQLite can wait");
            Self::Sqlite(connection)
        } else {
            Self::Postgres(PgConnection::connect(url).await.expect("the database answers"))
        }
    }

    /// Runs statements; answers how many rows the last one touched.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn try_run(&mut self, sql: impl Into<String>) -> Result<u64, sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.into()));
        match self {
            Self::Postgres(connection) => sql.execute(connection).await.map(|done| done.rows_affected()),
            Self::Sqlite(connection) => sql.execute(connection).await.map(|done| done.rows_affected()),
        }
    }

    /// Runs statements that must succeed.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn run(&mut self, sql: impl Into<String>) -> u64 {
        let sql = sql.into();
        match self.try_run(sql.clone()).await {
            Ok(rows) => rows,
            Err(error) => panic!("`{sql}` failed: {error}"),
        }
    }

    /// The numbers of a query's first column; a null is left out.
    ///
    /// # Panics
    /// When the database refuses or the column holds no 64-bit integers.
    pub async fn numbers(&mut self, sql: impl Into<String>) -> Vec<i64> {
        let sql = AssertSqlSafe(sql.into());
        let numbers: Result<Vec<Option<i64>>, sqlx::Error> = match self {
            Self::Postgres(connection) => {
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await;
                rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            }
            Self::Sqlite(connection) => {
                let rows = sqlx::raw_sql(sql).fetch_all(connection).await;
                rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            }
        };
        numbers.expect("the query has numbers for an answer").into_iter().flatten().collect()
    }

    /// The one number that a query answers.
    ///
    /// # Panics
    /// When it is another answer.
    pub async fn number(&mut self, sql: impl Into<String>) -> i64 {
        let numbers = self.numbers(sql).await;
        *numbers.first().expect("the query has a number for an answer")
    }

    /// A query's rows, each column as text; a null is empty.
    ///
    /// # Panics
    /// When the database refuses or a column is no text.
    pub async fn texts(&mut self, sql: impl Into<String>) -> Vec<Vec<String>> {
        fn read<R>(rows: &[R]) -> Result<Vec<Vec<String>>, sqlx::Error>
        where
            R: Row,
            usize: sqlx::ColumnIndex<R>,
            for<'r> Option<String>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        {
            rows.iter()
                .map(|row| {
                    row.columns()
                        .iter()
                        .map(|column| row.try_get::<Option<String>, _>(column.ordinal()).map(Option::unwrap_or_default))
                        .collect()
                })
                .collect()
        }
        let sql = AssertSqlSafe(sql.into());
        match self {
            Self::Postgres(connection) => sqlx::raw_sql(sql).fetch_all(connection).await.and_then(|rows| read(&rows)),
            Self::Sqlite(connection) => sqlx::raw_sql(sql).fetch_all(connection).await.and_then(|rows| read(&rows)),
        }
        .expect("the query has texts for an answer")
    }

    /// An id as a literal of this database: PostgreSQL stores UUIDs, SQLite their bytes.
    #[must_use]
    pub fn id(&self, id: impl Into<uuid::Uuid>) -> String {
        let id = id.into();
        match self {
            Self::Postgres(_) => format!("'{id}'::uuid"),
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
        }
    }
}

/// The SQLSTATE or the extended code of a refusal; empty when it came from elsewhere.
#[must_use]
pub fn code(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.code().map(std::borrow::Cow::into_owned).unwrap_or_default(),
        _ => String::new(),
    }
}
