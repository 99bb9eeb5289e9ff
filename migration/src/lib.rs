//! The schema's one history, for PostgreSQL and SQLite alike.
//!
//! Each migration says which release of the binary is the oldest that can still work with it (`oldest_binary`), so that
//! during a rollout the release before keeps running: expand first, contract a release later. A start is refused only when
//! the database carries a mark above the binary's own [`RELEASE`].
//!
//! Must never know: a domain rule. What stands here are tables, keys, constraints, policies and grants.

use sea_orm_migration::prelude::*;

mod m0001_house;
mod m0002_billing;
mod m0003_proration;
mod m0004_upkeep;
mod m0005_moves;
pub mod policies;
mod script;

/// This binary's release number. Raised by one with each published release.
pub const RELEASE: i32 = 1;

/// Every migration, in order.
const HISTORY: &[script::Script] =
    &[m0001_house::SCRIPT, m0002_billing::SCRIPT, m0003_proration::SCRIPT, m0004_upkeep::SCRIPT, m0005_moves::SCRIPT];

/// How many migrations there are.
pub const MIGRATIONS: usize = HISTORY.len();

/// Runs the history.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        HISTORY.iter().map(|script| Box::new(*script) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name() -> DynIden {
        "schema_migrations".into_iden()
    }
}

/// A fingerprint of the history's text: test databases cloned from a template are named by it.
#[must_use]
pub fn fingerprint() -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let texts = HISTORY.iter().flat_map(|script| [script.tables, script.postgres, script.sqlite]);
    let policies = policies::POLICIES.iter().flat_map(|policy| [policy.table, policy.name, policy.role, policy.rule]);
    let grants = policies::GRANTS.iter().flat_map(|grant| [grant.table, grant.app, grant.system]);
    for byte in texts.chain(policies).chain(grants).flat_map(str::bytes) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}
