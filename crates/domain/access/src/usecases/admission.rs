//! Letting a request in: who it is, by their token; whether they may stand in the hostel they named; what is switched on
//! there (W6, J1). What the store said of a session is remembered for a moment (J10), and forgotten when the session, the
//! account or the hostel changes, so an ended session is refused at once.

use std::sync::Arc;

use domicile_kernel::{
    AccountId, Actor, Call, Fault, Flags, HostelId, Instant, Outcome, Purpose, Refusal, RequestId, Role, Scope,
    SessionId, StoreError, Who, faults,
};

use crate::{
    crypto::{AccessClaims, TokenError},
    model::{AccountStatus, MembershipStatus},
    parts::Parts,
    ports::{HouseStanding, Standing},
    usecases::own::ticket_hash,
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
    /// Until when this holds: the end of the access token, or of the session if that comes first. A later refresh of the
    /// session does not move it.
    pub expires_at: Instant,
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
    /// No ticket of ours, used before, or too old.
    #[error("The ticket is not valid any more. Ask for a new one.")]
    InvalidTicket,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(
    AdmissionError: through Refused, Store;
    Self::InvalidToken => InvalidToken,
    Self::Expired => TokenExpired,
    Self::Revoked => TokenRevoked,
    Self::InvalidTicket => InvalidToken
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

    /// Admits the bearer of an access token (the token alone, without the word `Bearer`). At most one read of the store; none
    /// while the standing is remembered.
    pub async fn admit(&self, bearer: Option<&str>, hostel: HostelRequirement) -> Result<Admission, AdmissionError> {
        let claims = self.claims(bearer)?;
        if let Some(admission) = self.remembered(&claims, hostel) {
            return Ok(admission);
        }
        let standing = self.ask(claims.session, hostel.named()).await?;
        judge(&standing, &claims, hostel, self.parts.ambient.now())
    }

    /// Admits from memory, without waiting for anything: the same answer as [`admit`](Self::admit), or nothing when the store
    /// must be asked. A token that does not count is refused here as well.
    #[must_use]
    pub fn recall(&self, bearer: Option<&str>, hostel: HostelRequirement) -> Option<Result<Admission, AdmissionError>> {
        match self.claims(bearer) {
            Ok(claims) => self.remembered(&claims, hostel).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Admits a session once more, without its token: for who is connected already. The store is asked each time. What is
    /// admitted ends with the session.
    pub async fn readmit(
        &self,
        session: SessionId,
        account: AccountId,
        hostel: HostelId,
    ) -> Result<Admission, AdmissionError> {
        let standing = self.ask(session, Some(hostel)).await?;
        let claims = Claims { account, session, expires_at: standing.expires_at };
        judge(&standing, &claims, HostelRequirement::Required(Some(hostel)), self.parts.ambient.now())
    }

    /// Admits the holder of a ticket from [`OwnAccount::socket_ticket`](crate::OwnAccount::socket_ticket) to a hostel, once:
    /// of two who redeem it, one comes in. It is used up even when its holder may not enter. What is admitted ends
    /// when an access token issued now would.
    pub async fn redeem(&self, ticket: &str, hostel: HostelId) -> Result<Admission, AdmissionError> {
        let hash = ticket_hash(&self.parts, ticket).ok_or(AdmissionError::InvalidTicket)?;
        #[expect(clippy::disallowed_methods, reason = "nobody is who they are before they were admitted")]
        let actor = Actor::vouched_for(Who::System(Purpose::SignIn));
        let request = RequestId::from_uuid(self.parts.ambient.ids.uuid());
        let call = Call::new(actor, Scope::System(Purpose::SignIn), request);
        let now = self.parts.ambient.now();
        let mut uow = self.parts.uows.begin(&call).await?;
        let Some(ticket) = uow.tickets().take(&hash, now).await? else {
            uow.rollback().await?;
            return Err(AdmissionError::InvalidTicket);
        };
        uow.commit(Outcome::done()).await?;
        let admission = self.readmit(ticket.session_id, ticket.account_id, hostel).await?;
        let expires_at = admission.expires_at.min(now.plus(self.parts.config.access_ttl));
        Ok(Admission { expires_at, ..admission })
    }

    fn claims(&self, bearer: Option<&str>) -> Result<Claims, AdmissionError> {
        let token = bearer.filter(|token| !token.is_empty()).ok_or(Refusal::NotSignedIn)?;
        match self.parts.access_tokens.read(token, self.parts.ambient.now()) {
            Ok(AccessClaims { account, session, expires_at, .. }) => Ok(Claims { account, session, expires_at }),
            Err(TokenError::Invalid) => Err(AdmissionError::InvalidToken),
            Err(TokenError::Expired) => Err(AdmissionError::Expired),
        }
    }

    /// What memory says, if it lets in. What it would refuse may have changed for the better, by a refresh or a new
    /// membership, and is for the store to say.
    fn remembered(&self, claims: &Claims, hostel: HostelRequirement) -> Option<Admission> {
        let standing = self.parts.standings.recall(claims.session, hostel.named())?;
        judge(&standing, claims, hostel, self.parts.ambient.now()).ok()
    }

    /// What the store says; remembered, unless something was forgotten while it was asked.
    async fn ask(&self, session: SessionId, hostel: Option<HostelId>) -> Result<Standing, AdmissionError> {
        let moment = self.parts.standings.moment();
        let standing = self.parts.queries.standing(session, hostel).await?.ok_or(AdmissionError::Revoked)?;
        self.parts.standings.keep(moment, session, hostel, &standing);
        Ok(standing)
    }
}

/// What was shown at the door.
struct Claims {
    account: AccountId,
    session: SessionId,
    expires_at: Instant,
}

impl HostelRequirement {
    /// The hostel that was named and matters.
    const fn named(self) -> Option<HostelId> {
        match self {
            Self::NotNeeded => None,
            Self::Optional(hostel) | Self::Required(hostel) => hostel,
        }
    }
}

/// Whether somebody may come in, and as whom.
fn judge(
    standing: &Standing,
    claims: &Claims,
    hostel: HostelRequirement,
    now: Instant,
) -> Result<Admission, AdmissionError> {
    if standing.account != claims.account {
        return Err(AdmissionError::InvalidToken);
    }
    if standing.revoked || now >= standing.expires_at || standing.account_status != AccountStatus::Active {
        return Err(AdmissionError::Revoked);
    }
    if hostel == HostelRequirement::Required(None) {
        return Err(Refusal::NoHostel.into());
    }
    let asked = hostel.named();
    let (role, flags, is_member) = match asked {
        None => (standing.super_admin.then_some(Role::SuperAdmin), Flags::all(), true),
        Some(_) => {
            let (role, house, is_member) = place(standing).ok_or(Refusal::NotAMember)?;
            (Some(role), house.flags, is_member)
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the token, the session and the membership were checked above")]
    let actor = Actor::vouched_for(Who::Account { id: claims.account, session: claims.session, role });
    let expires_at = claims.expires_at.min(standing.expires_at);
    Ok(Admission { actor, hostel: asked, flags, entered_as_super_admin: !is_member, expires_at })
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
