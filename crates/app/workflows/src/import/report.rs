//! What came of a replay.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    file::{BookingFile, Malformed},
    journal::{Deed, Entry},
};

/// The sums of a replay. The same file in the same kind of house gives the same report, whatever the database and however
/// often it was interrupted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How many rows the file has.
    pub rows: usize,
    /// How many got a bed.
    pub booked: usize,
    /// How many of these were given up.
    pub cancelled: usize,
    /// How many of these were given up because the guest never came.
    pub no_show: usize,
    /// How many of these were slept in to the end.
    pub checked_out: usize,
    /// How many got no bed, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Which steps after the booking the rules did not let happen, by step and reason.
    pub stuck: BTreeMap<String, usize>,
    /// The rows that could not be read.
    pub malformed: Vec<Malformed>,
}

impl Report {
    /// The sums of a whole journal.
    #[must_use]
    pub fn of(file: &BookingFile, entries: &[Entry]) -> Self {
        let mut report = Self { rows: file.rows(), malformed: file.malformed.clone(), ..Self::default() };
        for entry in entries {
            match &entry.deed {
                Deed::Booked { .. } => report.booked += 1,
                Deed::Cancelled => report.cancelled += 1,
                Deed::NoShow => report.no_show += 1,
                Deed::CheckedIn => {}
                Deed::CheckedOut => report.checked_out += 1,
                Deed::Refused { reason } => *report.refused.entry(reason.clone()).or_default() += 1,
                Deed::Stuck { step, reason } => *report.stuck.entry(format!("{step}: {reason}")).or_default() += 1,
            }
        }
        report
    }
}

/// A table for the terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, count: usize| writeln!(f, "{what:<36} {count:>8}");
        line("rows", self.rows)?;
        line("booked", self.booked)?;
        line("  cancelled", self.cancelled)?;
        line("  no-show", self.no_show)?;
        line("  checked out", self.checked_out)?;
        for (what, count) in &self.stuck {
            line(&format!("  not done, {what}"), *count)?;
        }
        for (reason, count) in &self.refused {
            line(&format!("refused, {reason}"), *count)?;
        }
        line("malformed", self.malformed.len())?;
        for bad in &self.malformed {
            writeln!(f, "  row {}: {}", bad.row, bad.problem)?;
        }
        Ok(())
    }
}
