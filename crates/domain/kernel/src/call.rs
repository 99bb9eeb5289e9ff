//! What every use case is handed first: who calls, in whose name, with which features on, and how the request is known.

use std::{fmt, net::IpAddr};

use crate::{
    actor::Actor,
    fault::{Code, Detail, Fault},
    feature::{Feature, Flags},
    id::{AccountId, HostelId},
    job::JobTicket,
    permission::Permission,
};

/// Why the system acts without a tenant or an account. A closed list: each has its own narrow grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Moving committed events from the outbox to the log, and sealing audit rows.
    Relay,
    /// Registering, signing in, codes, sessions: everything before there is an account to be.
    SignIn,
    /// Reading which houses exist and who may enter them.
    Lobby,
    /// Making or changing people of a hostel, where an account and a membership change together.
    Enrolment,
    /// Removing what is past its time: codes, idempotency keys, sessions, old events.
    Sweep,
    /// Taking due jobs.
    Jobs,
    /// Making hostels, and the first super_admin.
    Installation,
    /// Writing down who is online.
    Presence,
    /// Keeping what payment gateways tell before it is known whom it concerns, and finding payments left unfinished.
    Payments,
}

impl Purpose {
    /// The name in logs and audit rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::SignIn => "sign_in",
            Self::Lobby => "lobby",
            Self::Enrolment => "enrolment",
            Self::Sweep => "sweep",
            Self::Jobs => "jobs",
            Self::Installation => "installation",
            Self::Presence => "presence",
            Self::Payments => "payments",
        }
    }
}

/// Whose rows a unit of work may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One tenant's.
    Hostel(HostelId),
    /// One person's own, across tenants.
    Account(AccountId),
    /// The installation's, for a named purpose.
    System(Purpose),
}

impl Scope {
    /// The tenant, if the scope is one.
    #[must_use]
    pub const fn hostel(&self) -> Option<HostelId> {
        match self {
            Self::Hostel(id) => Some(*id),
            _ => None,
        }
    }
}

/// How one request is known in answers, logs, spans and audit rows (W10).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Takes an id that came in if it is sane: 1 to 128 of letters, digits and `-_.:`.
    #[must_use]
    pub fn accept(text: &str) -> Option<Self> {
        let sane = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        sane.then(|| Self(text.to_owned()))
    }

    /// One of ours, from a fresh UUID: `req_` and 32 hexadecimal digits.
    #[must_use]
    pub fn from_uuid(value: uuid::Uuid) -> Self {
        Self(format!("req_{}", value.simple()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client's promise that a repeated request is the same one (W9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// 1 to 255 visible ASCII characters, as the client chose them.
    pub key: String,
    /// SHA-256 over method, canonical path and canonical body: the same key with another one is refused.
    pub fingerprint: [u8; 32],
}

/// What a use case is handed first.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub actor: Actor,
    /// Whose rows may be touched.
    pub scope: Scope,
    /// The tenant the caller stands in, also while a use case works in another scope: what events, audit rows and jobs
    /// are filed under. Equal to the scope's when the scope is a hostel.
    pub hostel: Option<HostelId>,
    /// Which features are on in that hostel.
    pub flags: Flags,
    /// How the request is known.
    pub request_id: RequestId,
    /// W3C `traceparent`, if the caller sent one.
    pub trace: Option<String>,
    /// Where the call came from, as far as it can be trusted.
    pub ip: Option<IpAddr>,
    /// Set when the client sent an idempotency key.
    pub idempotency: Option<IdempotencyKey>,
    /// Whether this is a later step of a command whose first unit of work was committed under the key already: the unit of
    /// work then makes no promise and replays nothing, and its commit puts its outcome in the place of the one kept before
    /// (W9, for effects outside the database). When the key is not kept any more, nothing is put anywhere.
    pub completing: bool,
    /// Set when the call does a job: the unit of work's commit completes it.
    pub job: Option<JobTicket>,
}

impl Call {
    /// A call with no more than who, where and how it is known: everything on, no key, no job.
    #[must_use]
    pub fn new(actor: Actor, scope: Scope, request_id: RequestId) -> Self {
        let hostel = scope.hostel();
        Self {
            actor,
            scope,
            hostel,
            flags: Flags::all(),
            request_id,
            trace: None,
            ip: None,
            idempotency: None,
            completing: false,
            job: None,
        }
    }

    /// The same caller and request in another scope: how a use case reaches the rows of an account or a purpose. What it
    /// writes is still filed under the tenant the caller stands in.
    #[must_use]
    pub fn within(&self, scope: Scope) -> Self {
        Self { scope, hostel: scope.hostel().or(self.hostel), ..self.clone() }
    }

    /// The same call for the next unit of work of a command in more than one step: see [`Call::completing`].
    #[must_use]
    pub fn completes(&self) -> Self {
        Self { completing: true, ..self.clone() }
    }

    /// The first line of every use case: refuses who does not hold the permission here.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        match self.actor.role() {
            Some(role) if permission.held_by(role) => Ok(()),
            _ if matches!(self.actor.who(), crate::Who::Anonymous) => Err(Refusal::NotSignedIn),
            role => Err(Refusal::Permission { permission, role: role.map(crate::Role::as_str) }),
        }
    }

    /// Whether the caller holds a permission here, for rules that widen what one sees.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.require(permission).is_ok()
    }

    /// The second line of a gated use case: refuses when the hostel switched the feature off (J12).
    pub fn require_feature(&self, feature: Feature) -> Result<(), Refusal> {
        if self.flags.is_on(feature) { Ok(()) } else { Err(Refusal::Feature(feature)) }
    }

    /// The signed-in account, or a refusal.
    pub fn account(&self) -> Result<AccountId, Refusal> {
        self.actor.account().ok_or(Refusal::NotSignedIn)
    }

    /// The tenant of the call, or a refusal when the call has none.
    pub fn hostel(&self) -> Result<HostelId, Refusal> {
        self.scope.hostel().or(self.hostel).ok_or(Refusal::NoHostel)
    }
}

/// Why a caller may not do this at all, whatever the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is signed in.
    #[error("Sign in first and send the access token as a bearer token")]
    NotSignedIn,
    /// The role lacks the permission.
    #[error("You do not have permission to perform this action")]
    Permission {
        /// What was needed.
        permission: Permission,
        /// What the caller is here.
        role: Option<&'static str>,
    },
    /// Switched off for this hostel.
    #[error("This feature is switched off for this hostel")]
    Feature(Feature),
    /// The call has no tenant.
    #[error("Send the hostel's id in the X-Hostel-ID header")]
    NoHostel,
    /// Somebody else's record.
    #[error("You can only access your own {0}")]
    NotYours(&'static str),
    /// Not a member of the hostel, or there is none: one answer for both (W6).
    #[error("You are not a member of this hostel")]
    NotAMember,
}

impl Fault for Refusal {
    fn code(&self) -> Code {
        match self {
            Self::NotSignedIn => Code::Unauthorized,
            Self::Permission { .. } => Code::InsufficientPermissions,
            Self::Feature(_) => Code::FeatureDisabled,
            Self::NoHostel => Code::InvalidInput,
            Self::NotYours(_) | Self::NotAMember => Code::Forbidden,
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Permission { permission, role } => Detail::Permission { required: permission.as_str(), role: *role },
            Self::Feature(feature) => Detail::Feature(feature.key()),
            Self::NotSignedIn | Self::NoHostel | Self::NotYours(_) | Self::NotAMember => Detail::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_from_outside_is_kept_only_when_it_is_sane() {
        assert!(RequestId::accept("req_abc-123.4:5").is_some());
        for bad in ["", "a b", "a\nb", "é", &"x".repeat(129), "a\"b"] {
            assert!(RequestId::accept(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_anonymous_caller_is_asked_to_sign_in_before_anything_else() {
        let call =
            Call::new(Actor::anonymous(), Scope::System(Purpose::SignIn), RequestId::from_uuid(uuid::Uuid::nil()));
        assert_eq!(call.require(Permission::RoomsRead), Err(Refusal::NotSignedIn));
        assert_eq!(call.account(), Err(Refusal::NotSignedIn));
    }
}
