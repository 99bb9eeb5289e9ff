//! Cursors on the wire: opaque to clients, and bound to the order they were made in. One that was made up is refused
//! here, so that no database ever sees it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domicile_kernel::{Cursor, HostelDay};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// What the values of a sort field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Text.
    Text,
    /// A whole number; instants are microseconds.
    Whole,
    /// A day.
    Day,
}

impl KeyKind {
    fn accepts(self, key: &str) -> bool {
        match self {
            Self::Text => !key.contains('\0'),
            // A field that may be absent sorts under the empty key.
            Self::Whole => key.is_empty() || key.parse::<i64>().is_ok(),
            Self::Day => key.is_empty() || key.parse::<HostelDay>().is_ok(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    sort: String,
    descending: bool,
    #[serde(flatten)]
    cursor: Cursor,
}

/// The cursor as a client keeps it.
pub(crate) fn write(cursor: &Cursor, sort: &str, descending: bool) -> String {
    let wire = Wire { sort: sort.to_owned(), descending, cursor: cursor.clone() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
}

/// The cursor a client sent back.
pub(crate) fn read(text: &str, sort: &str, descending: bool, key: KeyKind) -> Result<Cursor, ApiError> {
    let wire: Option<Wire> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match wire {
        Some(wire) if wire.sort == sort && wire.descending == descending && key.accepts(&wire.cursor.key) => {
            Ok(wire.cursor)
        }
        _ => Err(ApiError::invalid_input(
            "The cursor does not belong to this list. Send the next_cursor of the page before, with the same sort.",
        )),
    }
}
