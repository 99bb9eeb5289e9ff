//! Databases that live as long as one test, cloned from a template that is migrated once.

use std::{fmt, thread};

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::Cluster;
use crate::service;

/// A database for one test. Dropped with its value, connections or not.
#[derive(Debug)]
pub struct Database {
    cluster: Cluster,
    name: String,
    dropped: bool,
}

impl Database {
    /// A database with the schema that `prepare` makes, and nothing in it.
    ///
    /// `history` stands for that schema: whoever passes the same text gets clones of the same template. For the
    /// project's schema it is the names and sources of the migrations. `prepare` is called with the address of an empty
    /// database (as superuser) by the first of all test processes, the others wait for it; it must close its
    /// connections.
    ///
    /// # Panics
    /// When the server does not answer or `prepare` fails.
    pub async fn create<P, F, E>(cluster: &Cluster, history: &str, prepare: P) -> Self
    where
        P: FnOnce(String) -> F,
        F: Future<Output = Result<(), E>>,
        E: fmt::Debug,
    {
        let template = Template::of(history);
        let mut admin = connect(cluster).await;
        if !template.is_ready(&mut admin).await {
            template.make(cluster, &mut admin, prepare).await;
        }
        let database = Self::named(cluster);
        run(&mut admin, &format!("CREATE DATABASE {} TEMPLATE {}", database.name, template.name)).await;
        close(admin).await;
        database
    }

    /// A database with nothing in it, for tests of the migrations themselves.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn empty(cluster: &Cluster) -> Self {
        let database = Self::named(cluster);
        let mut admin = connect(cluster).await;
        run(&mut admin, &format!("CREATE DATABASE {}", database.name)).await;
        close(admin).await;
        database
    }

    /// A database with the same in it. Nobody may be connected to this one meanwhile; whoever has just left is waited for.
    ///
    /// # Panics
    /// When the server does not answer, or somebody stays connected.
    pub async fn copy(&self) -> Self {
        let copy = Self::named(&self.cluster);
        let mut admin = connect(&self.cluster).await;
        run(
            &mut admin,
            &format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'", self.name),
        )
        .await;
        run(&mut admin, &format!("CREATE DATABASE {} TEMPLATE {}", copy.name, self.name)).await;
        close(admin).await;
        copy
    }

    fn named(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone(), name: format!("test_{}", service::random_name()), dropped: false }
    }

    /// The address, as superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.cluster.url_of(&self.name)
    }

    /// The name within the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops the database, and whoever is still connected. [`Drop`] does the same, blocking.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn finish(mut self) {
        self.dropped = true;
        let mut admin = connect(&self.cluster).await;
        run(&mut admin, &drop_statement(&self.name)).await;
        close(admin).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        let (url, statement) = (self.cluster.url().to_owned(), drop_statement(&self.name));
        // In a thread with a runtime of its own: the test's runtime cannot be waited for from within. Errors count for
        // nothing here: the cluster may be gone on purpose, and a database left behind ends with it.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&url).await.ok()?;
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.ok()?;
                admin.close().await.ok()
            })
        });
        let _ = dropping.join();
    }
}

/// A database that is migrated and that nobody may connect to, from which others are cloned.
struct Template {
    name: String,
    /// The advisory lock under which it is made.
    lock: i64,
}

impl Template {
    fn of(history: &str) -> Self {
        let digest = Sha256::digest(history.as_bytes());
        let mut eight = [0_u8; 8];
        eight.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        let number = i64::from_be_bytes(eight);
        Self { name: format!("template_{number:016x}"), lock: number }
    }

    /// The mark of a template is set last, so a half-made one is none.
    async fn is_ready(&self, admin: &mut PgConnection) -> bool {
        sqlx::query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)")
            .bind(&self.name)
            .fetch_one(admin)
            .await
            .and_then(|row| row.try_get(0))
            .expect("PostgreSQL knows its databases")
    }

    async fn make<P, F, E>(&self, cluster: &Cluster, admin: &mut PgConnection, prepare: P)
    where
        P: FnOnce(String) -> F,
        F: Future<Output = Result<(), E>>,
        E: fmt::Debug,
    {
        run(admin, &format!("SELECT pg_advisory_lock({})", self.lock)).await;
        if !self.is_ready(admin).await {
            run(admin, &drop_statement(&self.name)).await;
            run(admin, &format!("CREATE DATABASE {}", self.name)).await;
            prepare(cluster.url_of(&self.name)).await.expect("the template database can be prepared");
            // Cloning needs a template that nobody is connected to.
            run(admin, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", self.name)).await;
            let connected = format!("FROM pg_stat_activity WHERE datname = '{}'", self.name);
            run(admin, &format!("SELECT pg_terminate_backend(pid, 5000) {connected}")).await;
            run(admin, &format!("ALTER DATABASE {} WITH IS_TEMPLATE true", self.name)).await;
        }
        run(admin, &format!("SELECT pg_advisory_unlock({})", self.lock)).await;
    }
}

fn drop_statement(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

async fn connect(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(cluster.url()).await.expect("the test cluster answers")
}

/// Runs a statement of our own making.
async fn run(admin: &mut PgConnection, statement: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(admin).await {
        panic!("`{statement}` failed: {error}");
    }
}

async fn close(admin: PgConnection) {
    // The work is done; a connection that cannot say goodbye is closed by being dropped.
    let _ = admin.close().await;
}
