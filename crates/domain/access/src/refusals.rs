//! The refusals that several use cases share, and the macro by which a use case's error answers [`Fault`].

use domicile_kernel::{Code, Detail, Fault, FieldErrors};
use serde_json::Value;

/// Somebody else changed the record since the caller read it (W7).
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("This record has been modified by another user")]
pub struct VersionConflict {
    /// The version now.
    pub current: i64,
    /// The version the caller sent.
    pub yours: i64,
    /// The record now, as the caller may see it.
    pub latest: Value,
}

impl Fault for VersionConflict {
    fn code(&self) -> Code {
        Code::VersionConflict
    }

    fn detail(&self) -> Detail {
        Detail::Version { current: self.current, yours: self.yours, latest: self.latest.clone() }
    }
}

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

/// Implements [`Fault`] for a use case's error: the variants after `through` hold an error that knows its own code; of the
/// others each line names a pattern and its code. No `_`: a new variant does not compile without its line.
macro_rules! faults {
    ($error:ty: through $($inner:ident),* $(; $($pattern:pat => $code:ident),+)? $(,)?) => {
        impl domicile_kernel::Fault for $error {
            fn code(&self) -> domicile_kernel::Code {
                match self {
                    $(Self::$inner(inner) => domicile_kernel::Fault::code(inner),)*
                    $($($pattern => domicile_kernel::Code::$code,)+)?
                }
            }

            fn detail(&self) -> domicile_kernel::Detail {
                match self {
                    $(Self::$inner(inner) => domicile_kernel::Fault::detail(inner),)*
                    $($($pattern => domicile_kernel::Detail::None,)+)?
                }
            }

            fn replayed(&self) -> Option<&domicile_kernel::Outcome> {
                match self {
                    $(Self::$inner(inner) => domicile_kernel::Fault::replayed(inner),)*
                    $($($pattern => None,)+)?
                }
            }
        }
    };
}
pub(crate) use faults;
