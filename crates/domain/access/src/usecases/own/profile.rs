//! Reading one's own profile (J16).

use domicile_kernel::{Call, Refusal, Scope, StoreError, faults};

use super::OwnAccount;
use crate::{queries::ProfileView, refusals::Missing};

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Nobody is signed in.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The account is gone.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ProfileError: through Refused, Missing, Store);

impl OwnAccount {
    /// The caller's profile, with what they may do in the hostel of the call. Needs no hostel.
    pub async fn profile(&self, call: &Call) -> Result<ProfileView, ProfileError> {
        let id = call.account()?;
        let account = self.parts.queries.account(&call.within(Scope::Account(id)), id).await?;
        let account = account.ok_or(Missing("Account"))?;
        let memberships = self.memberships(call, id).await?;
        Ok(ProfileView::of(&account, memberships, call.actor.role()))
    }
}
