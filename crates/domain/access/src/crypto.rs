//! What access needs from cryptography, as ports. Implemented by `adapters/identity`; [`memory`](crate::memory) has
//! transparent ones for tests.

use async_trait::async_trait;
use domicile_kernel::{AccountId, Code, Detail, Fault, Instant, SessionId};

/// A password as somebody typed it: never logged, never stored, never cleaned. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, format = Password))]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Takes what was typed.
    #[must_use]
    pub fn new(typed: impl Into<String>) -> Self {
        Self(typed.into())
    }

    /// The characters, for the hasher and the rules only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A code or a token on its way in or out: text whose `Debug` shows nothing, so that no log line can hold it.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String))]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever checks or sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A stored password hash in PHC text form (`$argon2id$v=19$…`).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps PHC text.
    #[must_use]
    pub fn new(phc: impl Into<String>) -> Self {
        Self(phc.into())
    }

    /// The PHC text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Why no hash was computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HashingError {
    /// Too many are waiting; try again in a moment.
    #[error("Too many people are signing in right now. Please try again in a moment.")]
    Busy,
    /// The hasher failed: our fault.
    #[error("the password could not be hashed")]
    Failed,
}

impl Fault for HashingError {
    fn code(&self) -> Code {
        match self {
            Self::Busy => Code::ServiceUnavailable,
            Self::Failed => Code::InternalError,
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Busy => Detail::RetryAfter(1),
            Self::Failed => Detail::None,
        }
    }
}

/// What verifying found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password is right. Always false when there was no stored hash.
    pub matches: bool,
    /// Whether the stored hash was made with weaker parameters than today's and should be replaced.
    pub outdated: bool,
}

/// Hashes and verifies passwords behind a bounded pool. Every call computes exactly one hash, found account or not, so
/// that the answer takes the same time (A1).
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashingError>;

    /// Verifies against a stored hash; with none, computes one against a dummy of today's parameters and says no.
    async fn verify(&self, password: &Password, stored: Option<&PasswordHash>) -> Result<Verified, HashingError>;
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Whose it is.
    pub account: AccountId,
    /// The session it belongs to; ending the session ends the token.
    pub session: SessionId,
    /// The generation of the refresh token it was issued with.
    pub generation: i64,
    /// When it was issued.
    pub issued_at: Instant,
    /// When it ends.
    pub expires_at: Instant,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not ours, altered, or made for something else.
    #[error("the token is not valid")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
}

/// Issues and reads access tokens (JWT, HS256 with a key id from the ring; any key of the ring verifies).
pub trait AccessTokens: Send + Sync {
    /// Signs the claims with the newest key.
    fn issue(&self, claims: &AccessClaims) -> String;

    /// Verifies signature, issuer, audience, use and time.
    fn read(&self, token: &str, now: Instant) -> Result<AccessClaims, TokenError>;
}

/// Derives and reads refresh tokens. They are derived from session and generation, so parallel refreshes of one token get
/// the same successor and no plain token is stored (J4b).
pub trait RefreshTokens: Send + Sync {
    /// The token of a session's generation.
    fn derive(&self, session: SessionId, generation: i64) -> String;

    /// Checks the authentication tag in constant time; garbage never reaches the database.
    fn read(&self, token: &str) -> Option<(SessionId, i64)>;

    /// What is stored for oversight: a hash of the token.
    fn fingerprint(&self, token: &str) -> String;
}

/// Hashes one-time codes under a server key, bound to their challenge (OTP).
pub trait CodeHasher: Send + Sync {
    /// The keyed hash of a code for one challenge.
    fn hash(&self, challenge: uuid::Uuid, code: &str) -> [u8; 32];

    /// Compares in constant time.
    fn matches(&self, challenge: uuid::Uuid, code: &str, stored: &[u8; 32]) -> bool;
}
