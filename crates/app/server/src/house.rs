//! The composition root: every service over its adapters, built once. The server, the other commands and the tests all build
//! the house here; they differ only in settings and in time.

use std::{
    fs,
    path::Path,
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use anyhow::{Context, bail};
use domicile_access::{
    AccessConfig, Admissions, Directory, OwnAccount, Parts, SignIn, Sweeper, crypto::PasswordHasher,
    ports::StandingMemory,
};
use domicile_booking::FrontDesk;
use domicile_cache::{GenerationCache, Standings};
use domicile_db::{Database, Options, relay::AuditSeal, schema};
use domicile_identity::{Argon2Hasher, AuditSealer, DerivedRefreshTokens, FieldSealer, JwtTokens, KeyRing, KeyedCodes};
use domicile_kernel::{Actor, Ambient, Call, RequestId, Scope, Who};
use domicile_telemetry::Watch;
use domicile_tenancy::Tenancy;
use domicile_workflows::{Post, Worker};

use crate::{
    bridges::{AfterCommit, Cipher, Seal},
    payments::Payments,
    post::{Queue, Upkeeper, post},
    settings::{Profile, Settings},
};

/// Everything the binary does its work with.
pub struct House {
    /// How it was set up.
    pub settings: Settings,
    /// Time, ids and randomness.
    pub ambient: Ambient,
    /// The database.
    pub database: Database,
    /// Signals after commits.
    pub after: Arc<AfterCommit>,
    /// The cache of serialised lists.
    pub cache: Arc<GenerationCache>,
    /// Who may come in, as far as it is remembered.
    pub standings: Arc<Standings>,
    /// Chains audit rows.
    pub seal: Arc<dyn AuditSeal>,
    /// Hashes passwords.
    pub hasher: Arc<Argon2Hasher>,
    /// Registering, signing in, codes, refreshing.
    pub sign_in: SignIn,
    /// One's own account.
    pub own: OwnAccount,
    /// The people of a hostel.
    pub directory: Directory,
    /// Who may come in.
    pub admissions: Admissions,
    /// What is past its time.
    pub sweeper: Sweeper,
    /// Hostels, settings, flags.
    pub tenancy: Tenancy,
    /// Rooms and stays.
    pub front_desk: FrontDesk,
    /// Invoices, payments and the ledger, with the gateway that takes the money.
    pub payments: Payments,
    /// Where mail goes.
    pub post: Arc<dyn Post>,
    /// What is counted and remembered of requests, and of everything else that is measured.
    pub watch: Watch,
}

impl House {
    /// Brings the schema up to date and builds everything over it.
    pub async fn open(settings: Settings, ambient: Ambient) -> anyhow::Result<Self> {
        fs::create_dir_all(&settings.data_dir)
            .with_context(|| format!("the data folder {} cannot be made", settings.data_dir.display()))?;
        schema::migrate(&settings.owner_url).await.context("the database could not be brought up to date")?;
        Self::over_current_schema(settings, ambient).await
    }

    /// Builds everything over a schema that is known to be current.
    pub async fn over_current_schema(settings: Settings, ambient: Ambient) -> anyhow::Result<Self> {
        let keys = key_ring(&settings, &ambient)?;
        let cache = Arc::new(GenerationCache::new(domicile_cache::Limits::default()));
        let standings = Arc::new(Standings::default());
        let after = Arc::new(AfterCommit::over(Arc::clone(&cache), Arc::clone(&standings)));
        let cipher = Cipher(FieldSealer::new(&keys, Arc::clone(&ambient.secrets)));
        let parts =
            domicile_db::Parts { clock: Arc::clone(&ambient.clock), cipher: Arc::new(cipher), listener: after.clone() };
        let options = Options { connections: settings.connections, ..Options::new(&settings.database_url) };
        let database = Database::open(&options, parts).await.context("the database cannot be reached")?;
        let slow = Duration::from_millis(settings.slow_request_ms);
        let operations = domicile_http::operations::endpoints();
        let watch = Watch::new(&operations, env!("CARGO_PKG_VERSION"), ambient.now(), slow);
        database.measured_by(&watch.meters);
        after.count(&watch.meters);
        database.check_keys(&keys.fingerprints(), ambient.now()).await?.context("the keys do not fit the database")?;

        let hasher =
            Arc::new(Argon2Hasher::start(Arc::clone(&ambient.secrets)).context("the password hasher could not start")?);
        let access = Arc::new(Parts {
            uows: Arc::new(database.clone()),
            queries: Arc::new(database.clone()),
            standings: Arc::clone(&standings) as Arc<dyn StandingMemory>,
            hasher: Arc::clone(&hasher) as Arc<dyn PasswordHasher>,
            access_tokens: Arc::new(JwtTokens::new(&keys)),
            refresh_tokens: Arc::new(DerivedRefreshTokens::new(&keys)),
            codes: Arc::new(KeyedCodes::new(&keys)),
            ambient: ambient.clone(),
            config: AccessConfig::default(),
        });
        Ok(Self {
            sign_in: SignIn::new(Arc::clone(&access)),
            own: OwnAccount::new(Arc::clone(&access)),
            directory: Directory::new(Arc::clone(&access)),
            admissions: Admissions::new(Arc::clone(&access)),
            sweeper: Sweeper::new(Arc::clone(&access)),
            tenancy: Tenancy::new(Arc::new(database.clone()), Arc::new(database.clone()), ambient.clone()),
            front_desk: FrontDesk::new(Arc::new(database.clone()), Arc::new(database.clone()), ambient.clone()),
            payments: Payments::open(&settings, &ambient, &keys, &database, &watch.meters)?,
            post: post(&settings, &ambient)?,
            seal: Arc::new(Seal(AuditSealer::new(&keys))),
            watch,
            standings,
            hasher,
            cache,
            after,
            database,
            ambient,
            settings,
        })
    }

    /// The worker that does due jobs.
    pub fn worker(&self) -> anyhow::Result<Worker> {
        Ok(Worker {
            queue: Arc::new(Queue(self.database.clone())),
            post: Arc::clone(&self.post),
            front_desk: self.front_desk.clone(),
            bursar: self.payments.bursar.clone(),
            notices: self.payments.notices()?,
            untold: AtomicU32::new(0),
            sweeper: self.sweeper.clone(),
            upkeep: Arc::new(Upkeeper(self.database.clone())),
            ambient: self.ambient.clone(),
            events_kept: Duration::from_secs(self.settings.retention_days * 86_400),
        })
    }

    /// A call by whoever has a shell on the machine.
    #[must_use]
    pub fn operator(&self, scope: Scope) -> Call {
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever can run the binary on its data folder owns the installation"
        )]
        let actor = Actor::vouched_for(Who::Operator);
        Call::new(actor, scope, RequestId::from_uuid(self.ambient.ids.uuid()))
    }
}

/// The key ring: given, or on a machine of one's own made once and kept.
fn key_ring(settings: &Settings, ambient: &Ambient) -> anyhow::Result<KeyRing> {
    match (&settings.key_ring, settings.profile) {
        (Some(text), _) => KeyRing::parse(text).context("keys.ring is wrong"),
        (None, Profile::Local) => {
            let path = key_file(&settings.data_dir);
            KeyRing::load_or_create(&path, ambient.clock.as_ref(), ambient.secrets.as_ref())
                .with_context(|| format!("the key ring {} cannot be used", path.display()))
        }
        (None, Profile::Production) => {
            bail!(
                "the production profile needs a key ring: set DOMICILE_KEYS__RING_FILE to a file with it, such as the keys.json that a local start makes"
            )
        }
    }
}

/// Where the local key ring is kept.
#[must_use]
pub fn key_file(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("keys.json")
}
