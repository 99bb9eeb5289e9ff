//! Keys derived from the ring, and HMAC-SHA256 under them. Comparing is in constant time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a key of the ring is used for. Each use has a key of its own, derived with HKDF-SHA256 under its label, so that
/// what is made for one use can never pass for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Jwt,
    Refresh,
    Code,
    Seal,
    BlindIndex,
    Audit,
    Fingerprint,
    Sandbox,
}

impl KeyUse {
    /// The HKDF info label. Changing one makes everything of that use unreadable.
    pub(crate) const fn label(self) -> &'static [u8] {
        match self {
            Self::Jwt => b"domicile/v1/jwt",
            Self::Refresh => b"domicile/v1/refresh",
            Self::Code => b"domicile/v1/code",
            Self::Seal => b"domicile/v1/seal",
            Self::BlindIndex => b"domicile/v1/blind-index",
            Self::Audit => b"domicile/v1/audit",
            Self::Fingerprint => b"domicile/v1/fingerprint",
            Self::Sandbox => b"domicile/v1/sandbox-gateway",
        }
    }
}

/// A 256-bit key for one use. Wiped when dropped.
pub(crate) struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    /// Derives the key of one use from a master secret.
    #[expect(clippy::expect_used, reason = "HKDF-SHA256 refuses only outputs above 8,160 bytes; this one is 32")]
    pub(crate) fn derive(master: &[u8], key_use: KeyUse) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Hkdf::<Sha256>::new(None, master)
            .expand(key_use.label(), key.as_mut_slice())
            .expect("32 bytes are within the limit of HKDF");
        Self(key)
    }

    /// The bytes, for a library that takes its own key type.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// HMAC-SHA256 over the parts, one after another. The caller sees to it that their borders cannot shift.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.feed(parts).finalize().into_bytes().into()
    }

    /// Whether a tag is the one [`Self::sign`] gives, in constant time.
    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.feed(parts).verify_slice(tag).is_ok()
    }

    /// The key with the two blocks that each use begins with already hashed.
    pub(crate) fn expanded(&self) -> ExpandedKey {
        // HMAC pads a short key with zeros to the block length itself; doing it here spares a fallible constructor.
        let mut block = Zeroizing::new([0_u8; 64]);
        for (to, from) in block.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        ExpandedKey(Hmac::<Sha256>::new((&*block).into()))
    }

    fn feed(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let ExpandedKey(mut mac) = self.expanded();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// A key that is used often. Wiped when dropped.
pub(crate) struct ExpandedKey(Hmac<Sha256>);

impl ExpandedKey {
    /// Whether a tag is the one of a message, in constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_hmac_sha256() {
        // Against the library's own path for keys of any length.
        let key = DerivedKey(Zeroizing::new([7; 32]));
        let mut reference = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&[7; 32]).unwrap();
        reference.update(b"abc");
        assert_eq!(key.sign(&[b"a", b"bc"]), <[u8; 32]>::from(reference.finalize().into_bytes()));
    }

    #[test]
    fn every_use_has_a_key_of_its_own() {
        let uses = [
            KeyUse::Jwt,
            KeyUse::Refresh,
            KeyUse::Code,
            KeyUse::Seal,
            KeyUse::BlindIndex,
            KeyUse::Audit,
            KeyUse::Fingerprint,
            KeyUse::Sandbox,
        ];
        let keys: std::collections::HashSet<_> = uses.map(|u| *DerivedKey::derive(&[9; 32], u).bytes()).into();
        assert_eq!(keys.len(), uses.len());
    }

    #[test]
    fn an_altered_tag_does_not_verify() {
        let key = DerivedKey::derive(&[9; 32], KeyUse::Code);
        let mut tag = key.sign(&[b"code"]);
        assert!(key.verify(&[b"code"], &tag));
        assert!(!key.verify(&[b"code"], &tag[..31]));
        tag[31] ^= 1;
        assert!(!key.verify(&[b"code"], &tag));
    }
}
