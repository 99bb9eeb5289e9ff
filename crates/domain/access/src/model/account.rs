//! A person's account, one for the whole installation.

use std::fmt;

use domicile_kernel::{AccountId, HostelId, Instant, Text};
use serde::{Deserialize, Serialize};

use super::{membership::Card, words};
use crate::crypto::PasswordHash;

/// An e-mail address: lower-cased ASCII, one `@`, a dotted domain, nothing a mail header could obey.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Email(String);

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("Invalid email address")]
pub struct EmailError;

impl Email {
    /// Reads what somebody typed.
    pub fn parse(typed: &str) -> Result<Self, EmailError> {
        let text = typed.trim().to_ascii_lowercase();
        let (local, domain) = text.split_once('@').ok_or(EmailError)?;
        let local_is_good = (1..=64).contains(&local.len())
            && local.split('.').all(|atom| {
                !atom.is_empty()
                    && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b))
            });
        let domain_is_good = domain.contains('.')
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            });
        (local_is_good && domain_is_good && text.len() <= 254).then_some(Self(text)).ok_or(EmailError)
    }

    /// An address as it was stored.
    #[must_use]
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What stands for the address of a deleted account: belongs to nobody, and to no second account.
    #[must_use]
    pub fn of_deleted(id: AccountId) -> Self {
        Self(format!("deleted+{id}@invalid"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name to sign in with: 3 to 30 of letters, digits, `.`, `_`, `-`, beginning with a letter, so that it can be taken
/// neither for an address nor for a telephone number. Case is kept but does not distinguish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Username(String);

/// Why a text is not a username.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("Username must be 3 to 30 letters, digits, dots, dashes or underscores, and begin with a letter")]
pub struct UsernameError;

impl Username {
    /// Reads what somebody typed.
    pub fn parse(typed: &str) -> Result<Self, UsernameError> {
        let text = typed.trim();
        let good = (3..=30).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        good.then(|| Self(text.to_owned())).ok_or(UsernameError)
    }

    /// A username as it was stored.
    #[must_use]
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was chosen.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes it unique and findable: lower-cased.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

words! {
    /// Whether an account can be used.
    AccountStatus {
        /// It can.
        Active = "active",
        /// It was switched off and can be switched on again.
        Disabled = "disabled",
        /// The person is gone; what was personal is emptied.
        Deleted = "deleted",
    }
}

/// A person's account.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its id; the wire calls it `user_id`.
    pub id: AccountId,
    /// The address; unique.
    pub email: Email,
    /// When the owner proved the address, or a hostel's admin said it was theirs; nobody signs in before that.
    pub email_verified_at: Option<Instant>,
    /// The hostel whose admin made the account with a password and said so; none once the owner proved the address with a
    /// code. Another hostel does not take that word.
    pub vouched_by: Option<HostelId>,
    /// Unique without regard to case.
    pub username: Option<Username>,
    /// Without one nobody can sign in.
    pub password_hash: Option<PasswordHash>,
    /// 1 to 50 characters; empty when deleted.
    pub first_name: Text,
    /// At most 50 characters; empty for a person with one name.
    pub last_name: Text,
    /// E.164 with its plus sign; unique. Sealed at rest (J14).
    pub phone: Option<String>,
    /// Whom to call, at most 100 characters. Sealed at rest (J14).
    pub emergency_contact: Option<Text>,
    /// What the person studies, at most 100 characters.
    pub program: Option<Text>,
    /// Runs the installation.
    pub super_admin: bool,
    /// Whether it can be used.
    pub status: AccountStatus,
    /// Counts the edits of the profile, from 1 (W7). A changed password is none.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When the profile was last edited.
    pub updated_at: Instant,
}

impl Account {
    /// A new account with nothing but who it is: active, unverified, without a password.
    #[must_use]
    pub fn new(id: AccountId, email: Email, first_name: Text, last_name: Text, now: Instant) -> Self {
        Self {
            id,
            email,
            email_verified_at: None,
            vouched_by: None,
            username: None,
            password_hash: None,
            first_name,
            last_name,
            phone: None,
            emergency_contact: None,
            program: None,
            super_admin: false,
            status: AccountStatus::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether the owner proved the address.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.email_verified_at.is_some()
    }

    /// Whether the account can be used.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == AccountStatus::Active
    }

    /// The directory card that a hostel gets when the person joins.
    #[must_use]
    pub fn card(&self) -> Card {
        Card {
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
        }
    }

    /// Whether the owner proved the address themselves, or the hostel that asks said it was theirs.
    #[must_use]
    pub fn is_proved_to(&self, hostel: HostelId) -> bool {
        self.is_verified() && self.vouched_by.is_none_or(|vouching| vouching == hostel)
    }

    /// Whether a code that proves the address would tell anything new.
    #[must_use]
    pub const fn awaits_proof(&self) -> bool {
        !self.is_verified() || self.vouched_by.is_some()
    }

    /// The same account with the address proved by its owner; proving it again changes nothing.
    #[must_use]
    pub fn verified(self, now: Instant) -> Self {
        if !self.awaits_proof() {
            return self;
        }
        let since = self.email_verified_at.unwrap_or(now);
        Self { email_verified_at: Some(since), vouched_by: None, ..self.edited(now) }
    }

    /// The same account as if nobody had ever proved its address.
    #[must_use]
    pub fn unproved(self, now: Instant) -> Self {
        Self { email_verified_at: None, vouched_by: None, ..self.edited(now) }
    }

    /// The same account, one version on.
    #[must_use]
    pub fn edited(self, now: Instant) -> Self {
        Self { version: self.version + 1, updated_at: now, ..self }
    }

    /// What is left of the account when the person is gone.
    #[must_use]
    pub fn deleted(self, now: Instant) -> Self {
        let gone = Self::new(self.id, Email::of_deleted(self.id), Text::default(), Text::default(), self.created_at);
        Self { status: AccountStatus::Deleted, version: self.version, ..gone }.edited(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_lower_cased_and_checked() {
        assert_eq!(Email::parse(" Ama.K+x@Example.COM ").unwrap().as_str(), "ama.k+x@example.com");
        for bad in [
            "",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a b@c.de",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a@@b.co",
            "a@b.co\nBcc: x@y.z",
            "<a@b.co>",
            "a@-b.co",
            "ä@b.co",
            "a@b.co,c@d.ef",
            &format!("{}@b.co", "x".repeat(65)),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_username_is_never_an_address_or_a_number() {
        assert_eq!(Username::parse("Ama_K.7").unwrap().key(), "ama_k.7");
        for bad in ["ab", "7ama", "a@b.co", "+233201234567", "ama k", "ämä", &"x".repeat(31)] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }
}
