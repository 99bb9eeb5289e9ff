//! What a signed-in person does about themselves: profile, password, sessions (J4c, J16). Everything runs in the scope of
//! the person's own account, so somebody else's rows are out of reach.

mod change_password;
mod profile;
mod sessions;
mod socket_ticket;
mod update_profile;

use std::sync::Arc;

use domicile_kernel::{AccountId, Call, Instant, Purpose, Scope, SessionId, StoreError};

pub use change_password::{ChangePassword, ChangePasswordError};
pub use profile::ProfileError;
pub use sessions::{RevokeSessionError, SessionsEndedView, SessionsError};
pub use socket_ticket::SocketTicketView;
pub(super) use socket_ticket::ticket_hash;
pub use update_profile::{UpdateProfile, UpdateProfileError};

use crate::{parts::Parts, ports::AccessUow, queries::HostelMembershipView};
use domicile_kernel::Refusal;

/// One's own account.
#[derive(Clone)]
pub struct OwnAccount {
    parts: Arc<Parts>,
}

impl OwnAccount {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    fn now(&self) -> Instant {
        self.parts.ambient.now()
    }

    /// Who calls, and through which session.
    fn caller(call: &Call) -> Result<(AccountId, SessionId), Refusal> {
        call.actor.account().zip(call.actor.session()).ok_or(Refusal::NotSignedIn)
    }

    /// Opens a unit of work over the caller's own rows.
    async fn begin(&self, call: &Call, account: AccountId) -> Result<Box<dyn AccessUow>, StoreError> {
        self.parts.uows.begin(&call.within(Scope::Account(account))).await
    }

    /// The caller's memberships with the hostels' names, which lie outside the scope of an account.
    async fn memberships(&self, call: &Call, account: AccountId) -> Result<Vec<HostelMembershipView>, StoreError> {
        self.parts.queries.memberships(&call.within(Scope::System(Purpose::Lobby)), account).await
    }
}
