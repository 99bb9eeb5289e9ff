//! How a migration's scripts are run: the same for each of them.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::policies::{GRANTS, POLICIES, create_policy, protect};

/// A migration: its name and its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    /// Under which it is known to databases.
    pub(crate) name: &'static str,
    /// The oldest release that works with the schema it leaves behind.
    pub(crate) oldest_binary: i32,
    /// The tables, in words both databases read; `{…}` are the types whose names differ.
    pub(crate) tables: &'static str,
    /// What only PostgreSQL has.
    pub(crate) postgres: &'static str,
    /// What stands for it on SQLite.
    pub(crate) sqlite: &'static str,
}

impl MigrationName for Script {
    fn name(&self) -> &'static str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Script {
    /// On SQLite too, where it is not the default: a start that is cut off must not leave half a schema behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// Makes the tables, with their policies and grants, and leaves the migration's mark.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let postgres = db.get_database_backend() == DbBackend::Postgres;
        if postgres {
            // A backfill that row security would filter must fail, not quietly do half.
            db.execute_unprepared("SET LOCAL row_security = off").await?;
        }
        for statement in statements(&types(self.tables, postgres)) {
            db.execute_unprepared(&statement).await?;
        }
        for statement in statements(if postgres { self.postgres } else { self.sqlite }) {
            db.execute_unprepared(&statement).await?;
        }
        if postgres {
            let grants = GRANTS.iter().filter(|grant| self.makes(grant.table)).flat_map(protect);
            let policies = POLICIES.iter().filter(|policy| self.makes(policy.table)).map(create_policy);
            for statement in grants.chain(policies) {
                db.execute_unprepared(&statement).await?;
            }
            // The mark's own table is under row security now, with a policy that admits its owner.
            db.execute_unprepared("SET LOCAL row_security = on").await?;
        }
        let (name, oldest) = (self.name, self.oldest_binary);
        let mark = format!("INSERT INTO schema_marks (migration, oldest_binary) VALUES ('{name}', {oldest})");
        db.execute_unprepared(&mark).await?;
        Ok(())
    }
}

impl Script {
    /// Whether a table is one of this migration's.
    fn makes(&self, table: &str) -> bool {
        self.tables.contains(&format!("CREATE TABLE {table} ("))
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

#[cfg(test)]
mod tests {
    use crate::{HISTORY, policies::GRANTS};

    #[test]
    fn each_table_that_is_guarded_is_made_by_one_migration() {
        for grant in GRANTS {
            let made = HISTORY.iter().filter(|script| script.makes(grant.table)).count();
            assert_eq!(made, 1, "{}", grant.table);
        }
    }
}
