//! The walking house: tenants, people, rooms, stays, and the machinery under every change.

use crate::script::Script;

/// The tables; roles and exclusion constraints on PostgreSQL, triggers in their place on SQLite.
pub(crate) const SCRIPT: Script = Script {
    name: "m0001_house",
    oldest_binary: 1,
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};
