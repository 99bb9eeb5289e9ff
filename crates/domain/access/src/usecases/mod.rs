//! What can be done, one file a command.
//!
//! | service | who calls it |
//! | --- | --- |
//! | [`sign_in::SignIn`] | somebody who is nobody yet: register, codes, login, refresh |
//! | [`own::OwnAccount`] | a signed-in person about themselves: profile, password, sessions |
//! | [`directory::Directory`] | the people who run a hostel, about its members |
//! | [`admission::Admissions`] | every request, before anything else |
//! | [`sweep::Sweeper`] | the sweep job |

pub mod admission;
pub mod directory;
pub mod own;
pub mod sign_in;
pub mod sweep;

use domicile_kernel::{AccountId, Ambient, AuditEntry, Call, Checks, HostelId, Purpose, Scope, Text};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    events,
    model::{Account, Email, Membership, RevokeReason, Username},
    policy::mask_phone,
    ports::AccessUow,
};
use domicile_kernel::SessionId;

/// An audit row.
fn audit(
    ambient: &Ambient,
    action: &'static str,
    target: &'static str,
    id: Uuid,
    before: Option<Value>,
    after: Option<Value>,
) -> AuditEntry {
    AuditEntry { id: ambient.id(), action, target, target_id: Some(id), before, after }
}

/// An account for the audit trail: no hash, the phone masked, of the emergency contact only whether there is one.
fn audited_account(account: &Account) -> Value {
    json!({
        "email": account.email,
        "username": account.username,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "phone": account.phone.as_deref().map(mask_phone),
        "has_emergency_contact": account.emergency_contact.is_some(),
        "program": account.program,
        "email_verified": account.is_verified(),
        "super_admin": account.super_admin,
        "status": account.status,
        "version": account.version,
    })
}

/// A membership for the audit trail.
fn audited_membership(membership: &Membership) -> Value {
    json!({
        "role": membership.role,
        "status": membership.status,
        "email": membership.card.email,
        "first_name": membership.card.first_name,
        "last_name": membership.card.last_name,
        "phone": membership.card.phone.as_deref().map(mask_phone),
        "version": membership.version,
    })
}

/// The call, filed under a hostel, or under none.
fn filed_under(call: &Call, purpose: Purpose, hostel: Option<HostelId>) -> Call {
    Call { hostel, ..call.within(Scope::System(purpose)) }
}

/// Reads an address that must be there.
fn check_email(checks: &mut Checks, field: &str, typed: Option<&str>) -> Option<Email> {
    let typed = checks.require(field, typed)?;
    let parsed = Email::parse(typed);
    if let Err(error) = &parsed {
        checks.fail(field, "email", json!({}), error.to_string());
    }
    parsed.ok()
}

/// Reads a username that may be there.
fn check_username(checks: &mut Checks, typed: Option<&str>) -> Option<Username> {
    let parsed = Username::parse(typed?);
    if let Err(error) = &parsed {
        checks.fail("username", "username", json!({ "min": 3, "max": 30 }), error.to_string());
    }
    parsed.ok()
}

/// Reads first and last name, given apart or as one. One word is a first name.
fn check_names(
    checks: &mut Checks,
    first: Option<&str>,
    last: Option<&str>,
    full: Option<&str>,
) -> Option<(Text, Text)> {
    const MAX: usize = 50;
    if let (None, None, Some(full)) = (first, last, full) {
        let full = Text::clean(full);
        let (first, last) = full.as_str().split_once(char::is_whitespace).unwrap_or((full.as_str(), ""));
        let first = checks.line("full_name", Some(first), 1, MAX, "full_name is required");
        let last = checks.line("full_name", Some(last), 0, MAX, "");
        return first.zip(last);
    }
    let first = checks.require("first_name", first);
    let first = checks.line("first_name", first, 1, MAX, "first_name is required");
    let last = checks.require("last_name", last);
    let last = checks.line("last_name", last, 1, MAX, "last_name is required");
    first.zip(last)
}

/// Ends every session of an account but one, and tells the sockets and the audit trail of each.
async fn revoke_sessions(
    uow: &mut dyn AccessUow,
    ambient: &Ambient,
    account: AccountId,
    except: Option<SessionId>,
    reason: RevokeReason,
) -> Result<u64, domicile_kernel::StoreError> {
    let revoked = uow.sessions().revoke_all(account, except, ambient.now(), reason).await?;
    for session in &revoked {
        tell_revoked(uow, ambient, account, *session, reason);
    }
    Ok(revoked.len() as u64)
}

/// Tells the sockets and the audit trail of an ended session.
fn tell_revoked(
    uow: &mut dyn AccessUow,
    ambient: &Ambient,
    account: AccountId,
    session: SessionId,
    reason: RevokeReason,
) {
    uow.record(events::session_revoked(account, session, reason, ambient));
    let after = json!({ "account_id": account, "reason": reason });
    uow.audit(audit(ambient, "session.revoke", "session", session.uuid(), None, Some(after)));
}
