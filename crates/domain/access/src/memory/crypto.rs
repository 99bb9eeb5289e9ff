//! Transparent cryptography for tests: nothing here protects anything.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domicile_kernel::{Instant, SessionId};
use uuid::Uuid;

use crate::crypto::{
    AccessClaims, AccessTokens, CodeHasher, HashingError, Password, PasswordHash, PasswordHasher, RefreshTokens,
    TokenError, Verified,
};

/// A "hash" is `plain:` and the password; one that begins with `old:` is outdated. Counts every computation.
#[derive(Debug, Default)]
pub struct CountingHasher(AtomicUsize);

impl CountingHasher {
    /// How many were computed since this was last asked.
    pub fn take_count(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[async_trait]
impl PasswordHasher for CountingHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashingError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(PasswordHash::new(format!("plain:{}", password.expose())))
    }

    async fn verify(&self, password: &Password, stored: Option<&PasswordHash>) -> Result<Verified, HashingError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let parts = stored.and_then(|hash| hash.as_str().split_once(':'));
        Ok(Verified {
            matches: parts.is_some_and(|(_, text)| text == password.expose()),
            outdated: parts.is_some_and(|(scheme, _)| scheme == "old"),
        })
    }
}

/// Access tokens that say in the open what they say.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainAccessTokens;

impl AccessTokens for PlainAccessTokens {
    fn issue(&self, claims: &AccessClaims) -> String {
        let AccessClaims { account, session, generation, issued_at, expires_at } = claims;
        format!("access.{account}.{session}.{generation}.{}.{}", issued_at.micros(), expires_at.micros())
    }

    fn read(&self, token: &str, now: Instant) -> Result<AccessClaims, TokenError> {
        let claims = read_access(token).ok_or(TokenError::Invalid)?;
        if now < claims.expires_at { Ok(claims) } else { Err(TokenError::Expired) }
    }
}

fn read_access(token: &str) -> Option<AccessClaims> {
    let mut words = token.strip_prefix("access.")?.split('.');
    Some(AccessClaims {
        account: words.next()?.parse().ok()?,
        session: words.next()?.parse().ok()?,
        generation: words.next()?.parse().ok()?,
        issued_at: Instant::from_micros(words.next()?.parse().ok()?),
        expires_at: Instant::from_micros(words.next()?.parse().ok()?),
    })
}

/// Refresh tokens that say in the open what they are.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainRefreshTokens;

impl RefreshTokens for PlainRefreshTokens {
    fn derive(&self, session: SessionId, generation: i64) -> String {
        format!("refresh.{session}.{generation}")
    }

    fn read(&self, token: &str) -> Option<(SessionId, i64)> {
        let (session, generation) = token.strip_prefix("refresh.")?.split_once('.')?;
        Some((session.parse().ok()?, generation.parse().ok()?))
    }

    fn fingerprint(&self, token: &str) -> String {
        format!("fingerprint of {token}")
    }
}

/// A "hash" is the challenge's id and the code, side by side.
#[derive(Debug, Default, Clone, Copy)]
pub struct PlainCodes;

impl CodeHasher for PlainCodes {
    fn hash(&self, challenge: Uuid, code: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        for (into, from) in hash.iter_mut().zip(challenge.as_bytes().iter().chain(code.as_bytes())) {
            *into = *from;
        }
        hash
    }

    fn matches(&self, challenge: Uuid, code: &str, stored: &[u8; 32]) -> bool {
        self.hash(challenge, code) == *stored
    }
}
