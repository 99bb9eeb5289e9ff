//! Access over SQL: accounts, memberships, sessions, one-time codes, and what is read of them.

mod accounts;
mod challenges;
mod houses;
mod memberships;
mod queries;
mod revocations;
mod sessions;
mod tickets;

use async_trait::async_trait;
use domicile_access::{
    AccessUow, AccessUows,
    ports::{
        AccountRepository, ChallengeRepository, HouseRepository, MembershipRepository, SessionRepository,
        SocketTicketRepository,
    },
};
use domicile_kernel::{AccountId, Call, HostelId, Scope, StoreError};
use uuid::Uuid;

use crate::{database::Database, uow::SqlUow};

impl AccessUow for SqlUow {
    fn accounts(&mut self) -> &mut dyn AccountRepository {
        self
    }

    fn memberships(&mut self) -> &mut dyn MembershipRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn challenges(&mut self) -> &mut dyn ChallengeRepository {
        self
    }

    fn tickets(&mut self) -> &mut dyn SocketTicketRepository {
        self
    }

    fn houses(&mut self) -> &mut dyn HouseRepository {
        self
    }
}

#[async_trait]
impl AccessUows for Database {
    async fn begin(&self, call: &Call) -> Result<Box<dyn AccessUow>, StoreError> {
        Ok(Box::new(SqlUow::begin(self, call).await?))
    }
}

/// Which rows a scope reaches: what PostgreSQL's policies say, said again for SQLite.
#[derive(Clone, Copy)]
struct Reach(Scope);

impl Reach {
    /// Rows that belong to an account.
    fn account(self, id: AccountId) -> bool {
        match self.0 {
            Scope::Hostel(_) => false,
            Scope::Account(own) => own == id,
            Scope::System(_) => true,
        }
    }

    /// Whose rows a statement that names no account may touch: one account's, everybody's (none), or nobody's (the nil id).
    fn only(self) -> Option<Uuid> {
        match self.0 {
            Scope::Hostel(_) => Some(Uuid::nil()),
            Scope::Account(own) => Some(own.uuid()),
            Scope::System(_) => None,
        }
    }

    /// Rows that belong to an account in a hostel.
    fn membership(self, hostel: HostelId, account: AccountId) -> bool {
        match self.0 {
            Scope::Hostel(own) => own == hostel,
            Scope::Account(own) => own == account,
            Scope::System(_) => true,
        }
    }
}

impl SqlUow {
    fn reach(&self) -> Reach {
        Reach(*self.scope())
    }
}

/// A write that the scope does not reach.
fn out_of_reach(what: &str) -> StoreError {
    StoreError::Other(format!("{what} is out of the reach of this scope").into())
}
