//! The ring of master keys: one secret a key id, newest first. The newest signs and seals, all verify and open, so a new
//! key logs nobody out. What a key is used for is derived from it (see [`mac`](crate::mac)); the secret itself is never
//! used directly and never printed.
//!
//! Two rules follow from what is stored under a key:
//!
//! * The blind index is derived from the **oldest** key, because a lookup must find rows written before a rotation. The
//!   oldest key may therefore only leave the ring after every indexed column was written anew.
//! * A key may leave once nothing sealed, signed or chained with it is left. The startup check by
//!   [`KeyRing::fingerprints`] refuses a node whose ring lost one.

mod file;

use std::fmt;

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use domicile_kernel::{Instant, Secrets};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::mac::{DerivedKey, KeyUse};

/// The least a master secret may have, in bytes.
const SECRET_BYTES: usize = 32;
/// Fewer different bytes than this in a secret means that somebody typed it. 32 random bytes have about 30; the chance
/// that they have fewer than 16 is below one in a hundred million million.
const DISTINCT_BYTES: usize = 16;
/// The longest key id, in characters; it must fit into a token header and into the one length byte of a sealed column.
const ID_CHARACTERS: usize = 32;

const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, PADDING);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, PADDING);

/// Master keys with ids, newest first; never empty. Secrets are wiped on drop, `Debug` shows ids only.
#[derive(Clone)]
pub struct KeyRing {
    /// Newest first, at least one, ids unique.
    keys: Vec<MasterKey>,
}

#[derive(Clone)]
struct MasterKey {
    id: String,
    created_at: Instant,
    /// At least [`SECRET_BYTES`] bytes.
    secret: Zeroizing<Vec<u8>>,
}

/// Why there is no key ring. No message shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// Nothing was given.
    #[error(
        "no key is given: the key ring needs at least one, {{\"keys\":[{{\"id\":\"k1\",\"created_at\":\"2026-01-20T10:30:00Z\",\
         \"purpose\":\"master\",\"secret\":\"…\"}}]}}, with a secret of 32 random bytes in base64 (make one with `openssl rand -base64 32`)"
    )]
    Missing,
    /// Not the JSON of a ring. The parser's own message is withheld, because it may quote the secret.
    #[error(
        "the key ring is not readable at line {line}, column {column}: it is JSON with a list `keys`, each with `id`, `created_at`, \
         `purpose` (\"master\") and `secret`, and nothing else"
    )]
    Unreadable {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// An id that cannot be used.
    #[error("{0:?} is not a key id: use 1 to 32 of the characters a-z, 0-9, - and _")]
    Id(String),
    /// Two keys with one id.
    #[error("the key id {0:?} is given twice: every key needs an id of its own")]
    Twice(String),
    /// The list is not newest first.
    #[error("the key {0:?} is newer than the one before it: the list goes from the newest key to the oldest")]
    Order(String),
    /// The secret is not base64.
    #[error("the secret of key {0:?} is not base64: make one with `openssl rand -base64 32`")]
    Encoding(String),
    /// The secret has too few bytes.
    #[error(
        "the secret of key {id:?} has {bytes} bytes, and needs at least 32: make one with `openssl rand -base64 32`"
    )]
    Short {
        /// Which key.
        id: String,
        /// How many bytes it has.
        bytes: usize,
    },
    /// The secret was not made by a generator.
    #[error("the secret of key {0:?} repeats itself and can be guessed: make one with `openssl rand -base64 32`")]
    Guessable(String),
    /// The file could not be read or written.
    #[error("could not {action} the key ring {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The ring as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RingText {
    keys: Vec<KeyText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    id: String,
    created_at: Instant,
    purpose: Purpose,
    secret: String,
}

impl Drop for KeyText {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    Master,
}

impl KeyRing {
    /// A ring with one fresh key, `k1`.
    #[must_use]
    pub fn create(now: Instant, secrets: &dyn Secrets) -> Self {
        Self { keys: vec![MasterKey::fresh("k1".to_owned(), now, secrets)] }
    }

    /// Reads a ring from its text, as [`Self::to_text`] writes it: from a secret store, an environment variable or a file.
    ///
    /// # Errors
    /// When there is no key, a secret is short or guessable, an id is unusable or given twice, or the keys do not stand
    /// newest first. The message says what to do and shows no secret.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        if text.trim().is_empty() {
            return Err(KeyRingError::Missing);
        }
        let ring: RingText = serde_json::from_str(text)
            .map_err(|error| KeyRingError::Unreadable { line: error.line(), column: error.column() })?;
        let mut keys: Vec<MasterKey> = Vec::with_capacity(ring.keys.len());
        for text in &ring.keys {
            let key = MasterKey::parse(text)?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(KeyRingError::Twice(key.id));
            }
            if keys.last().is_some_and(|newer| newer.created_at < key.created_at) {
                return Err(KeyRingError::Order(key.id));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(KeyRingError::Missing);
        }
        Ok(Self { keys })
    }

    /// The ring as text, secrets included: for the file of mode 0600 or a secret store, and nowhere else.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let ring = RingText { keys: self.keys.iter().map(MasterKey::to_text).collect() };
        // Ids, instants and strings always serialise.
        Zeroizing::new(serde_json::to_string_pretty(&ring).unwrap_or_default() + "\n")
    }

    /// Adds a fresh newest key and gives its id. Older keys stay and go on verifying and opening. Save the ring and give
    /// it to every node before any of them signs with it.
    pub fn rotate(&mut self, now: Instant, secrets: &dyn Secrets) -> String {
        let last = self.keys.iter().filter_map(|key| key.id.strip_prefix('k')?.parse::<u32>().ok()).max().unwrap_or(0);
        let id = format!("k{}", u64::from(last) + 1);
        // A clock that went backwards must not break the order of the ring.
        let created_at = self.keys.first().map_or(now, |newest| newest.created_at.max(now));
        self.keys.insert(0, MasterKey::fresh(id.clone(), created_at, secrets));
        id
    }

    /// The ids, newest first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id.as_str())
    }

    /// Each key's id and fingerprint (32 hexadecimal digits, derived; nothing about the secret follows from it), newest
    /// first: what the database stores, so that a node with other keys is refused at its start.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<(String, String)> {
        self.derive_all(KeyUse::Fingerprint)
            .into_iter()
            .map(|(id, key)| (id, hex::encode(key.bytes().iter().take(16).copied().collect::<Vec<_>>())))
            .collect()
    }

    /// The secret of the sandbox payment gateway, as text of 64 hexadecimal digits. It is derived from the oldest key, so that
    /// the addresses of open checkouts stay good when a key is added.
    #[must_use]
    pub fn sandbox_secret(&self) -> Zeroizing<String> {
        let (_id, key) = self.derive_oldest(KeyUse::Sandbox);
        Zeroizing::new(hex::encode(key.bytes()))
    }

    /// The keys of one use with their ids, newest first; never empty.
    pub(crate) fn derive_all(&self, key_use: KeyUse) -> Vec<(String, DerivedKey)> {
        self.keys.iter().map(|key| (key.id.clone(), DerivedKey::derive(&key.secret, key_use))).collect()
    }

    /// The newest id and its key of one use.
    pub(crate) fn derive_newest(&self, key_use: KeyUse) -> (String, DerivedKey) {
        derive_one(self.keys.first(), key_use)
    }

    /// The oldest id and its key of one use.
    pub(crate) fn derive_oldest(&self, key_use: KeyUse) -> (String, DerivedKey) {
        derive_one(self.keys.last(), key_use)
    }
}

#[expect(clippy::expect_used, reason = "a ring is never empty: both constructors see to it and nothing removes keys")]
fn derive_one(key: Option<&MasterKey>, key_use: KeyUse) -> (String, DerivedKey) {
    let key = key.expect("a ring has at least one key");
    (key.id.clone(), DerivedKey::derive(&key.secret, key_use))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

impl MasterKey {
    fn fresh(id: String, created_at: Instant, secrets: &dyn Secrets) -> Self {
        let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
        secrets.bytes(&mut secret);
        Self { id, created_at, secret }
    }

    fn parse(text: &KeyText) -> Result<Self, KeyRingError> {
        let id = text.id.clone();
        let characters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if id.is_empty() || id.len() > ID_CHARACTERS || !id.chars().all(characters) {
            return Err(KeyRingError::Id(id));
        }
        let engine = if text.secret.contains(['-', '_']) { &BASE64_URL } else { &BASE64 };
        let Ok(secret) = engine.decode(text.secret.trim()) else { return Err(KeyRingError::Encoding(id)) };
        let secret = Zeroizing::new(secret);
        if secret.len() < SECRET_BYTES {
            return Err(KeyRingError::Short { id, bytes: secret.len() });
        }
        if secret.iter().collect::<std::collections::HashSet<_>>().len() < DISTINCT_BYTES {
            return Err(KeyRingError::Guessable(id));
        }
        Ok(Self { id, created_at: text.created_at, secret })
    }

    fn to_text(&self) -> KeyText {
        KeyText {
            id: self.id.clone(),
            created_at: self.created_at,
            purpose: Purpose::Master,
            secret: BASE64.encode(&*self.secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn text_with(secret: &str) -> String {
        format!(
            r#"{{"keys":[{{"id":"k1","created_at":"2026-01-20T10:30:00Z","purpose":"master","secret":"{secret}"}}]}}"#
        )
    }

    #[test]
    fn a_ring_reads_back_what_it_wrote() {
        let (_, ring) = fixture::rotation();
        let again = KeyRing::parse(&ring.to_text()).unwrap();
        assert_eq!(again.ids().collect::<Vec<_>>(), ["k2", "k1"]);
        assert_eq!(again.fingerprints(), ring.fingerprints());
    }

    #[test]
    fn the_sandbox_keeps_its_secret_when_a_key_is_added_and_shares_it_with_no_other_ring() {
        let (before, after) = fixture::rotation();
        assert_eq!(before.sandbox_secret(), after.sandbox_secret());
        assert_ne!(before.sandbox_secret(), fixture::stranger().sandbox_secret());
        assert_eq!(before.sandbox_secret().len(), 64);
        assert!(!before.to_text().contains(before.sandbox_secret().as_str()));
    }

    #[test]
    fn debug_shows_ids_and_no_secret() {
        let (_, ring) = fixture::rotation();
        assert_eq!(format!("{ring:?}"), r#"KeyRing["k2", "k1"]"#);
    }

    #[test]
    fn a_missing_key_is_an_error_that_says_how_to_make_one() {
        for text in ["", "  \n", r#"{"keys":[]}"#] {
            let error = KeyRing::parse(text).unwrap_err();
            assert!(matches!(error, KeyRingError::Missing));
            assert!(error.to_string().contains("openssl rand -base64 32"));
        }
    }

    #[test]
    fn a_secret_of_31_bytes_is_short() {
        let secret = BASE64.encode((0..31).collect::<Vec<u8>>());
        let error = KeyRing::parse(&text_with(&secret)).unwrap_err();
        assert!(matches!(&error, KeyRingError::Short { id, bytes: 31 } if id == "k1"), "{error}");
        assert!(error.to_string().contains("at least 32"));
    }

    #[test]
    fn a_placeholder_is_guessable() {
        let error = KeyRing::parse(&text_with(&BASE64.encode([7; 32]))).unwrap_err();
        assert!(matches!(error, KeyRingError::Guessable(_)), "{error}");
    }

    #[test]
    fn a_secret_may_be_written_in_either_alphabet_with_or_without_padding() {
        let bytes: Vec<u8> = (0..32).map(|n| 255 - n * 3).collect();
        let expected = KeyRing::parse(&text_with(&BASE64.encode(&bytes))).unwrap().fingerprints();
        for secret in [BASE64_URL.encode(&bytes), BASE64.encode(&bytes).replace('=', "")] {
            assert_eq!(KeyRing::parse(&text_with(&secret)).unwrap().fingerprints(), expected);
        }
    }

    #[test]
    fn an_unreadable_ring_does_not_quote_its_secret() {
        for text in [
            r#"{"keys":[{"id":"k1","created_at":"topsecret"}]}"#,
            r#"{"keys":"topsecret"}"#,
            r#"{"topsecret":1}"#,
            "topsecret",
            &text_with("topsecret!"),
        ] {
            let error = KeyRing::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("topsecret"), "{error}");
        }
    }

    #[test]
    fn ids_are_short_plain_and_unique_and_keys_stand_newest_first() {
        let entry = |id: &str, at: &str| {
            let secret = BASE64.encode((0..32).collect::<Vec<u8>>());
            format!(r#"{{"id":"{id}","created_at":"{at}","purpose":"master","secret":"{secret}"}}"#)
        };
        let read = |entries: &[String]| KeyRing::parse(&format!(r#"{{"keys":[{}]}}"#, entries.join(",")));
        let early = "2026-01-01T00:00:00Z";
        let late = "2026-02-01T00:00:00Z";
        assert!(read(&[entry("k2", late), entry("k1", early)]).is_ok());
        assert!(matches!(read(&[entry("k1", early), entry("k2", late)]), Err(KeyRingError::Order(id)) if id == "k2"));
        assert!(matches!(read(&[entry("k1", late), entry("k1", early)]), Err(KeyRingError::Twice(_))));
        for id in ["", "K1", "../k1", "k 1", &"k".repeat(33)] {
            assert!(matches!(read(&[entry(id, early)]), Err(KeyRingError::Id(_))), "{id}");
        }
    }

    #[test]
    fn rotating_adds_a_newest_key_even_when_the_clock_went_backwards() {
        let mut ring = fixture::ring();
        let earlier = fixture::now().minus(std::time::Duration::from_mins(1));
        assert_eq!(ring.rotate(earlier, fixture::stranger_secrets().as_ref()), "k2");
        assert_eq!(ring.rotate(earlier, fixture::stranger_secrets().as_ref()), "k3");
        assert_eq!(KeyRing::parse(&ring.to_text()).unwrap().ids().collect::<Vec<_>>(), ["k3", "k2", "k1"]);
    }

    #[test]
    fn fingerprints_tell_rings_apart_that_share_ids() {
        let (mine, other) = (fixture::ring().fingerprints(), fixture::stranger().fingerprints());
        assert_eq!(mine[0].0, other[0].0);
        assert_ne!(mine[0].1, other[0].1);
        assert_eq!(mine[0].1.len(), 32);
    }

    #[test]
    fn the_oldest_key_stays_the_same_over_a_rotation() {
        let (before, after) = fixture::rotation();
        let key = |(_, key): (String, DerivedKey)| *key.bytes();
        assert_eq!(key(before.derive_oldest(KeyUse::BlindIndex)), key(after.derive_oldest(KeyUse::BlindIndex)));
        assert_ne!(key(before.derive_newest(KeyUse::Jwt)), key(after.derive_newest(KeyUse::Jwt)));
    }
}
