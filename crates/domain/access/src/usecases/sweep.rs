//! Removing what is past its time: codes, and sessions that ended long ago.

use std::sync::Arc;

use domicile_kernel::{Call, Outcome, Permission, Purpose, Refusal, Scope, StoreError, faults};
use serde::{Deserialize, Serialize};

use crate::parts::Parts;

/// How much was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Codes.
    pub challenges: u64,
    /// Sessions.
    pub sessions: u64,
    /// Tickets for sockets.
    #[serde(default)]
    pub tickets: u64,
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Not for the caller.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(SweepError: through Refused, Store);

/// Removes what is past its time.
#[derive(Clone)]
pub struct Sweeper {
    parts: Arc<Parts>,
}

impl Sweeper {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// Removes expired codes and tickets, and sessions that ended longer ago than the configuration keeps them. For the system only.
    pub async fn sweep(&self, call: &Call) -> Result<Purged, SweepError> {
        call.require(Permission::HostelsManage)?;
        let now = self.parts.ambient.now();
        let mut uow = self.parts.uows.begin(&call.within(Scope::System(Purpose::Sweep))).await?;
        let challenges = uow.challenges().purge_before(now).await?;
        let sessions = uow.sessions().purge_before(now.minus(self.parts.config.dead_session_ttl)).await?;
        let tickets = uow.tickets().purge_before(now).await?;
        let purged = Purged { challenges, sessions, tickets };
        uow.commit(Outcome::of(&purged)).await?;
        Ok(purged)
    }
}
