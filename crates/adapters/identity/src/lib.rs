//! Cryptography, and nothing but: password hashes, access and refresh tokens, one-time codes, sealed columns, the seal of
//! the audit trail. Everything secret comes from one [`KeyRing`]; everything random from `kernel::Secrets`; the time is
//! always an argument. This crate must never know what a token allows, where a hash is stored or who is asking.
//!
//! | what | type | port |
//! | --- | --- | --- |
//! | keys with ids, rotation | [`KeyRing`] | |
//! | passwords, argon2id behind a bounded pool | [`Argon2Hasher`] | `access::crypto::PasswordHasher` |
//! | access tokens, JWT HS256 | [`JwtTokens`] | `access::crypto::AccessTokens` |
//! | refresh tokens, derived | [`DerivedRefreshTokens`] | `access::crypto::RefreshTokens` |
//! | one-time codes | [`KeyedCodes`] | `access::crypto::CodeHasher` |
//! | personal columns, blind index | [`FieldSealer`] | |
//! | chain of the audit trail | [`AuditSealer`] | |
//! | the sandbox gateway's secret | [`KeyRing::sandbox_secret`] | |

#![warn(missing_docs)]

mod access_token;
mod audit;
mod code;
mod field;
mod keys;
mod mac;
mod password;
mod refresh_token;

pub use access_token::{JwtTokens, install_crypto};
pub use audit::{AuditSealError, AuditSealer};
pub use code::KeyedCodes;
pub use field::{FieldSealer, SealError};
pub use keys::{KeyRing, KeyRingError};
pub use password::{Argon2Hasher, Argon2Parameters, HasherStartError, PoolLoad, PoolSettings};
pub use refresh_token::DerivedRefreshTokens;

#[cfg(test)]
mod fixture {
    //! Rings for tests, made of predictable bytes.

    use std::sync::Arc;

    use domicile_kernel::{
        Instant, Secrets,
        ports::fixed::{CountingSecrets, FixedClock},
    };

    use crate::KeyRing;

    pub(crate) fn now() -> Instant {
        "2026-01-20T10:30:00Z".parse().unwrap()
    }

    pub(crate) fn secrets() -> Arc<dyn Secrets> {
        Arc::new(CountingSecrets::default())
    }

    pub(crate) fn clock() -> Arc<FixedClock> {
        FixedClock::at("2026-01-20T10:30:00Z")
    }

    /// A ring with one key, `k1`.
    pub(crate) fn ring() -> KeyRing {
        KeyRing::create(now(), secrets().as_ref())
    }

    /// The same ring, and again after a second key, `k2`, became the newest.
    pub(crate) fn rotation() -> (KeyRing, KeyRing) {
        let secrets = secrets();
        let before = KeyRing::create(now(), secrets.as_ref());
        let mut after = KeyRing::parse(&before.to_text()).unwrap();
        after.rotate(now(), secrets.as_ref());
        (before, after)
    }

    /// A ring whose only key is called `k1` but has another secret.
    pub(crate) fn stranger() -> KeyRing {
        KeyRing::create(now(), stranger_secrets().as_ref())
    }

    /// Predictable bytes that differ from those of [`secrets`].
    pub(crate) fn stranger_secrets() -> Arc<dyn Secrets> {
        let secrets = CountingSecrets::default();
        secrets.bytes(&mut [0; 99]);
        Arc::new(secrets)
    }
}
