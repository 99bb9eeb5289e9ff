//! Who is calling.

use serde::{Deserialize, Serialize};

use crate::{
    call::Purpose,
    id::{AccountId, SessionId},
};

/// What somebody is in a hostel. `super_admin` is held by an account, everywhere; the others by a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Lives in a bed let by the month.
    Student,
    /// Lives in a flat of a society.
    Resident,
    /// Offers a service.
    Professional,
    /// Stands at the gate.
    Guard,
    /// Mends and cleans.
    Staff,
    /// Runs rooms and bookings.
    Manager,
    /// Runs the hostel.
    Admin,
    /// Runs the installation.
    SuperAdmin,
}

impl Role {
    /// Every role, lowest first.
    pub const ALL: &'static [Self] = &[
        Self::Student,
        Self::Resident,
        Self::Professional,
        Self::Guard,
        Self::Staff,
        Self::Manager,
        Self::Admin,
        Self::SuperAdmin,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Resident => "resident",
            Self::Professional => "professional",
            Self::Guard => "guard",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::SuperAdmin => "super_admin",
        }
    }

    /// The role with this name; case does not matter (W3).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str().eq_ignore_ascii_case(name))
    }

    /// How high the role stands. Those who live here stand level.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Student | Self::Resident | Self::Professional => 1,
            Self::Guard | Self::Staff => 2,
            Self::Manager => 3,
            Self::Admin => 4,
            Self::SuperAdmin => 5,
        }
    }

    /// Whether somebody of this role may give (or take) `other`: only below their own, except a super_admin (J6).
    #[must_use]
    pub const fn may_grant(self, other: Self) -> bool {
        matches!(self, Self::SuperAdmin) || self.rank() > other.rank()
    }
}

/// Who stands behind a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody is signed in.
    Anonymous,
    /// A signed-in person, with their role in the call's hostel (none outside one, or where they have no role).
    Account {
        /// Their account.
        id: AccountId,
        /// The session the call came through.
        session: SessionId,
        /// Their role here.
        role: Option<Role>,
    },
    /// The installation itself, for one of a closed list of purposes.
    System(Purpose),
    /// Somebody with a shell on the machine.
    Operator,
}

/// Who is calling, vouched for: a value of this type means that somebody checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(Who);

impl Actor {
    /// The only constructor. Whoever calls it has checked who it is; `clippy.toml` refuses it everywhere but in
    /// `access`, the test kit, the CLI entry, the job runner and doc examples.
    #[must_use]
    pub const fn vouched_for(who: Who) -> Self {
        Self(who)
    }

    /// Nobody: needs no vouching.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self(Who::Anonymous)
    }

    /// Who it is.
    #[must_use]
    pub const fn who(&self) -> &Who {
        &self.0
    }

    /// The account, if a person is signed in.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match &self.0 {
            Who::Account { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The session, if a person is signed in.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match &self.0 {
            Who::Account { session, .. } => Some(*session),
            _ => None,
        }
    }

    /// The role in the call's hostel. The system and the operator act as super_admin.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match &self.0 {
            Who::Anonymous => None,
            Who::Account { role, .. } => *role,
            Who::System(_) | Who::Operator => Some(Role::SuperAdmin),
        }
    }

    /// How audit rows and events name the actor: the account, or `system:<purpose>`, `operator`, `anonymous`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.0 {
            Who::Anonymous => "anonymous".to_owned(),
            Who::Account { id, .. } => id.to_string(),
            Who::System(purpose) => format!("system:{}", purpose.as_str()),
            Who::Operator => "operator".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_grants_a_role_at_or_above_their_own_except_super_admin() {
        for giver in Role::ALL {
            for given in Role::ALL {
                let allowed = *giver == Role::SuperAdmin || giver.rank() > given.rank();
                assert_eq!(giver.may_grant(*given), allowed);
            }
        }
        assert!(!Role::Admin.may_grant(Role::Admin));
        assert!(Role::Admin.may_grant(Role::Manager));
        assert_eq!(Role::parse("MANAGER"), Some(Role::Manager));
    }
}
