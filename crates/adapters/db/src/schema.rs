//! The schema at start: applying the history under a lock, and refusing a database that is ahead of this binary.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    time::Duration,
};

use domicile_migration::{Migrator, RELEASE};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, FromQueryResult, RuntimeErr, SqlxPostgresConnector,
    SqlxSqliteConnector, Statement,
    sqlx::{self, Connection, postgres::PgPoolOptions, sqlite::SqlitePoolOptions},
};
use sea_orm_migration::MigratorTrait;

use crate::database::Backend;

/// Why the schema could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The URL is neither PostgreSQL's nor SQLite's.
    #[error("the database URL must begin with postgres:// or sqlite:")]
    Url,
    /// A later release has contracted the schema; this binary would break it.
    #[error("the database needs release {needed} or later; this binary is release {RELEASE}. Start the newer binary.")]
    TooOld {
        /// The oldest release that may work with it.
        needed: i32,
    },
    /// The database refused.
    #[error("{0}")]
    Database(DbErr),
}

// The driver's error tells its causes itself, so it is not given as a source too: a chain would tell them twice.
impl From<DbErr> for SchemaError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<sqlx::Error> for SchemaError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }
}

/// How long a server may take to answer the first connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// The lock under which one node migrates while the others wait: "migrate" in ASCII.
const MIGRATION_LOCK: i64 = 0x006d_6967_7261_7465;

#[derive(FromQueryResult)]
struct Mark {
    needed: Option<i32>,
}

/// Applies what is missing, as the owner of the tables. Returns how many migrations were applied.
pub async fn migrate(owner_url: &str) -> Result<u32, SchemaError> {
    match Backend::of(owner_url) {
        Some(Backend::Postgres) => {
            // Session locks belong to a connection, so this one is held open beside the pool that migrates.
            let connecting = tokio::time::timeout(CONNECT_PATIENCE, sqlx::PgConnection::connect(owner_url));
            let mut lock = connecting.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut lock).await?;
            let pool = PgPoolOptions::new().max_connections(1).connect(owner_url).await?;
            let applied = apply(&SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone())).await;
            pool.close().await;
            lock.close().await?;
            applied
        }
        Some(Backend::Sqlite) => {
            let options = owner_url
                .parse::<sqlx::sqlite::SqliteConnectOptions>()?
                .create_if_missing(true)
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                .busy_timeout(Duration::from_secs(5))
                .foreign_keys(true);
            let _alone = sqlite_lock(options.get_filename()).await?;
            keep_to_owner(options.get_filename())?;
            let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
            let applied = apply(&SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone())).await;
            pool.close().await;
            applied
        }
        None => Err(SchemaError::Url),
    }
}

/// A lock on a file beside the database, held until it is dropped: a lock of SQLite itself would keep out its holder's
/// migrations too.
async fn sqlite_lock(database: &Path) -> Result<File, SchemaError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".migrating");
    let locked = tokio::task::spawn_blocking(move || {
        let file = owners().truncate(false).open(name)?;
        file.lock().map(|()| file)
    });
    let failed = |error: &dyn std::error::Error| {
        SchemaError::Database(DbErr::Custom(format!(
            "the schema cannot be locked beside {}: {error}",
            database.display()
        )))
    };
    locked.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

/// Makes the file of a new database readable by its owner only, before SQLite makes it for everybody; what SQLite puts
/// beside it has the same mode. A file that is there keeps the mode its owner gave it.
fn keep_to_owner(database: &Path) -> Result<(), SchemaError> {
    // A database in memory has a name, but no folder where it could lie.
    let in_a_folder = database.parent().is_some_and(Path::is_dir);
    if !in_a_folder || database.exists() {
        return Ok(());
    }
    owners().truncate(false).open(database).map(drop).map_err(|error| {
        SchemaError::Database(DbErr::Custom(format!("{} cannot be made: {error}", database.display())))
    })
}

/// How a file is opened that only its owner may read.
fn owners() -> OpenOptions {
    let mut options = File::options();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

async fn apply(db: &DatabaseConnection) -> Result<u32, SchemaError> {
    let known = Migrator::migrations().len();
    let applied = Migrator::get_applied_migrations(db).await;
    match applied {
        Ok(applied) => {
            if let Some(needed) = oldest_binary(db).await?
                && needed > RELEASE
            {
                return Err(SchemaError::TooOld { needed });
            }
            let missing = known.saturating_sub(applied.len());
            Migrator::up(db, None).await?;
            Ok(missing as u32)
        }
        // A database ahead of this binary holds migrations it does not know; whether it may work is for the marks to say.
        Err(error) => match oldest_binary(db).await? {
            Some(needed) if needed > RELEASE => Err(SchemaError::TooOld { needed }),
            Some(_) => Ok(0),
            None => Err(error.into()),
        },
    }
}

/// The highest mark in the database, if it has the table yet.
async fn oldest_binary(db: &DatabaseConnection) -> Result<Option<i32>, DbErr> {
    let backend = db.get_database_backend();
    let exists = match backend {
        sea_orm::DbBackend::Postgres => {
            "SELECT count(*) AS n FROM information_schema.tables WHERE table_name = 'schema_marks'"
        }
        _ => "SELECT count(*) AS n FROM sqlite_master WHERE type = 'table' AND name = 'schema_marks'",
    };
    let row = db.query_one_raw(Statement::from_string(backend, exists)).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
    if count == 0 {
        return Ok(None);
    }
    let sql = "SELECT max(oldest_binary) AS needed FROM schema_marks";
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    row.map_or(Ok(None), |row| Mark::from_query_result(&row, "").map(|mark| mark.needed))
}
