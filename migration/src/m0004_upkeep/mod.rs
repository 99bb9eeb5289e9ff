//! Upkeep of payments: what gateways told may be removed once it is over, and never while it waits; and what sweeps and lists
//! look for is found by indexes. A release that knows of none removes nothing.

use sea_orm_migration::prelude::*;

use crate::script::Script;

/// What has to be removed is found by an index; what waits is kept by a trigger, whoever asks.
pub(crate) const SCRIPT: Script = Script {
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_upkeep"
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
