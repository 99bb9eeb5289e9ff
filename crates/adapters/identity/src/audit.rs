//! The seal of the audit trail: each row's hash is an HMAC over the hash before it and the row's canonical bytes, so that
//! no row can be altered, removed or put in between without the key (J17).

use crate::{
    keys::KeyRing,
    mac::{DerivedKey, KeyUse},
};

/// Hashes with the newest key, checks with the key that a hash names.
pub struct AuditSealer {
    /// Newest first, at least one.
    keys: Vec<(String, DerivedKey)>,
    newest: (String, DerivedKey),
}

/// Why a row's hash does not hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AuditSealError {
    /// Not the text of a hash.
    #[error("the audit row's hash is not one of ours")]
    Malformed,
    /// Hashed with a key that the ring does not have.
    #[error("the audit row is sealed with key {0:?}, which is not in the key ring")]
    UnknownKey(String),
    /// This row, or the one before it, was altered.
    #[error("the audit row or the one before it was altered")]
    Altered,
}

impl AuditSealer {
    /// Over a ring's keys.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        Self { keys: ring.derive_all(KeyUse::Audit), newest: ring.derive_newest(KeyUse::Audit) }
    }

    /// The hash of a row: `<key id>:<64 hexadecimal digits>`. `previous` is the hash of the hostel's row before it, none
    /// for the first; `canonical` are the row's bytes in a form that never changes.
    #[must_use]
    pub fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String {
        let (id, key) = &self.newest;
        format!("{id}:{}", hex::encode(with_input(previous, canonical, |parts| key.sign(parts))))
    }

    /// Checks a row's hash, in constant time.
    ///
    /// # Errors
    /// When the hash is none of ours, its key is not in the ring, or the row or its predecessor was altered.
    pub fn verify(&self, previous: Option<&str>, canonical: &[u8], hash: &str) -> Result<(), AuditSealError> {
        let (id, digits) = hash.split_once(':').ok_or(AuditSealError::Malformed)?;
        // Hexadecimal has two spellings; only ours is a hash, or an altered row could pass for another text.
        if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(AuditSealError::Malformed);
        }
        let tag = hex::decode(digits).or(Err(AuditSealError::Malformed))?;
        let (_, key) =
            self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| AuditSealError::UnknownKey(id.to_owned()))?;
        if with_input(previous, canonical, |parts| key.verify(parts, &tag)) {
            Ok(())
        } else {
            Err(AuditSealError::Altered)
        }
    }
}

/// What is hashed: whether there is a previous hash, its length, it, and the row. Borders cannot shift.
fn with_input<T>(previous: Option<&str>, canonical: &[u8], act: impl FnOnce(&[&[u8]]) -> T) -> T {
    let text = previous.unwrap_or_default().as_bytes();
    act(&[&[u8::from(previous.is_some())], &(text.len() as u64).to_be_bytes(), text, canonical])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_chain_holds_until_a_row_is_altered_removed_or_moved() {
        let sealer = AuditSealer::new(&fixture::ring());
        let rows: [&[u8]; 4] = [b"first", b"second", b"third", b"fourth"];
        let mut hashes: Vec<String> = Vec::new();
        for row in rows {
            hashes.push(sealer.hash(hashes.last().map(String::as_str), row));
        }
        let previous = |n: usize| n.checked_sub(1).map(|n| hashes[n].as_str());
        for n in 0..4 {
            assert_eq!(sealer.verify(previous(n), rows[n], &hashes[n]), Ok(()));
        }
        assert_eq!(sealer.verify(previous(2), b"Third", &hashes[2]), Err(AuditSealError::Altered));
        assert_eq!(sealer.verify(previous(1), rows[2], &hashes[2]), Err(AuditSealError::Altered));
        assert_eq!(sealer.verify(None, rows[2], &hashes[2]), Err(AuditSealError::Altered));
        assert_eq!(sealer.verify(Some(""), rows[0], &hashes[0]), Err(AuditSealError::Altered));
    }

    #[test]
    fn a_rotation_names_the_new_key_and_goes_on_with_the_chain() {
        let (before, after) = fixture::rotation();
        let (before, after) = (AuditSealer::new(&before), AuditSealer::new(&after));
        let first = before.hash(None, b"first");
        let second = after.hash(Some(&first), b"second");
        assert!(first.starts_with("k1:") && second.starts_with("k2:"));
        assert_eq!(first.len(), 3 + 64);
        assert_eq!(after.verify(None, b"first", &first), Ok(()));
        assert_eq!(after.verify(Some(&first), b"second", &second), Ok(()));
        assert_eq!(before.verify(Some(&first), b"second", &second), Err(AuditSealError::UnknownKey("k2".to_owned())));
    }

    #[test]
    fn what_is_not_spelt_as_a_hash_is_malformed() {
        let sealer = AuditSealer::new(&fixture::ring());
        let hash = sealer.hash(None, b"row");
        for text in ["", "k1", "k1:", &hash[..66], &format!("{hash}0"), &hash.replace("k1:", "k1:K"), &hash[3..]] {
            assert_eq!(sealer.verify(None, b"row", text), Err(AuditSealError::Malformed), "{text}");
        }
        let shouted = format!("k1:{}", hash[3..].to_uppercase());
        assert_eq!(sealer.verify(None, b"row", &shouted), Err(AuditSealError::Malformed));
        assert_eq!(AuditSealer::new(&fixture::stranger()).verify(None, b"row", &hash), Err(AuditSealError::Altered));
    }
}
