//! Who may hear what: the audience of an event against the standing of a socket, cheap enough to be asked for each socket.

use domicile_kernel::{AccountId, Actor, Audience, Permission};

/// What a socket may hear: whose it is and what they hold in the hostel, one bit a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    account: AccountId,
    held: u64,
}

// One bit a permission.
const _: () = assert!(Permission::ALL.len() <= 64);

impl Rights {
    /// The rights of an account in the role that its actor has in the hostel.
    #[must_use]
    pub fn of(account: AccountId, actor: &Actor) -> Self {
        let held = actor.role().into_iter().flat_map(Permission::of).fold(0, |held, permission| held | bit(permission));
        Self { account, held }
    }

    /// Whether a permission is held.
    #[must_use]
    pub const fn hold(&self, permission: Permission) -> bool {
        self.held & bit(permission) != 0
    }

    /// Whether an event for this audience is told to this socket.
    #[must_use]
    pub fn may_see(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Hostel => true,
            Audience::Permission(permission) => self.hold(*permission),
            Audience::Person(account, permission) => *account == self.account || self.hold(*permission),
            Audience::Account(account) => *account == self.account,
        }
    }
}

const fn bit(permission: Permission) -> u64 {
    1 << permission as u32
}
