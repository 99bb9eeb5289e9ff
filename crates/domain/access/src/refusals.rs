//! The refusals that several use cases share.

use domicile_kernel::{Code, Detail, Fault, FieldErrors};

/// A value that only one may have belongs to somebody already.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("This {what} is already in use")]
pub struct Taken {
    /// The field, as the client wrote it.
    pub field: &'static str,
    /// What it is, in words.
    pub what: &'static str,
}

impl Taken {
    /// The address belongs to a member.
    pub const EMAIL: Self = Self { field: "email", what: "email address" };
    /// The username belongs to somebody.
    pub const USERNAME: Self = Self { field: "username", what: "username" };
    /// The telephone number belongs to somebody.
    pub const PHONE: Self = Self { field: "phone", what: "phone number" };
}

impl Fault for Taken {
    fn code(&self) -> Code {
        Code::AlreadyExists
    }

    fn detail(&self) -> Detail {
        Detail::Fields(FieldErrors::one(self.field, "unique", self.to_string()))
    }
}

/// There is no such record, as far as the caller may know.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("{0} not found")]
pub struct Missing(pub &'static str);

impl Fault for Missing {
    fn code(&self) -> Code {
        Code::NotFound
    }
}
