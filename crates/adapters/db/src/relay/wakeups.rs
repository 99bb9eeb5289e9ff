//! Wake-ups between nodes: one notification a relay batch, and a connection that listens for those of others.

use domicile_kernel::StoreError;
use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, postgres::PgListener},
};

use crate::{
    database::{Database, Pools},
    dialect::store_error,
};

const CHANNEL: &str = "domicile_events";
const NOTIFY: &str = "NOTIFY domicile_events";

fn failed(error: sqlx::Error) -> StoreError {
    store_error(DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

/// The wake-ups that other nodes' relays send. One may be lost, with the connection it should have come by; whoever waits for
/// them polls besides.
pub struct Wakeups(PgListener);

impl std::fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wakeups").finish_non_exhaustive()
    }
}

impl Wakeups {
    /// Waits for the next one. After an error nothing more comes by this connection.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        match self.0.try_recv().await.map_err(failed)? {
            Some(_notification) => Ok(()),
            None => Err(StoreError::Transient("the connection for wake-ups was lost".into())),
        }
    }
}

impl Database {
    /// Wakes the followers of other nodes. To be called after a relay batch's commit and never inside a business
    /// transaction, where it would halve the commits. Nothing on SQLite, which has no other nodes.
    pub async fn notify_followers(&self) -> Result<(), StoreError> {
        if let Pools::Postgres { system, .. } = &self.pools {
            sqlx::query(NOTIFY).execute(system).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Begins to hear other nodes' wake-ups, over a connection of its own; none on SQLite, which has no other nodes.
    pub async fn wakeups(&self) -> Result<Option<Wakeups>, StoreError> {
        let Pools::Postgres { system, .. } = &self.pools else { return Ok(None) };
        let mut listener = PgListener::connect_with(system).await.map_err(failed)?;
        // Not in secret, as is the default: what was sent meanwhile is lost, and only the caller can go and look.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(failed)?;
        Ok(Some(Wakeups(listener)))
    }
}
