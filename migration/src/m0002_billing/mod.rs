//! Billing: invoices, payments, refunds, deposits, the ledger, and what gateways tell.

use sea_orm_migration::prelude::*;

use crate::script::Script;

/// The tables; what is checked at the commit and never changed, by constraint triggers on PostgreSQL, by deferred keys on
/// SQLite.
pub(crate) const SCRIPT: Script = Script {
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_billing"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// On SQLite too, where it is not the default: a start that is cut off must not leave half a schema behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        SCRIPT.run(self.name(), manager).await
    }
}
