//! Decisions as pure functions: who may touch whose membership, what registering makes, how a login field is read.

use domicile_kernel::{AccountId, Actor, Role, check::parse_phone};

use crate::{
    model::{Email, Membership, MembershipStatus, Username},
    ports::{HouseFacts, Registration},
};

/// Why a role may not be given or touched (J6).
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum GrantError {
    /// The role stands at or above the caller's.
    #[error("You can only give roles below your own")]
    RoleTooHigh,
    /// The person's role stands at or above the caller's.
    #[error("You can only change people whose role is below your own")]
    PersonTooHigh,
    /// It is the caller's own.
    #[error("You cannot change your own role or status")]
    Own,
}

/// Whether the caller may give a role.
pub fn may_give(actor: &Actor, role: Role) -> Result<(), GrantError> {
    match actor.role() {
        Some(own) if own.may_grant(role) => Ok(()),
        _ => Err(GrantError::RoleTooHigh),
    }
}

/// Whether the caller may edit a membership. One's own card may be edited, but not one's own role or status.
pub fn may_edit(
    actor: &Actor,
    membership: &Membership,
    role: Option<Role>,
    status: Option<MembershipStatus>,
) -> Result<(), GrantError> {
    let changes_standing =
        role.is_some_and(|role| role != membership.role) || status.is_some_and(|status| status != membership.status);
    if actor.account() == Some(membership.account_id) {
        return if changes_standing { Err(GrantError::Own) } else { Ok(()) };
    }
    match actor.role() {
        Some(own) if own.may_grant(membership.role) => role.map_or(Ok(()), |role| may_give(actor, role)),
        _ => Err(GrantError::PersonTooHigh),
    }
}

/// With which status somebody who registers joins; nothing when the hostel takes no registrations (J15).
#[must_use]
pub const fn joining_status(house: &HouseFacts) -> Option<MembershipStatus> {
    match (house.active, house.registration) {
        (true, Registration::Open) => Some(MembershipStatus::Active),
        (true, Registration::Approval) => Some(MembershipStatus::Pending),
        (true, Registration::Closed) | (false, _) => None,
    }
}

/// What somebody typed into the login field (A1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    /// An address.
    Email(Email),
    /// A telephone number as E.164; tried before the username it could also be.
    Phone(String),
    /// A username.
    Username(Username),
    /// Nothing that could belong to anybody.
    Unknown,
}

impl Identifier {
    /// Reads the login field: with an `@` an address, else a telephone number, else a username.
    #[must_use]
    pub fn detect(typed: &str) -> Self {
        if typed.contains('@') {
            return Email::parse(typed).map_or(Self::Unknown, Self::Email);
        }
        match (parse_phone(typed), Username::parse(typed)) {
            (Some(phone), _) => Self::Phone(phone),
            (None, Ok(username)) => Self::Username(username),
            (None, Err(_neither)) => Self::Unknown,
        }
    }
}

/// A telephone number for the audit trail: enough to recognise, not enough to call.
#[must_use]
pub fn mask_phone(phone: &str) -> String {
    let chars: Vec<char> = phone.chars().collect();
    let hidden = chars.len().saturating_sub(2);
    chars.iter().enumerate().map(|(at, c)| if (3..hidden).contains(&at) { '*' } else { *c }).collect()
}

/// Whether the caller is this person.
#[must_use]
pub fn is_self(actor: &Actor, account: AccountId) -> bool {
    actor.account() == Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_field_is_read_as_what_it_looks_like() {
        assert_eq!(Identifier::detect("Ama@B.co"), Identifier::Email(Email::parse("ama@b.co").unwrap()));
        assert_eq!(Identifier::detect("+233 20 123 4567"), Identifier::Phone("+233201234567".to_owned()));
        assert_eq!(Identifier::detect("ama_k"), Identifier::Username(Username::parse("ama_k").unwrap()));
        assert_eq!(Identifier::detect("a@b"), Identifier::Unknown);
        assert_eq!(Identifier::detect(""), Identifier::Unknown);
    }

    #[test]
    fn a_masked_phone_cannot_be_called() {
        assert_eq!(mask_phone("+233201234567"), "+23********67");
        assert_eq!(mask_phone("+1"), "+1");
    }
}
