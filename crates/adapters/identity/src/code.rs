//! One-time codes, stored as HMAC-SHA256 over challenge and code. Six digits are quickly tried out under a plain hash, and
//! a slow hash does not change that; a key that the database does not have does (OTP).

use domicile_access::crypto::CodeHasher;

use crate::{
    keys::KeyRing,
    mac::{DerivedKey, KeyUse},
};

/// Hashes under the newest key, compares under any.
pub struct KeyedCodes {
    /// Newest first, at least one.
    keys: Vec<DerivedKey>,
    newest: DerivedKey,
}

impl KeyedCodes {
    /// Over a ring's keys.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        Self {
            keys: ring.derive_all(KeyUse::Code).into_iter().map(|(_, key)| key).collect(),
            newest: ring.derive_newest(KeyUse::Code).1,
        }
    }
}

impl CodeHasher for KeyedCodes {
    fn hash(&self, challenge: uuid::Uuid, code: &str) -> [u8; 32] {
        self.newest.sign(&[challenge.as_bytes(), code.as_bytes()])
    }

    fn matches(&self, challenge: uuid::Uuid, code: &str, stored: &[u8; 32]) -> bool {
        self.keys
            .iter()
            .fold(false, |matches, key| matches | key.verify(&[challenge.as_bytes(), code.as_bytes()], stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const CHALLENGE: uuid::Uuid = uuid::Uuid::from_u128(1);

    #[test]
    fn a_code_matches_its_own_challenge_only() {
        let codes = KeyedCodes::new(&fixture::ring());
        let stored = codes.hash(CHALLENGE, "123456");
        assert!(codes.matches(CHALLENGE, "123456", &stored));
        assert!(!codes.matches(CHALLENGE, "123457", &stored));
        assert!(!codes.matches(CHALLENGE, "12345", &stored));
        assert!(!codes.matches(uuid::Uuid::from_u128(2), "123456", &stored));
    }

    #[test]
    fn a_code_sent_before_a_rotation_still_matches() {
        let (before, after) = fixture::rotation();
        let stored = KeyedCodes::new(&before).hash(CHALLENGE, "123456");
        assert!(KeyedCodes::new(&after).matches(CHALLENGE, "123456", &stored));
    }

    #[test]
    fn a_stolen_table_is_useless_under_another_key() {
        let stored = KeyedCodes::new(&fixture::ring()).hash(CHALLENGE, "123456");
        assert!(!KeyedCodes::new(&fixture::stranger()).matches(CHALLENGE, "123456", &stored));
    }
}
