//! The walking house: tenants, people, rooms, stays, and the machinery under every change.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::{
    OLDEST_BINARY,
    policies::{GRANTS, POLICIES, create_policy, protect},
};

/// The tables, in words both databases read; `{…}` are the types whose names differ.
pub(crate) const TABLES: &str = include_str!("tables.sql");
/// What only PostgreSQL has: roles, exclusion constraints.
pub(crate) const POSTGRES: &str = include_str!("postgres.sql");
/// What stands for it on SQLite: triggers.
pub(crate) const SQLITE: &str = include_str!("sqlite.sql");

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
        let db = manager.get_connection();
        let postgres = db.get_database_backend() == DbBackend::Postgres;
        if postgres {
            // A backfill that row security would filter must fail, not quietly do half.
            db.execute_unprepared("SET LOCAL row_security = off").await?;
        }
        for statement in statements(&types(TABLES, postgres)) {
            db.execute_unprepared(&statement).await?;
        }
        let own = if postgres { POSTGRES } else { SQLITE };
        for statement in statements(own) {
            db.execute_unprepared(&statement).await?;
        }
        if postgres {
            for statement in GRANTS.iter().flat_map(protect).chain(POLICIES.iter().map(create_policy)) {
                db.execute_unprepared(&statement).await?;
            }
        }
        if postgres {
            // The mark's own table is under row security now, with a policy that admits its owner.
            db.execute_unprepared("SET LOCAL row_security = on").await?;
        }
        for (migration, oldest) in OLDEST_BINARY.iter().filter(|(name, _)| *name == self.name()) {
            let mark = format!("INSERT INTO schema_marks (migration, oldest_binary) VALUES ('{migration}', {oldest})");
            db.execute_unprepared(&mark).await?;
        }
        Ok(())
    }
}

/// Puts each database's names for the types in.
fn types(text: &str, postgres: bool) -> String {
    let names = [
        ("{uuid}", "UUID", "BLOB"),
        ("{json}", "JSONB", "TEXT"),
        ("{bytes}", "BYTEA", "BLOB"),
        // What lists are sorted by sorts alike on both: by the bytes of its characters, whatever the cluster's locale.
        ("{sorted}", "TEXT COLLATE \"C\"", "TEXT"),
        ("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    ];
    names.iter().fold(text.to_owned(), |text, (name, on_postgres, on_sqlite)| {
        text.replace(name, if postgres { on_postgres } else { on_sqlite })
    })
}

/// Splits a script at `;;`, which no statement or trigger body holds.
fn statements(script: &str) -> Vec<String> {
    let without_comments: Vec<&str> = script.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    without_comments
        .join("\n")
        .split(";;")
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}
