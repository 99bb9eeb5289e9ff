//! Opening a database by its URL, and what a repository is given to work with.

use std::{str::FromStr, sync::Arc, time::Duration};

use domicile_kernel::{Clock, HostelId, Scope, StoreError};
use domicile_telemetry::Meters;
use sea_orm::{
    DbErr,
    sqlx::{
        ConnectOptions, PgPool, SqlitePool,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, begin_postgres},
    rounds::Rounds,
    sealed::FieldCipher,
    tx::Tx,
};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `postgres://…`
    Postgres,
    /// `sqlite:…`, a file on this machine.
    Sqlite,
}

impl Backend {
    /// By the URL's scheme.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        match url.split(':').next() {
            Some("postgres" | "postgresql") => Some(Self::Postgres),
            Some("sqlite") => Some(Self::Sqlite),
            _ => None,
        }
    }
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// `postgres://user@host/name` or `sqlite:///path/to/file.db`.
    pub url: String,
    /// At most this many connections for tenants' work.
    pub connections: u32,
    /// At most this many for the installation's own work: sign-in, relay, jobs.
    pub system_connections: u32,
    /// How long a request waits for a connection before it is told to come back.
    pub acquire_timeout: Duration,
}

impl Options {
    /// The defaults for a URL: 20 connections, as the requirements print, and 2 seconds of patience.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), connections: 20, system_connections: 10, acquire_timeout: Duration::from_secs(2) }
    }
}

/// What one recorded event says about what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The event's type, such as `room.updated`.
    pub kind: &'static str,
    /// What it happened to.
    pub aggregate_id: Uuid,
}

/// What one commit did besides the records of its command.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'a> {
    /// In which hostel, if in one.
    pub hostel: Option<HostelId>,
    /// The events that it recorded.
    pub changes: &'a [Change],
    /// The actions of the audit rows that it wrote.
    pub noted: &'a [&'static str],
    /// Whether it wants a job that is due already.
    pub job_due: bool,
}

/// Told after each commit what it changed, before the command answers: this is where cached reads are outdated, and relay
/// and worker are woken. It must not fail and must not wait.
pub trait CommitListener: Send + Sync {
    /// Told of one commit.
    fn committed(&self, commit: &Committed<'_>);
}

impl CommitListener for () {
    fn committed(&self, _commit: &Committed<'_>) {}
}

/// What the adapter needs from its surroundings.
#[derive(Clone)]
pub struct Parts {
    /// Stamps events, audit rows and keys.
    pub clock: Arc<dyn Clock>,
    /// Seals personal columns and job payloads.
    pub cipher: Arc<dyn FieldCipher>,
    /// Hears of commits.
    pub listener: Arc<dyn CommitListener>,
}

#[derive(Debug, Clone)]
pub(crate) enum Pools {
    Postgres { app: PgPool, system: PgPool },
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

/// An open database. Cloning shares it.
#[derive(Clone)]
pub struct Database {
    pub(crate) pools: Pools,
    pub(crate) parts: Parts,
    pub(crate) rounds: Rounds,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Database").field(&self.backend()).finish()
    }
}

/// What a PostgreSQL connection starts with: its role, and limits that no statement, lock or idle transaction outlives.
/// `ALTER ROLE … SET` would not do, because role settings apply to who logs in, not to the role taken on afterwards.
fn postgres_options(url: &str, role: &str) -> Result<PgConnectOptions, DbErr> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| DbErr::Custom(format!("the database URL is wrong: {error}")))?;
    Ok(options
        .application_name("domicile")
        .options([
            ("role", role),
            ("statement_timeout", "5000"),
            ("lock_timeout", "2000"),
            ("idle_in_transaction_session_timeout", "10000"),
            ("default_transaction_isolation", "read committed"),
            // Statements are prepared once a connection and planned once, too: their plans do not depend on which hostel asks.
            ("plan_cache_mode", "force_generic_plan"),
        ])
        .disable_statement_logging())
}

fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, DbErr> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| DbErr::Custom(format!("the database URL is wrong: {error}")))?;
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging())
}

impl Database {
    /// Opens the pools. Connections are made as they are needed, but one is tried now, so that a wrong URL is told at once.
    pub async fn open(options: &Options, parts: Parts) -> Result<Self, StoreError> {
        let pools = match Backend::of(&options.url) {
            Some(Backend::Postgres) => {
                let pool = |most: u32| {
                    PgPoolOptions::new()
                        .max_connections(most)
                        .acquire_timeout(options.acquire_timeout)
                        .test_before_acquire(false)
                };
                let app = pool(options.connections)
                    .connect_lazy_with(postgres_options(&options.url, "domicile_app").store()?);
                let system = pool(options.system_connections)
                    .connect_lazy_with(postgres_options(&options.url, "domicile_system").store()?);
                Pools::Postgres { app, system }
            }
            Some(Backend::Sqlite) => {
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(Duration::from_secs(10))
                    .test_before_acquire(false)
                    .connect_lazy_with(sqlite_options(&options.url).store()?);
                let readers = SqlitePoolOptions::new()
                    .max_connections(4)
                    .acquire_timeout(options.acquire_timeout)
                    .test_before_acquire(false)
                    .connect_lazy_with(sqlite_options(&options.url).store()?.pragma("query_only", "on"));
                Pools::Sqlite { writer, readers }
            }
            None => {
                let message = "the database URL must begin with postgres:// or sqlite:";
                return Err(StoreError::Other(message.into()));
            }
        };
        let database = Self { pools, parts, rounds: Rounds::default() };
        database.ping().await?;
        Ok(database)
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.pools {
            Pools::Postgres { .. } => Backend::Postgres,
            Pools::Sqlite { .. } => Backend::Sqlite,
        }
    }

    /// How many round trips have been made since the start, beginnings and commits included: tests watch it.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.rounds.count()
    }

    /// From now on round trips, the relay and connections are measured, those of every clone.
    pub fn measured_by(&self, meters: &Meters) {
        self.rounds.measured_by(meters.clone());
        let watch = |name: &str, busy: Box<dyn Fn() -> (u32, usize) + Send + Sync>| {
            let busy: Arc<dyn Fn() -> (u32, usize) + Send + Sync> = busy.into();
            for state in ["busy", "idle"] {
                let asked = Arc::clone(&busy);
                let labels = [("pool", name), ("state", state)];
                meters.gauge_of("db_connection_pool", "Database connections, by pool and state.", &labels, move || {
                    let (all, idle) = asked();
                    let counted = if state == "idle" { idle } else { (all as usize).saturating_sub(idle) };
                    counted as f64
                });
            }
        };
        match &self.pools {
            Pools::Postgres { app, system } => {
                for (name, pool) in [("app", app.clone()), ("system", system.clone())] {
                    watch(name, Box::new(move || (pool.size(), pool.num_idle())));
                }
            }
            Pools::Sqlite { writer, readers } => {
                for (name, pool) in [("writer", writer.clone()), ("readers", readers.clone())] {
                    watch(name, Box::new(move || (pool.size(), pool.num_idle())));
                }
            }
        }
    }

    /// What it is measured by, if it is.
    #[must_use]
    pub fn meters(&self) -> Option<&Meters> {
        self.rounds.meters()
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let tx = self.read_tx(&Scope::System(domicile_kernel::Purpose::Lobby)).await?;
        tx.run("SELECT 1", []).await.store()?;
        Ok(())
    }

    /// The database's own clock, microseconds since the epoch: `doctor` compares it with the machine's.
    pub async fn clock_micros(&self) -> Result<Option<i64>, StoreError> {
        #[derive(sea_orm::FromQueryResult)]
        struct Now {
            now: i64,
        }
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let tx = self.read_tx(&Scope::System(domicile_kernel::Purpose::Lobby)).await?;
        let row = tx
            .one::<Now>("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now", [])
            .await
            .store()?;
        Ok(row.map(|row| row.now))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Postgres { app, system } => {
                app.close().await;
                system.close().await;
            }
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }

    /// Begins a writing transaction in a scope. Only `uow` and the relay call it.
    pub(crate) async fn write_tx(&self, scope: &Scope) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Postgres { app, system } => {
                let pool = if matches!(scope, Scope::System(_)) { system } else { app };
                Tx::postgres(pool, begin_postgres(scope, false), self.rounds.clone()).await.store()
            }
            Pools::Sqlite { writer, .. } => Tx::sqlite(writer, "BEGIN IMMEDIATE", self.rounds.clone()).await.store(),
        }
    }

    /// Begins a transaction that can only read.
    pub(crate) async fn read_tx(&self, scope: &Scope) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Postgres { app, system } => {
                let pool = if matches!(scope, Scope::System(_)) { system } else { app };
                Tx::postgres(pool, begin_postgres(scope, true), self.rounds.clone()).await.store()
            }
            Pools::Sqlite { readers, .. } => Tx::sqlite(readers, "BEGIN", self.rounds.clone()).await.store(),
        }
    }

    pub(crate) fn cipher(&self) -> &dyn FieldCipher {
        self.parts.cipher.as_ref()
    }
}

/// The nil id: the stream of what belongs to no hostel.
pub(crate) const NO_HOSTEL: Uuid = Uuid::nil();
