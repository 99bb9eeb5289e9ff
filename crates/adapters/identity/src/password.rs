//! Passwords as argon2id in PHC text, computed by a bounded pool of threads (see [`pool`]). Every call computes exactly
//! one hash: with no stored hash, one against a dummy of today's parameters, so that the time does not tell whether an
//! account exists (A1).

mod pool;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::phc::{Output as PhcOutput, ParamsString, PasswordHash as Phc, Salt},
};
use async_trait::async_trait;
use domicile_access::crypto::{HashingError, Password, PasswordHash, PasswordHasher, Verified};
use domicile_kernel::Secrets;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use self::pool::{Pool, Work};

/// The longest password that is hashed, in bytes (security reference 4.3).
const LONGEST: usize = 1_024;
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// The most that a stored hash may ask for: 256 MiB, 16 passes, 16 lanes. Above, the row is damaged or planted.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// How much work one hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Parameters {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Argon2Parameters {
    /// OWASP's least for argon2id: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory: 19_456, passes: 2, lanes: 1 }
    }
}

/// How the pool is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Hashes at once, at least 1; each owns the memory of one hash for good.
    pub workers: usize,
    /// Callers that may wait; one more is [`HashingError::Busy`].
    pub queue: usize,
    /// How long one waits before [`HashingError::Busy`].
    pub patience: Duration,
    /// Of new hashes. Stored ones are verified with their own.
    pub parameters: Argon2Parameters,
}

impl Default for PoolSettings {
    /// One worker a core, 64 waiting, two seconds.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 64,
            patience: Duration::from_secs(2),
            parameters: Argon2Parameters::default(),
        }
    }
}

/// The pool at a moment, for metrics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLoad {
    /// Hashes being computed.
    pub working: usize,
    /// The most that ever were at once; never above the workers.
    pub most_working: usize,
    /// Callers waiting.
    pub waiting: usize,
    /// Bytes of argon2 memory held.
    pub memory: u64,
    /// The most that ever was.
    pub most_memory: u64,
}

/// Why the hasher could not start.
#[derive(Debug, thiserror::Error)]
pub enum HasherStartError {
    /// Parameters that argon2 does not know.
    #[error("the password hashing parameters are not usable: {0}")]
    Parameters(argon2::Error),
    /// No threads.
    #[error("the password hashing threads could not be started")]
    Threads(#[source] std::io::Error),
}

/// Argon2id behind a bounded pool. Needs a tokio runtime with time, for the waiting.
pub struct Argon2Hasher {
    pool: Pool,
    today: Argon2<'static>,
    /// What is verified when there is no stored hash: today's parameters, a password that nobody knows.
    dummy: Stored,
    secrets: Arc<dyn Secrets>,
}

impl Argon2Hasher {
    /// Starts the pool of [`PoolSettings::default`] and computes the dummy hash.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn start(secrets: Arc<dyn Secrets>) -> Result<Self, HasherStartError> {
        Self::start_with(PoolSettings::default(), secrets)
    }

    /// Starts a pool of one's own bounds.
    ///
    /// # Errors
    /// When the parameters are unusable or the threads cannot be started.
    pub fn start_with(settings: PoolSettings, secrets: Arc<dyn Secrets>) -> Result<Self, HasherStartError> {
        let Argon2Parameters { memory, passes, lanes } = settings.parameters;
        let parameters = Params::new(memory, passes, lanes, Some(OUTPUT)).map_err(HasherStartError::Parameters)?;
        let blocks = parameters.block_count();
        let today = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        let (mut password, mut salt) = (Zeroizing::new([0; 32]), vec![0; SALT]);
        secrets.bytes(password.as_mut_slice());
        secrets.bytes(&mut salt);
        let mut expected = Zeroizing::new(vec![0; OUTPUT]);
        today.hash_password_into(password.as_slice(), &salt, &mut expected).map_err(HasherStartError::Parameters)?;
        let dummy = Stored { argon2: today.clone(), salt, expected, outdated: false };
        let pool = Pool::start(settings.workers.max(1), blocks, settings.queue, settings.patience, pool::QUIET)
            .map_err(HasherStartError::Threads)?;
        Ok(Self { pool, today, dummy, secrets })
    }

    /// How many hashes the pool has computed since it started; the dummy's own making is not among them.
    #[must_use]
    pub fn hashes_computed(&self) -> u64 {
        self.pool.counters().computed.load(Ordering::SeqCst)
    }

    /// How busy the pool is.
    #[must_use]
    pub fn load(&self) -> PoolLoad {
        let counters = self.pool.counters();
        PoolLoad {
            working: counters.working.load(Ordering::SeqCst),
            most_working: counters.most_working.load(Ordering::SeqCst),
            waiting: counters.waiting.load(Ordering::SeqCst),
            memory: counters.memory.load(Ordering::SeqCst),
            most_memory: counters.most_memory.load(Ordering::SeqCst),
        }
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashingError> {
        let password = accepted(password)?;
        let mut salt = vec![0; SALT];
        self.secrets.bytes(&mut salt);
        let work = Work { argon2: self.today.clone(), password, salt: salt.clone(), output: OUTPUT };
        let hash = self.pool.compute(work).await?;
        phc_text(&self.today, &salt, &hash).ok_or(HashingError::Failed)
    }

    async fn verify(&self, password: &Password, stored: Option<&PasswordHash>) -> Result<Verified, HashingError> {
        let password = accepted(password)?;
        let read = stored.map(|phc| Stored::read(phc, self.today.params()));
        // A damaged hash costs the same time as a whole one, and is reported afterwards.
        let against = match &read {
            Some(Some(stored)) => stored,
            Some(None) | None => &self.dummy,
        };
        let work = Work {
            argon2: against.argon2.clone(),
            password,
            salt: against.salt.clone(),
            output: against.expected.len(),
        };
        let hash = self.pool.compute(work).await?;
        let equal = bool::from(hash.as_slice().ct_eq(&against.expected));
        match read {
            Some(Some(stored)) => Ok(Verified { matches: equal, outdated: stored.outdated }),
            Some(None) => {
                tracing::error!(
                    "a stored password hash is damaged: its owner cannot sign in until the password is reset"
                );
                Err(HashingError::Failed)
            }
            None => Ok(Verified { matches: false, outdated: false }),
        }
    }
}

fn accepted(password: &Password) -> Result<Zeroizing<Vec<u8>>, HashingError> {
    let bytes = password.expose().as_bytes();
    if bytes.len() > LONGEST { Err(HashingError::Failed) } else { Ok(Zeroizing::new(bytes.to_vec())) }
}

/// A stored hash, taken apart.
struct Stored {
    argon2: Argon2<'static>,
    salt: Vec<u8>,
    expected: Zeroizing<Vec<u8>>,
    outdated: bool,
}

impl Stored {
    /// None when the text is not an argon2 hash, or one that asks for more than anybody here ever made.
    fn read(phc: &PasswordHash, today: &Params) -> Option<Self> {
        let phc = Phc::new(phc.as_str()).ok()?;
        let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
        let version = match phc.version {
            Some(number) => Version::try_from(number).ok()?,
            // PHC text without a version is from before there was a second one.
            None => Version::V0x10,
        };
        let parameters = Params::try_from(&phc).ok()?;
        let (salt, expected) = (phc.salt?, phc.hash?);
        if parameters.m_cost() > MOST_MEMORY || parameters.t_cost() > MOST_PASSES || parameters.p_cost() > MOST_LANES {
            return None;
        }
        let outdated = algorithm != Algorithm::Argon2id
            || version != Version::V0x13
            || parameters.m_cost() < today.m_cost()
            || parameters.t_cost() < today.t_cost()
            || parameters.p_cost() < today.p_cost()
            || salt.len() < SALT
            || expected.len() < OUTPUT;
        Some(Self {
            argon2: Argon2::new(algorithm, version, parameters),
            salt: salt.to_vec(),
            expected: Zeroizing::new(expected.as_bytes().to_vec()),
            outdated,
        })
    }
}

fn phc_text(argon2: &Argon2<'_>, salt: &[u8], hash: &[u8]) -> Option<PasswordHash> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(PhcOutput::new(hash).ok()?),
    };
    Some(PasswordHash::new(phc.to_string()))
}
