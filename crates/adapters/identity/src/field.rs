//! Personal columns, sealed with AES-256-GCM. The associated data, which the caller composes of hostel, table, column and
//! row, ties a value to its place: moved to another row it does not open.
//!
//! A sealed value is: version (1 byte, 1), length of the key id (1), key id, nonce (12), ciphertext and tag (16).

use std::{collections::BTreeMap, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit as _,
    aead::{Aead as _, Payload},
};
use domicile_kernel::Secrets;

use crate::{
    keys::KeyRing,
    mac::{DerivedKey, KeyUse},
};

const VERSION: u8 = 1;
const NONCE: usize = 12;

/// Seals and opens columns, and makes the blind index by which a sealed column is looked up.
///
/// Nonces are random, so one key should not seal more than 2^32 values (NIST SP 800-38D); rotate long before.
pub struct FieldSealer {
    ciphers: BTreeMap<String, Aes256Gcm>,
    newest_id: String,
    newest: Aes256Gcm,
    index: DerivedKey,
    secrets: Arc<dyn Secrets>,
}

/// Why a sealed value does not open.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// Not the bytes of a sealed value.
    #[error("the column does not hold a sealed value")]
    Malformed,
    /// Sealed with a key that the ring does not have.
    #[error("the column is sealed with key {0:?}, which is not in the key ring")]
    UnknownKey(String),
    /// Altered, moved to another place, or sealed with another secret of the same id.
    #[error("the sealed column was altered or belongs to another row")]
    Forged,
}

impl FieldSealer {
    /// Over a ring's keys; nonces come from `secrets`.
    #[must_use]
    pub fn new(ring: &KeyRing, secrets: Arc<dyn Secrets>) -> Self {
        let cipher = |key: &DerivedKey| Aes256Gcm::new(key.bytes().into());
        let (newest_id, newest) = ring.derive_newest(KeyUse::Seal);
        Self {
            ciphers: ring.derive_all(KeyUse::Seal).into_iter().map(|(id, key)| (id, cipher(&key))).collect(),
            newest_id,
            newest: cipher(&newest),
            index: ring.derive_oldest(KeyUse::BlindIndex).1,
            secrets,
        }
    }

    /// Seals with the newest key. `aad` names the place: hostel, table, column and row, with borders that cannot shift.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "AES-GCM refuses only texts above 64 GiB, which no column and no memory holds"
    )]
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        self.secrets.bytes(&mut nonce);
        let mut sealed = Vec::with_capacity(2 + self.newest_id.len() + NONCE + plaintext.len() + 16);
        // The ring admits ids of 1 to 32 characters, so the length fits one byte.
        sealed.extend_from_slice(&[VERSION, self.newest_id.len() as u8]);
        sealed.extend_from_slice(self.newest_id.as_bytes());
        let aad = bound(&sealed, aad);
        sealed.extend_from_slice(&nonce);
        let text = self
            .newest
            .encrypt(&nonce.into(), Payload { msg: plaintext, aad: &aad })
            .expect("a column is shorter than 64 GiB");
        sealed.extend_from_slice(&text);
        sealed
    }

    /// Opens with the key that the value names.
    ///
    /// # Errors
    /// When the bytes are no sealed value, their key is not in the ring, or they do not belong to this place.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let parts = split(sealed).ok_or(SealError::Malformed)?;
        let cipher = self.ciphers.get(parts.id).ok_or_else(|| SealError::UnknownKey(parts.id.to_owned()))?;
        cipher
            .decrypt(&(*parts.nonce).into(), Payload { msg: parts.text, aad: &bound(parts.header, aad) })
            .or(Err(SealError::Forged))
    }

    /// Whether a value was sealed with an older key, so that a sweep can seal it anew. Also true for what is no sealed value.
    #[must_use]
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        split(sealed).is_none_or(|parts| parts.id != self.newest_id)
    }

    /// A keyed hash by which equal values of one scope (hostel, table, column) are found without opening them. It is under
    /// the oldest key, so it stays the same over a rotation. The caller brings the value into one form first.
    #[must_use]
    pub fn blind_index(&self, scope: &str, value: &str) -> [u8; 32] {
        self.index.sign(&[&(scope.len() as u64).to_be_bytes(), scope.as_bytes(), value.as_bytes()])
    }
}

struct Parts<'a> {
    header: &'a [u8],
    id: &'a str,
    nonce: &'a [u8; NONCE],
    text: &'a [u8],
}

fn split(sealed: &[u8]) -> Option<Parts<'_>> {
    let (&[version, length], rest) = sealed.split_first_chunk::<2>()?;
    if version != VERSION {
        return None;
    }
    let (id, rest) = rest.split_at_checked(usize::from(length))?;
    let (header, _) = sealed.split_at_checked(2 + usize::from(length))?;
    let (nonce, text) = rest.split_first_chunk::<NONCE>()?;
    (text.len() >= 16).then_some(Parts { header, id: std::str::from_utf8(id).ok()?, nonce, text })
}

/// The associated data covers version and key id too. The header says its own length, so the border cannot shift.
fn bound(header: &[u8], aad: &[u8]) -> Vec<u8> {
    [header, aad].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    const PLACE: &[u8] = b"hostel-1|accounts|phone|row-1";

    fn sealer(ring: &KeyRing) -> FieldSealer {
        FieldSealer::new(ring, fixture::secrets())
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let sealer = sealer(&fixture::ring());
        for text in [&b""[..], b"+233200000000", &[0; 10_000]] {
            let sealed = sealer.seal(PLACE, text);
            assert_eq!(sealed.len(), 2 + 2 + 12 + text.len() + 16);
            assert_eq!(sealer.open(PLACE, &sealed).unwrap(), text);
        }
    }

    #[test]
    fn equal_values_do_not_look_equal() {
        let sealer = sealer(&fixture::ring());
        assert_ne!(sealer.seal(PLACE, b"same"), sealer.seal(PLACE, b"same"));
    }

    #[test]
    fn swapped_rows_do_not_open() {
        let sealer = sealer(&fixture::ring());
        let sealed = sealer.seal(PLACE, b"secret");
        for elsewhere in [&b"hostel-1|accounts|phone|row-2"[..], b"hostel-2|accounts|phone|row-1", b""] {
            assert_eq!(sealer.open(elsewhere, &sealed), Err(SealError::Forged));
        }
    }

    #[test]
    fn no_altered_bit_and_no_shortened_value_opens() {
        let sealer = sealer(&fixture::rotation().1);
        let sealed = sealer.seal(PLACE, b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(PLACE, &altered).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open(PLACE, &sealed[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_rotation_keeps_old_columns_readable_and_seals_with_the_new_key() {
        let (before, after) = fixture::rotation();
        let (before, after) = (sealer(&before), sealer(&after));
        let old = before.seal(PLACE, b"secret");
        assert_eq!(after.open(PLACE, &old).unwrap(), b"secret");
        assert!(after.is_outdated(&old));
        let new = after.seal(PLACE, b"secret");
        assert!(!after.is_outdated(&new));
        assert_eq!(before.open(PLACE, &new), Err(SealError::UnknownKey("k2".to_owned())));
    }

    #[test]
    fn a_key_of_the_same_name_with_another_secret_does_not_open() {
        let sealed = sealer(&fixture::ring()).seal(PLACE, b"secret");
        assert_eq!(sealer(&fixture::stranger()).open(PLACE, &sealed), Err(SealError::Forged));
    }

    #[test]
    fn the_blind_index_is_stable_over_a_rotation_and_bound_to_its_scope() {
        let (before, after) = fixture::rotation();
        let (before, after) = (sealer(&before), sealer(&after));
        assert_eq!(before.blind_index("phones", "+233"), after.blind_index("phones", "+233"));
        assert_ne!(before.blind_index("phones", "+233"), before.blind_index("phones", "+234"));
        assert_ne!(before.blind_index("phones", "+233"), before.blind_index("phone", "s+233"));
        assert_ne!(before.blind_index("phones", "+233"), sealer(&fixture::stranger()).blind_index("phones", "+233"));
    }
}
