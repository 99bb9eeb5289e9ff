//! The walking house: tenants, people, rooms, stays, and the machinery under every change.

use sea_orm_migration::prelude::*;

use crate::script::Script;

/// The tables; roles and exclusion constraints on PostgreSQL, triggers in their place on SQLite.
pub(crate) const SCRIPT: Script = Script {
    tables: include_str!("tables.sql"),
    postgres: include_str!("postgres.sql"),
    sqlite: include_str!("sqlite.sql"),
};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_house"
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
