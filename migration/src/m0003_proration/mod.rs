//! Proration: by which rule a hostel prices the days that are no whole month. Hostels that are there keep the one there was;
//! a release that knows of none leaves the column at its default.

use sea_orm_migration::prelude::*;

use crate::script::Script;

/// One column, alike on both databases. What a stay was priced by (`bookings.price_rule`) is checked by the code that reads it.
pub(crate) const SCRIPT: Script = Script { tables: include_str!("tables.sql"), postgres: "", sqlite: "" };

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_proration"
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
