//! The people of a hostel, for those who run it (J16, J6), and the audit trail they may read (J17).

mod create_guest;
mod create_super_admin;
mod create_user;
mod delete_user;
mod read;
mod update_user;

use std::sync::Arc;

use domicile_kernel::{Instant, Role};

pub use create_guest::{CreateGuest, CreateGuestError};
pub use create_super_admin::{CreateSuperAdmin, CreateSuperAdminError, SuperAdminView};
pub use create_user::{CreateUser, CreateUserError};
pub use delete_user::DeleteUserError;
pub use read::ReadUsersError;
pub use update_user::{UpdateUser, UpdateUserError};

use crate::parts::Parts;

/// The people of a hostel.
#[derive(Clone)]
pub struct Directory {
    parts: Arc<Parts>,
}

impl Directory {
    /// The service over its parts.
    #[must_use]
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    fn now(&self) -> Instant {
        self.parts.ambient.now()
    }
}

/// The roles a membership can have, as words.
const MEMBER_ROLES: [&str; 7] = ["student", "resident", "professional", "guard", "staff", "manager", "admin"];

/// Reads a role that a membership can have: `super_admin` is held by an account.
fn member_role(word: &str) -> Option<Role> {
    Role::parse(word).filter(|role| *role != Role::SuperAdmin)
}
