//! What is read: the views, which are the wire shape, the outcome kept with an idempotency key and the `latest_data` of a
//! version conflict; and the filters of lists.

use domicile_kernel::{AccountId, AuditId, HostelId, Instant, Permission, Role, SessionId, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Account, Email, Membership, MembershipStatus, Session};

/// A member of a hostel, as the hostel's directory shows them (J16).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UserView {
    /// The person's account.
    pub id: AccountId,
    /// Where they are a member.
    pub hostel_id: HostelId,
    /// Their address.
    pub email: Email,
    /// As the hostel writes it.
    pub first_name: Text,
    /// As the hostel writes it.
    pub last_name: Text,
    /// E.164.
    pub phone: Option<String>,
    /// What they are here.
    pub role: Role,
    /// Whether they may enter.
    pub status: MembershipStatus,
    /// The version of this membership (W7).
    pub version: i64,
    /// When they joined.
    pub created_at: Instant,
    /// When the membership was last edited.
    pub updated_at: Instant,
}

impl From<&Membership> for UserView {
    fn from(membership: &Membership) -> Self {
        Self {
            id: membership.account_id,
            hostel_id: membership.hostel_id,
            email: membership.card.email.clone(),
            first_name: membership.card.first_name.clone(),
            last_name: membership.card.last_name.clone(),
            phone: membership.card.phone.clone(),
            role: membership.role,
            status: membership.status,
            version: membership.version,
            created_at: membership.created_at,
            updated_at: membership.updated_at,
        }
    }
}

/// Which members a list shows; everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only these.
    pub role: Option<Role>,
    /// Only these.
    pub status: Option<MembershipStatus>,
    /// Part of the full name or the address, without regard to ASCII case.
    pub search: Option<String>,
}

/// A hostel and what somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostelMembershipView {
    /// The hostel.
    pub id: HostelId,
    /// Its name.
    pub name: String,
    /// What they are there.
    pub role: Role,
    /// Whether they may enter.
    pub status: MembershipStatus,
}

/// One's own account (J16).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProfileView {
    /// The account.
    pub id: AccountId,
    /// The address.
    pub email: Email,
    /// The name to sign in with.
    pub username: Option<String>,
    /// First name.
    pub first_name: Text,
    /// Last name.
    pub last_name: Text,
    /// E.164.
    pub phone: Option<String>,
    /// Whom to call.
    pub emergency_contact: Option<Text>,
    /// What the person studies.
    pub program: Option<Text>,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// Whether the person runs the installation.
    pub super_admin: bool,
    /// Where the person is a member.
    pub memberships: Vec<HostelMembershipView>,
    /// What the person may do in the hostel of the request; empty without one.
    pub permissions: Vec<String>,
    /// The version of the profile (W7).
    pub version: i64,
    /// When the account was made.
    pub created_at: Instant,
    /// When the profile was last edited.
    pub updated_at: Instant,
}

impl ProfileView {
    /// The view of an account, for somebody of `role` in the hostel of the request.
    #[must_use]
    pub fn of(account: &Account, memberships: Vec<HostelMembershipView>, role: Option<Role>) -> Self {
        let permissions =
            role.map(|role| Permission::of(role).map(|p| p.as_str().to_owned()).collect()).unwrap_or_default();
        Self {
            id: account.id,
            email: account.email.clone(),
            username: account.username.as_ref().map(|name| name.as_str().to_owned()),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            phone: account.phone.clone(),
            emergency_contact: account.emergency_contact.clone(),
            program: account.program.clone(),
            email_verified: account.is_verified(),
            super_admin: account.super_admin,
            memberships,
            permissions,
            version: account.version,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SignedInUserView {
    /// The account.
    pub id: AccountId,
    /// The address.
    pub email: Email,
    /// The name to sign in with.
    pub username: Option<String>,
    /// First name.
    pub first_name: Text,
    /// Last name.
    pub last_name: Text,
    /// E.164.
    pub phone: Option<String>,
    /// Always true: nobody signs in before.
    pub email_verified: bool,
    /// Whether the person runs the installation.
    pub super_admin: bool,
    /// `super_admin`, or nothing: other roles are held in a hostel.
    pub role: Option<Role>,
}

impl From<&Account> for SignedInUserView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            email: account.email.clone(),
            username: account.username.as_ref().map(|name| name.as_str().to_owned()),
            first_name: account.first_name.clone(),
            last_name: account.last_name.clone(),
            phone: account.phone.clone(),
            email_verified: account.is_verified(),
            super_admin: account.super_admin,
            role: account.super_admin.then_some(Role::SuperAdmin),
        }
    }
}

/// One of one's own sessions (J4c).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// What the client said about the device.
    pub device_info: Option<Value>,
    /// Where the person signed in from.
    pub ip: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// When the person signed in.
    pub created_at: Instant,
    /// When it was last refreshed.
    pub last_used_at: Instant,
    /// When it ends unless refreshed.
    pub expires_at: Instant,
    /// Whether it is the session of this request.
    pub current: bool,
}

impl From<&Session> for SessionView {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            device_info: session.device_info.clone(),
            ip: session.ip.map(|ip| ip.to_string()),
            user_agent: session.user_agent.clone(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at(),
            current: false,
        }
    }
}

/// A row of the audit trail (J17).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// The row.
    pub id: AuditId,
    /// Its place in the hostel's chain; none until it is sealed, a moment after it was written.
    pub seq: Option<i64>,
    /// When.
    pub at: Instant,
    /// Who: an account's id, `system:<purpose>`, `operator` or `anonymous`.
    pub actor: String,
    /// As what.
    pub actor_role: Option<String>,
    /// What was done, as `noun.verb`.
    pub action: String,
    /// To what sort of record.
    pub target: String,
    /// To which.
    pub target_id: Option<uuid::Uuid>,
    /// The record before.
    pub before: Option<Value>,
    /// The record after.
    pub after: Option<Value>,
    /// From where.
    pub ip: Option<String>,
    /// By which request.
    pub request_id: String,
    /// The seal over this row and all before it; hexadecimal.
    pub hash: Option<String>,
}

/// Which audit rows a list shows; everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<String>,
    /// Only this actor, as [`AuditView::actor`] names it.
    pub actor: Option<String>,
    /// Only this sort of record.
    pub target: Option<String>,
    /// Only this record.
    pub target_id: Option<uuid::Uuid>,
    /// From this instant on.
    pub from: Option<Instant>,
    /// Before this instant.
    pub to: Option<Instant>,
}
