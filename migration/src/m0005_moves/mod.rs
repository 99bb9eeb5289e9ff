//! Moves: the prices of the nights that a guest slept before moving to a room of another price. Stays of which nobody moved
//! have none; what was moved before is priced as it was.

use sea_orm_migration::prelude::*;

use crate::script::Script;

/// One column, alike on both databases, checked by the code that reads it.
pub(crate) const SCRIPT: Script = Script { tables: include_str!("tables.sql"), postgres: "", sqlite: "" };

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_moves"
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
