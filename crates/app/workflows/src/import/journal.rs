//! What a replay has done so far. An entry is written after the use case has committed, so the journal is at most one step
//! behind the database; that step is found again by looking (see `replay`).

use std::io;

use domicile_booking::model::BookingId;
use serde::{Deserialize, Serialize};

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
pub enum Deed {
    /// A bed is booked, and agreed to.
    Booked {
        /// The booking.
        booking: BookingId,
    },
    /// Given up.
    Cancelled,
    /// Given up because the guest never came.
    NoShow,
    /// Moved in.
    CheckedIn,
    /// Moved out.
    CheckedOut,
    /// The rules did not let it be booked; nothing more happens to the row.
    Refused {
        /// `zero_nights`, or the code of the refusal.
        reason: String,
    },
    /// It was booked, but the rules did not let this step happen.
    Stuck {
        /// Which step.
        step: String,
        /// The code of the refusal.
        reason: String,
    },
}

/// An event that was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the schedule, from 0.
    pub event: usize,
    /// The row of the file.
    pub row: usize,
    /// What came of it.
    #[serde(flatten)]
    pub deed: Deed,
}

/// Where entries are kept.
pub trait Journal: Send {
    /// What was done before, in the order of the schedule.
    fn entries(&self) -> &[Entry];

    /// Keeps one more. When it returns, the entry survives the end of the process.
    fn append(&mut self, entry: Entry) -> io::Result<()>;
}

/// Only in memory, for tests and embedders.
impl Journal for Vec<Entry> {
    fn entries(&self) -> &[Entry] {
        self
    }

    fn append(&mut self, entry: Entry) -> io::Result<()> {
        self.push(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_that_is_read_back() {
        let booking = BookingId::new(uuid::Uuid::from_u128(7));
        for deed in [Deed::Booked { booking }, Deed::NoShow, Deed::Refused { reason: "zero_nights".to_owned() }] {
            let entry = Entry { event: 3, row: 5, deed };
            let line = serde_json::to_string(&entry).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
        }
    }
}
