//! Encrypted columns. A personal value is ciphertext from the moment it leaves the process, bound to its hostel, table,
//! column and row, so that a ciphertext moved elsewhere does not open (J14).

use domicile_kernel::StoreError;
use uuid::Uuid;

use crate::dialect::corrupt;

/// A ciphertext that does not open here: altered, moved, or sealed with a key that this node does not have.
#[derive(Debug, thiserror::Error)]
#[error("a sealed value does not open: wrong key, wrong place or altered")]
pub struct SealBroken;

/// Seals and opens values, and makes blind indexes. The real one holds the key ring.
pub trait FieldCipher: Send + Sync {
    /// Encrypts with the newest key, binding the place.
    fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8>;

    /// Decrypts with whichever key of the ring sealed it.
    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken>;

    /// A keyed hash of a normalised value, equal for equal values, for lookup and uniqueness.
    fn blind_index(&self, column: &str, value: &str) -> [u8; 32];
}

/// Where a sealed value lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) hostel: Option<Uuid>,
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) row: Uuid,
}

impl Place {
    fn bytes(&self) -> Vec<u8> {
        let hostel = self.hostel.unwrap_or_else(Uuid::nil);
        format!("{hostel}|{}|{}|{}", self.table, self.column, self.row).into_bytes()
    }

    /// Encrypts a text for this place.
    pub(crate) fn seal(&self, cipher: &dyn FieldCipher, text: Option<&str>) -> Option<Vec<u8>> {
        text.map(|text| self.seal_bytes(cipher, text.as_bytes()))
    }

    /// Encrypts bytes for this place.
    pub(crate) fn seal_bytes(&self, cipher: &dyn FieldCipher, plain: &[u8]) -> Vec<u8> {
        cipher.seal(&self.bytes(), plain)
    }

    /// Decrypts bytes that were sealed for this place.
    pub(crate) fn open_bytes(&self, cipher: &dyn FieldCipher, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        cipher.open(&self.bytes(), sealed).map_err(|error| StoreError::Corrupt(error.into()))
    }

    /// Decrypts what was sealed for this place.
    pub(crate) fn open(&self, cipher: &dyn FieldCipher, sealed: Option<&[u8]>) -> Result<Option<String>, StoreError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.open_bytes(cipher, sealed)?;
        String::from_utf8(plain).map(Some).map_err(|_not_text| corrupt(self.column))
    }
}
