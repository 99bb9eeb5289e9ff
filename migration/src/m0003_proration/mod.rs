//! Proration: by which rule a hostel prices the days that are no whole month. Hostels that are there keep the one there was;
//! a release that knows of none leaves the column at its default.

use crate::script::Script;

/// One column, alike on both databases. What a stay was priced by (`bookings.price_rule`) is checked by the code that reads it.
pub(crate) const SCRIPT: Script =
    Script { name: "m0003_proration", oldest_binary: 1, tables: include_str!("tables.sql"), postgres: "", sqlite: "" };
