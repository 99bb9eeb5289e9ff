//! The answer to a change that was made upon an older version of a record (W7).

use domicile_kernel::{Code, Detail, Fault};
use serde::Serialize;
use serde_json::Value;

/// Somebody else changed the record in between. Carries it as it is now, as the caller may see it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("This record has been modified by another user")]
pub struct Stale {
    /// The version in the store.
    pub current: i64,
    /// The version the caller saw.
    pub yours: i64,
    /// The record's view now.
    pub latest: Value,
}

impl Stale {
    /// Refuses when the caller saw another version. Asked after the state was judged, never before.
    pub fn check<View: Serialize>(current: i64, yours: i64, latest: impl FnOnce() -> View) -> Result<(), Self> {
        if current == yours { Ok(()) } else { Err(Self::new(current, yours, &latest())) }
    }

    pub(crate) fn new<View: Serialize>(current: i64, yours: i64, latest: &View) -> Self {
        Self { current, yours, latest: serde_json::to_value(latest).unwrap_or(Value::Null) }
    }
}

impl Fault for Stale {
    fn code(&self) -> Code {
        Code::VersionConflict
    }

    fn detail(&self) -> Detail {
        Detail::Version { current: self.current, yours: self.yours, latest: self.latest.clone() }
    }
}
