//! A gateway's secret key, and HMAC-SHA512 under it: what proves that a notice comes from the gateway.
//!
//! The key never shows in `Debug`, in an error or in a log line.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;
use zeroize::Zeroizing;

/// How long a signature is as text: 64 bytes, two digits each.
const SIGNATURE_CHARS: usize = 128;

/// A secret key. Wiped when dropped.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

/// Why a text is no secret key. Says nothing of the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a gateway's secret key is 16 to 256 visible ASCII characters without blanks")]
pub struct SecretKeyError;

impl SecretKey {
    /// Takes a key. What could not stand in a header is refused, and so is what is too short to be a secret.
    pub fn new(text: impl Into<String>) -> Result<Self, SecretKeyError> {
        let text = Zeroizing::new(text.into());
        let sane = (16..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if sane { Ok(Self(text)) } else { Err(SecretKeyError) }
    }

    /// The key as text, for the header that shows it to its gateway and for nothing else.
    #[cfg(feature = "paystack")]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a text gives the key away.
    #[cfg(feature = "paystack")]
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.contains(self.0.as_str())
    }

    /// HMAC-SHA512 over the raw body, as 128 lower-case hexadecimal digits.
    pub fn sign(&self, raw: &[u8]) -> String {
        hex::encode(self.mac(raw).finalize().into_bytes())
    }

    /// Whether the signature is the raw body's: 128 lower-case hexadecimal digits, and the right ones. Takes the same time
    /// wherever the two differ, and hashes the body whatever the signature looks like.
    pub fn verify(&self, raw: &[u8], signature: Option<&str>) -> bool {
        let signature = signature.unwrap_or_default().as_bytes();
        let is_lower_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let mut tag = [0_u8; SIGNATURE_CHARS / 2];
        let well_formed = signature.len() == SIGNATURE_CHARS
            && signature.iter().all(is_lower_hex)
            && hex::decode_to_slice(signature, &mut tag).is_ok();
        let fits = self.mac(raw).verify_slice(&tag).is_ok();
        fits && well_formed
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, raw: &[u8]) -> Hmac<Sha512> {
        let mut mac = Hmac::<Sha512>::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(raw);
        mac
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_hmac_sha512_of_rfc_4231() {
        // Test case 2 has a key too short to be a secret here, so the fields are filled past the constructor.
        let key = SecretKey(Zeroizing::new("Jefe".to_owned()));
        assert_eq!(
            key.sign(b"what do ya want for nothing?"),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn a_key_is_visible_text_of_a_sane_length() {
        assert!(SecretKey::new("sk_test_0123456789").is_ok());
        for bad in ["", "short", "sk_test_0123456 789", "sk_test_0123456789\n", "sk_test_ñññññññññññ", &"x".repeat(257)]
        {
            assert!(SecretKey::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_key_does_not_show() {
        let key = SecretKey::new("sk_test_0123456789").unwrap();
        assert_eq!(format!("{key:?}"), "SecretKey(…)");
    }
}
