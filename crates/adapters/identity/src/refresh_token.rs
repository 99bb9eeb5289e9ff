//! Refresh tokens that are derived, not drawn: `hr1_` and base64url of session (16 bytes), generation (8, big endian) and
//! HMAC-SHA256 over both. Parallel refreshes of one token get the same successor, no plain token is stored, and garbage
//! is refused before the database is asked (J4b).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domicile_access::crypto::RefreshTokens;
use domicile_kernel::SessionId;
use sha2::{Digest as _, Sha256};

use crate::{
    keys::KeyRing,
    mac::{DerivedKey, KeyUse},
};

const PREFIX: &str = "hr1_";
const BODY: usize = 24;
const TAG: usize = 32;

/// Derives with the newest key, reads with any: a token carries no key id. The ring is taken as it is at construction, so
/// on one node all successors of a token are the same text until the node starts with a rotated ring; two texts of one
/// session and generation from before and after say the same and are both accepted.
pub struct DerivedRefreshTokens {
    /// Newest first, at least one.
    keys: Vec<DerivedKey>,
    newest: DerivedKey,
}

impl DerivedRefreshTokens {
    /// Over a ring's keys.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        Self {
            keys: ring.derive_all(KeyUse::Refresh).into_iter().map(|(_, key)| key).collect(),
            newest: ring.derive_newest(KeyUse::Refresh).1,
        }
    }
}

impl RefreshTokens for DerivedRefreshTokens {
    fn derive(&self, session: SessionId, generation: i64) -> String {
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.extend_from_slice(session.uuid().as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        let tag = self.newest.sign(&[&bytes]);
        bytes.extend_from_slice(&tag);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn read(&self, token: &str) -> Option<(SessionId, i64)> {
        let encoded = token.strip_prefix(PREFIX)?;
        // 56 bytes are 75 characters; nothing longer is worth decoding.
        if encoded.len() != 75 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        // Every key is tried, so that the time does not tell which one signed.
        let genuine = self.keys.iter().fold(false, |genuine, key| genuine | key.verify(&[body], tag));
        if !genuine {
            return None;
        }
        let (session, generation) = body.split_first_chunk::<16>()?;
        let generation = i64::from_be_bytes(*generation.first_chunk::<8>()?);
        (generation >= 0).then(|| (SessionId::new(uuid::Uuid::from_bytes(*session)), generation))
    }

    fn fingerprint(&self, token: &str) -> String {
        // The token holds a 256-bit tag, so a plain hash cannot be reversed by guessing.
        hex::encode(Sha256::digest(token.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn session() -> SessionId {
        "0190a0b0-c0d0-7000-8000-0000000000aa".parse().unwrap()
    }

    #[test]
    fn the_same_generation_derives_the_same_token() {
        let tokens = DerivedRefreshTokens::new(&fixture::ring());
        let token = tokens.derive(session(), 7);
        assert_eq!(token, DerivedRefreshTokens::new(&fixture::ring()).derive(session(), 7));
        assert_eq!(token.len(), 79);
        assert_eq!(tokens.read(&token), Some((session(), 7)));
        assert_ne!(token, tokens.derive(session(), 8));
    }

    #[test]
    fn a_rotation_keeps_old_tokens_valid_and_the_old_ring_refuses_new_ones() {
        let (before, after) = fixture::rotation();
        let (before, after) = (DerivedRefreshTokens::new(&before), DerivedRefreshTokens::new(&after));
        assert_eq!(after.read(&before.derive(session(), 3)), Some((session(), 3)));
        assert_eq!(after.read(&after.derive(session(), 3)), Some((session(), 3)));
        assert_eq!(before.read(&after.derive(session(), 3)), None);
    }

    #[test]
    fn no_single_altered_character_is_accepted() {
        let tokens = DerivedRefreshTokens::new(&fixture::ring());
        let token = tokens.derive(session(), 7);
        for at in 0..token.len() {
            for replacement in ["A", "B", "_", "=", "."] {
                let mut altered = token.clone();
                altered.replace_range(at..=at, replacement);
                assert!(altered == token || tokens.read(&altered).is_none(), "{altered}");
            }
        }
    }

    #[test]
    fn garbage_strange_keys_and_impossible_generations_are_refused() {
        let tokens = DerivedRefreshTokens::new(&fixture::ring());
        let token = tokens.derive(session(), 7);
        let stranger = DerivedRefreshTokens::new(&fixture::stranger()).derive(session(), 7);
        let negative = tokens.derive(session(), -1);
        for garbage in [
            "",
            "hr1_",
            "hr2_",
            &token[4..],
            &token[..78],
            &format!("{token}A"),
            &format!(" {token}"),
            &token.to_uppercase(),
            &"hr1_".repeat(1000),
            &stranger,
            &negative,
        ] {
            assert_eq!(tokens.read(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn the_fingerprint_is_a_hash_of_the_token() {
        let tokens = DerivedRefreshTokens::new(&fixture::ring());
        assert_eq!(tokens.fingerprint("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
