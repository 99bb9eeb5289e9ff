//! What this context tells the outside, and whom: one table. No event holds a personal field; whoever may know more reads
//! the record.

use domicile_kernel::{AccountId, Ambient, Audience, NewEvent, Permission, SessionId};
use serde_json::json;

use crate::model::{Account, Membership, RevokeReason};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Somebody became a member.
    UserCreated,
    /// A membership changed: card, role or status.
    UserUpdated,
    /// A person's account was deleted.
    UserDeleted,
    /// A person's own account changed: their profile, or that its address is proved.
    ProfileUpdated,
    /// A session was ended before its time: its sockets must close.
    SessionRevoked,
}

impl Happening {
    /// Every one.
    pub const ALL: &'static [Self] =
        &[Self::UserCreated, Self::UserUpdated, Self::UserDeleted, Self::ProfileUpdated, Self::SessionRevoked];

    /// Its name on the wire.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::ProfileUpdated => "profile.updated",
            Self::SessionRevoked => "session.revoked",
        }
    }

    /// Whom it concerns.
    #[must_use]
    pub const fn audience(self, account: AccountId) -> Audience {
        match self {
            Self::UserCreated | Self::UserUpdated | Self::UserDeleted => Audience::Permission(Permission::UsersReadAll),
            Self::ProfileUpdated | Self::SessionRevoked => Audience::Account(account),
        }
    }
}

/// Something happened to a member. `data` is `{id, hostel_id, role, status, version}`.
#[must_use]
pub fn of_user(happening: Happening, membership: &Membership, ambient: &Ambient) -> NewEvent {
    NewEvent {
        id: ambient.id(),
        kind: happening.kind(),
        version: 1,
        audience: happening.audience(membership.account_id),
        aggregate: "user",
        aggregate_id: membership.account_id.uuid(),
        aggregate_version: membership.version,
        at: ambient.now(),
        data: json!({
            "id": membership.account_id,
            "hostel_id": membership.hostel_id,
            "role": membership.role,
            "status": membership.status,
            "version": membership.version,
        }),
    }
}

/// A person's own account changed. `data` is `{id, version}`.
#[must_use]
pub fn profile_updated(account: &Account, ambient: &Ambient) -> NewEvent {
    NewEvent {
        id: ambient.id(),
        kind: Happening::ProfileUpdated.kind(),
        version: 1,
        audience: Happening::ProfileUpdated.audience(account.id),
        aggregate: "account",
        aggregate_id: account.id.uuid(),
        aggregate_version: account.version,
        at: ambient.now(),
        data: json!({ "id": account.id, "version": account.version }),
    }
}

/// A session was ended. `data` is `{session_id, reason}`.
#[must_use]
pub fn session_revoked(account: AccountId, session: SessionId, reason: RevokeReason, ambient: &Ambient) -> NewEvent {
    NewEvent {
        id: ambient.id(),
        kind: Happening::SessionRevoked.kind(),
        version: 1,
        audience: Happening::SessionRevoked.audience(account),
        aggregate: "session",
        aggregate_id: session.uuid(),
        aggregate_version: 1,
        at: ambient.now(),
        data: json!({ "session_id": session, "reason": reason }),
    }
}
