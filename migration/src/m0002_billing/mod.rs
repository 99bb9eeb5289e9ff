//! Billing: invoices, payments, refunds, deposits, the ledger, and what gateways tell.

use crate::script::Script;

/// The tables; what is checked at the commit and never changed, by constraint triggers on PostgreSQL, by deferred keys on
/// SQLite.
pub(crate) const SCRIPT: Script = Script {
    name: "m0002_billing",
    oldest_binary: 1,
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};
