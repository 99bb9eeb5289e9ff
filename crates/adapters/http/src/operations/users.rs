//! One's own profile, the people of a hostel, and the audit trail.

use actix_web::web;
use domicile_access::{
    AuditView, ProfileView, UserView,
    usecases::{
        directory::{CreateUser, UpdateUser},
        own::UpdateProfile,
    },
};
use domicile_kernel::{Feature, Permission};

use crate::{
    endpoints::{audit, presence, profile, users},
    operation::{Access, CacheClass, Operation},
    ports::PresenceView,
};

const TAG: &str = "People";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("profile.get", "/profile", TAG, "One's own profile", || web::route().to(profile::get::handle))
            .access(Access::HostelOptional)
            .answers::<ProfileView>()
            .cached(CacheClass::Profile),
        Operation::put("profile.update", "/profile", TAG, "Change one's own profile", || {
            web::route().to(profile::update::handle)
        })
        .access(Access::HostelOptional)
        .gated(Feature::ProfileEditing)
        .versioned()
        .takes::<UpdateProfile>()
        .answers::<ProfileView>(),
        Operation::get("users.list", "/users", TAG, "The members of the hostel", || {
            web::route().to(users::list::handle)
        })
        .needs(&[Permission::UsersReadAll])
        .lists::<UserView, users::list::UserFilters>(),
        Operation::create("users.create", "/users", TAG, "Make a member", || web::route().to(users::create::handle))
            .needs(&[Permission::UsersUpdateAny])
            .takes::<CreateUser>()
            .answers::<UserView>(),
        Operation::get("users.get", "/users/{id}", TAG, "One member", || web::route().to(users::get::handle))
            .needs(&[Permission::UsersReadAll, Permission::UsersReadOwn])
            .answers::<UserView>(),
        Operation::put("users.update", "/users/{id}", TAG, "Change a member", || {
            web::route().to(users::update::handle)
        })
        .needs(&[Permission::UsersUpdateAny])
        .versioned()
        .takes::<UpdateUser>()
        .answers::<UserView>(),
        Operation::delete("users.delete", "/users/{id}", TAG, "Delete an account", || {
            web::route().to(users::delete::handle)
        })
        .needs(&[Permission::UsersDelete])
        .versioned(),
        Operation::get("presence.list", "/presence", TAG, "Who is online in the hostel", || {
            web::route().to(presence::list::handle)
        })
        .answers_many::<PresenceView>(),
        Operation::get("audit.list", "/admin/audit", TAG, "The audit trail", || web::route().to(audit::list::handle))
            .needs(&[Permission::AuditRead])
            .lists::<AuditView, audit::list::AuditFilters>(),
    ]
}
