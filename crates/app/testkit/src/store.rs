//! A migrated database of one test's own, opened through the adapter that ships, on PostgreSQL or SQLite, with real
//! encryption, a clock that stands still and ids that count up; and a way past the adapter, for a test that looks at what
//! is really stored or that tampers with it.

mod owner;
mod seed;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use domicile_db::{CommitListener, Database, FieldCipher, Options, Parts, SealBroken, relay::AuditSeal, schema};
use domicile_identity::{AuditSealer, FieldSealer, KeyRing};
use domicile_kernel::{
    AccountId, Actor, Ambient, Call, Clock, RequestId, Role, Scope, Secrets, SessionId, Who,
    ports::fixed::{CountingIds, FixedClock},
};
use tempfile::TempDir;

pub use owner::{Owner, code};

use crate::postgres;

/// When the clock of a test store stands still, unless the test moves it.
pub const NOW: &str = "2026-01-20T10:30:00Z";

/// A database of one test's own. It is gone when this is dropped.
pub struct TestStore {
    /// The database, opened as the server opens it.
    pub database: Database,
    /// Its clock, to be moved by the test.
    pub clock: Arc<FixedClock>,
    /// The same clock, with ids that count up and random bytes.
    pub ambient: Ambient,
    ring: KeyRing,
    home: Home,
}

enum Home {
    Postgres(postgres::Database),
    Sqlite(TempDir),
}

impl TestStore {
    /// On PostgreSQL, in the run's shared cluster.
    ///
    /// # Panics
    /// When the cluster does not start or the schema cannot be made.
    pub async fn postgres() -> Self {
        let cluster = postgres::Cluster::shared();
        let database = postgres::Database::create(&cluster, &domicile_migration::fingerprint(), |url| async move {
            schema::migrate(&url).await.map(|_applied| ())
        })
        .await;
        Self::open_at(Home::Postgres(database)).await
    }

    /// On SQLite, in a file of its own.
    ///
    /// # Panics
    /// When the file or the schema cannot be made.
    pub async fn sqlite() -> Self {
        let folder = TempDir::with_prefix("domicile-test-").expect("a temporary folder can be made");
        let home = Home::Sqlite(folder);
        schema::migrate(&home.url()).await.expect("the schema can be made");
        Self::open_at(home).await
    }

    /// One of each kind, for a test that says the same of both.
    pub async fn both() -> [Self; 2] {
        [Self::postgres().await, Self::sqlite().await]
    }

    async fn open_at(home: Home) -> Self {
        let clock = FixedClock::at(NOW);
        let ambient =
            Ambient { clock: clock.clone(), ids: Arc::new(CountingIds::default()), secrets: Arc::new(RandomSecrets) };
        let ring = KeyRing::create(clock.now(), &RandomSecrets);
        let parts = Parts { clock: clock.clone(), cipher: Arc::new(Cipher::of(&ring)), listener: Arc::new(()) };
        let database = Database::open(&Options::new(home.url()), parts).await.expect("the database can be opened");
        Self { database, clock, ambient, ring, home }
    }

    /// The same database opened once more, as another node would, with a listener and pools of its own.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn node(&self, change: impl FnOnce(&mut Options), listener: Arc<dyn CommitListener>) -> Database {
        let mut options = Options::new(self.url());
        change(&mut options);
        let parts = Parts { clock: self.clock.clone(), cipher: self.cipher(), listener };
        Database::open(&options, parts).await.expect("the database can be opened")
    }

    /// Its address: as superuser on PostgreSQL, the file on SQLite.
    #[must_use]
    pub fn url(&self) -> String {
        self.home.url()
    }

    /// Which of the two it is.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.home, Home::Postgres(_))
    }

    /// The folder that holds the file, on SQLite.
    #[must_use]
    pub fn folder(&self) -> Option<&std::path::Path> {
        match &self.home {
            Home::Postgres(_) => None,
            Home::Sqlite(folder) => Some(folder.path()),
        }
    }

    /// A connection past the adapter, bound by nothing.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn owner(&self) -> Owner {
        Owner::connect(&self.url()).await
    }

    /// The cipher of its personal columns.
    #[must_use]
    pub fn cipher(&self) -> Arc<dyn FieldCipher> {
        Arc::new(Cipher::of(&self.ring))
    }

    /// The seal of its audit trail.
    #[must_use]
    pub fn seal(&self) -> Arc<dyn AuditSeal> {
        Arc::new(Seal(AuditSealer::new(&self.ring)))
    }

    /// A call by whoever may do everything, in a scope.
    #[must_use]
    pub fn call(&self, scope: Scope) -> Call {
        self.call_by(Who::Operator, scope)
    }

    /// A call by a signed-in account, in a scope.
    #[must_use]
    pub fn call_as(&self, id: AccountId, role: Option<Role>, scope: Scope) -> Call {
        self.call_by(Who::Account { id, session: SessionId::new(self.ambient.ids.uuid()), role }, scope)
    }

    /// A call by anybody, in a scope.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the test kit vouches for whoever a test wants to be")]
    pub fn call_by(&self, who: Who, scope: Scope) -> Call {
        Call::new(Actor::vouched_for(who), scope, RequestId::from_uuid(self.ambient.ids.uuid()))
    }
}

impl Home {
    fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("domicile.db").display()),
        }
    }
}

/// Bytes nobody can predict, different each time: nonces must be, even in a test.
#[derive(Debug, Clone, Copy)]
pub struct RandomSecrets;

impl Secrets for RandomSecrets {
    fn bytes(&self, into: &mut [u8]) {
        for part in into.chunks_mut(8) {
            let random = RandomState::new().build_hasher().finish().to_ne_bytes();
            part.iter_mut().zip(random).for_each(|(to, from)| *to = from);
        }
    }
}

/// The key ring as the database's cipher.
struct Cipher(FieldSealer);

impl Cipher {
    fn of(ring: &KeyRing) -> Self {
        Self(FieldSealer::new(ring, Arc::new(RandomSecrets)))
    }
}

impl FieldCipher for Cipher {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        self.0.seal(place, plain)
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        self.0.open(place, sealed).map_err(|_why| SealBroken)
    }

    fn blind_index(&self, column: &str, value: &str) -> [u8; 32] {
        self.0.blind_index(column, value)
    }
}

/// The key ring as the relay's seal.
struct Seal(AuditSealer);

impl AuditSeal for Seal {
    fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String {
        self.0.hash(previous, canonical)
    }
}
