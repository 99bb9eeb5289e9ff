//! Letting a request in: who it is, by their token; whether they may stand in the hostel they named; what is switched on
//! there (W6, J1). The session is read each time, so an ended one is refused at once.

use std::sync::Arc;

use domicile_kernel::{Actor, Fault, Flags, HostelId, Refusal, Role, StoreError, Who, faults};

use crate::{
    crypto::TokenError,
    model::{AccountStatus, MembershipStatus},
    parts::Parts,
    ports::{HouseStanding, Standing},
};

/// Whether an operation takes place in a hostel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostelRequirement {
    /// In none: what the header says does not matter.
    NotNeeded,
    /// In the one that was named, if one was.
    Optional(Option<HostelId>),
    /// In the one that was named; it is a refusal when none was.
    Required(Option<HostelId>),
}

/// Somebody is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Who.
    pub actor: Actor,
    /// Where, if the operation takes place in a hostel.
    pub hostel: Option<HostelId>,
    /// What is switched on there; everything outside a hostel.
    pub flags: Flags,
    /// Whether a super_admin came in who is no member there: to be audited.
    pub entered_as_super_admin: bool,
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// No token, no hostel, or not a member there. Unknown hostels, pending and deactivated members get the same answer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Not a token of ours.
    #[error("The access token is not valid. Sign in again.")]
    InvalidToken,
    /// Its time is over.
    #[error("The access token has expired. Refresh it or sign in again.")]
    Expired,
    /// Its session was ended.
    #[error("Token has been revoked")]
    Revoked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(
    AdmissionError: through Refused, Store;
    Self::InvalidToken => InvalidToken,
    Self::Expired => TokenExpired,
    Self::Revoked => TokenRevoked
);

/// Lets requests in.
#[derive(Clone)]
pub struct Admissions {
    parts: Arc<Parts>,
}

impl Admissions {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// Admits the bearer of an access token (the token alone, without the word `Bearer`). One read of the store.
    pub async fn admit(&self, bearer: Option<&str>, hostel: HostelRequirement) -> Result<Admission, AdmissionError> {
        let token = bearer.filter(|token| !token.is_empty()).ok_or(Refusal::NotSignedIn)?;
        let now = self.parts.ambient.now();
        let claims = self.parts.access_tokens.read(token, now).map_err(|error| match error {
            TokenError::Invalid => AdmissionError::InvalidToken,
            TokenError::Expired => AdmissionError::Expired,
        })?;
        let asked = match hostel {
            HostelRequirement::NotNeeded => None,
            HostelRequirement::Optional(hostel) | HostelRequirement::Required(hostel) => hostel,
        };
        let standing = self.parts.queries.standing(claims.session, asked).await?.ok_or(AdmissionError::Revoked)?;
        if standing.account != claims.account {
            return Err(AdmissionError::InvalidToken);
        }
        if standing.revoked || now >= standing.expires_at || standing.account_status != AccountStatus::Active {
            return Err(AdmissionError::Revoked);
        }
        if hostel == HostelRequirement::Required(None) {
            return Err(Refusal::NoHostel.into());
        }
        let (role, flags, is_member) = match asked {
            None => (standing.super_admin.then_some(Role::SuperAdmin), Flags::all(), true),
            Some(_) => {
                let (role, house, is_member) = place(&standing).ok_or(Refusal::NotAMember)?;
                (Some(role), house.flags, is_member)
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the token, the session and the membership were checked above")]
        let actor = Actor::vouched_for(Who::Account { id: claims.account, session: claims.session, role });
        Ok(Admission { actor, hostel: asked, flags, entered_as_super_admin: !is_member })
    }
}

/// What somebody is in the hostel they named, and whether they are a member there; nothing when they may not enter.
fn place(standing: &Standing) -> Option<(Role, HouseStanding, bool)> {
    let house = standing.house?;
    let membership = house.membership.filter(|(_, status)| *status == MembershipStatus::Active);
    if standing.super_admin {
        return Some((Role::SuperAdmin, house, membership.is_some()));
    }
    let (role, _) = membership.filter(|_| house.active)?;
    Some((role, house, true))
}

impl AdmissionError {
    /// Whether the caller should be told how to authenticate (`WWW-Authenticate`).
    #[must_use]
    pub fn asks_for_token(&self) -> bool {
        self.kind() == domicile_kernel::fault::Kind::Unauthenticated
    }
}
