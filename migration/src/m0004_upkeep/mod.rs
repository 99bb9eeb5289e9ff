//! Upkeep of payments: what gateways told may be removed once it is over, and never while it waits; and what sweeps and lists
//! look for is found by indexes. A release that knows of none removes nothing.

use crate::script::Script;

/// What has to be removed is found by an index; what waits is kept by a trigger, whoever asks.
pub(crate) const SCRIPT: Script = Script {
    name: "m0004_upkeep",
    oldest_binary: 1,
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};
