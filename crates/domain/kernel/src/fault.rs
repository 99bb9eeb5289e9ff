//! How a refusal is classified. Every error of a use case answers [`Fault`]; the HTTP adapter holds the only table from
//! [`Kind`] to a status.

use serde::Serialize;
use serde_json::Value;

use crate::{check::FieldErrors, uow::Outcome};

/// What sort of refusal it is, in words that are not HTTP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input cannot be right.
    Invalid,
    /// Nobody is signed in, or what they showed does not count.
    Unauthenticated,
    /// Money is missing.
    PaymentRequired,
    /// Signed in, but not allowed.
    Forbidden,
    /// There is no such thing, as far as the caller may know.
    NotFound,
    /// There is such a thing, but not this way of asking for it.
    WrongMethod,
    /// It is spoken here in another protocol only.
    WrongProtocol,
    /// It cannot be done in the present state.
    Conflict,
    /// More bytes than are taken.
    TooLarge,
    /// Not a media type that is read here.
    UnsupportedMedia,
    /// Understood, but contradicts something kept.
    Unprocessable,
    /// The caller must say which version they saw.
    PreconditionRequired,
    /// Too often.
    TooMany,
    /// Our fault.
    Internal,
    /// Our fault, and it will pass.
    Unavailable,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $kind:ident),+ $(,)?) => {
        /// The machine-readable name of a refusal: the error-code table of the requirements, closed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As it goes out on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Which kind of refusal the code belongs to.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind),+ }
            }
        }
    };
}

codes! {
    /// Fields are wrong; the answer lists each.
    ValidationError = "VALIDATION_ERROR" => Invalid,
    /// The request itself is wrong: a header, the JSON, a query.
    InvalidInput = "INVALID_INPUT" => Invalid,
    /// No such API version.
    UnsupportedApiVersion = "UNSUPPORTED_API_VERSION" => Invalid,
    /// No credentials, or wrong ones.
    Unauthorized = "UNAUTHORIZED" => Unauthenticated,
    /// A token that we did not make or that is not for this use.
    InvalidToken = "INVALID_TOKEN" => Unauthenticated,
    /// A token whose time is over.
    TokenExpired = "TOKEN_EXPIRED" => Unauthenticated,
    /// A refresh token that is wrong or too old.
    InvalidRefreshToken = "INVALID_REFRESH_TOKEN" => Unauthenticated,
    /// A token whose session was ended.
    TokenRevoked = "TOKEN_REVOKED" => Unauthenticated,
    /// The wallet does not hold enough.
    InsufficientBalance = "INSUFFICIENT_BALANCE" => PaymentRequired,
    /// The gateway declined.
    PaymentFailed = "PAYMENT_FAILED" => PaymentRequired,
    /// Not theirs.
    Forbidden = "FORBIDDEN" => Forbidden,
    /// The address was not proved yet.
    EmailNotVerified = "EMAIL_NOT_VERIFIED" => Forbidden,
    /// The role lacks a permission.
    InsufficientPermissions = "INSUFFICIENT_PERMISSIONS" => Forbidden,
    /// The hostel switched the feature off.
    FeatureDisabled = "FEATURE_DISABLED" => Forbidden,
    /// No such record or route.
    NotFound = "NOT_FOUND" => NotFound,
    /// The route exists, the method does not.
    MethodNotAllowed = "METHOD_NOT_ALLOWED" => WrongMethod,
    /// The address speaks another protocol only, such as WebSocket.
    UpgradeRequired = "UPGRADE_REQUIRED" => WrongProtocol,
    /// Such a record exists.
    AlreadyExists = "ALREADY_EXISTS" => Conflict,
    /// Somebody else changed the record in between.
    VersionConflict = "VERSION_CONFLICT" => Conflict,
    /// The record's state does not allow it.
    ResourceConflict = "RESOURCE_CONFLICT" => Conflict,
    /// No bed is free.
    RoomUnavailable = "ROOM_UNAVAILABLE" => Conflict,
    /// The person already has a stay on those dates.
    BookingConflict = "BOOKING_CONFLICT" => Conflict,
    /// Too late.
    BookingDeadlinePassed = "BOOKING_DEADLINE_PASSED" => Conflict,
    /// The body is larger than this route takes.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE" => TooLarge,
    /// Only JSON is read here.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE" => UnsupportedMedia,
    /// The idempotency key was used with another body.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED" => Unprocessable,
    /// `If-Match` or a body `version` is missing.
    PreconditionRequired = "PRECONDITION_REQUIRED" => PreconditionRequired,
    /// Over the rate limit.
    RateLimitExceeded = "RATE_LIMIT_EXCEEDED" => TooMany,
    /// Too many wrong codes; a new one is needed.
    TooManyAttempts = "TOO_MANY_ATTEMPTS" => TooMany,
    /// Our fault.
    InternalError = "INTERNAL_ERROR" => Internal,
    /// The database's fault, so ours.
    DatabaseError = "DATABASE_ERROR" => Internal,
    /// Come back in a moment.
    ServiceUnavailable = "SERVICE_UNAVAILABLE" => Unavailable,
}

/// What a refusal carries beside its message. Field errors go out as `errors`, the rest as `data`.
#[derive(Debug, Clone, PartialEq)]
pub enum Detail {
    /// Nothing.
    None,
    /// One entry a field.
    Fields(FieldErrors),
    /// Which permission was missing, and the role that lacks it (none: not a member).
    Permission {
        /// The permission's name, such as `bookings:approve`.
        required: &'static str,
        /// The caller's role here.
        role: Option<&'static str>,
    },
    /// The switched-off feature's key.
    Feature(&'static str),
    /// The state that forbids the move.
    State(String),
    /// A stale version, with the record as it is now and as the caller may see it.
    Version {
        /// The version in the database.
        current: i64,
        /// The version the caller sent.
        yours: i64,
        /// The record now.
        latest: Value,
    },
    /// When to try again, in whole seconds.
    RetryAfter(u32),
    /// Anything else that helps the caller.
    Data(Value),
}

/// An error that a caller will see. Its `Display` says what to do next, in words for a person.
pub trait Fault: std::error::Error {
    /// The machine-readable name.
    fn code(&self) -> Code;

    /// The kind; follows from the code.
    fn kind(&self) -> Kind {
        self.code().kind()
    }

    /// What goes with it.
    fn detail(&self) -> Detail {
        Detail::None
    }

    /// Set when this is no refusal at all, but the stored answer to a repeated idempotency key (W9).
    fn replayed(&self) -> Option<&Outcome> {
        None
    }
}

/// Somebody else changed the record since the caller read it (W7). Carries it as it is now, as the caller may see it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("This record has been modified by another user")]
pub struct VersionConflict {
    /// The version in the store.
    pub current: i64,
    /// The version the caller saw.
    pub yours: i64,
    /// The record's view now.
    pub latest: Value,
}

impl VersionConflict {
    /// A conflict over a record whose view is `latest`.
    pub fn new<View: Serialize>(current: i64, yours: i64, latest: &View) -> Self {
        Self { current, yours, latest: serde_json::to_value(latest).unwrap_or(Value::Null) }
    }

    /// Refuses when the caller saw another version. Asked after the state was judged, never before.
    pub fn check<View: Serialize>(current: i64, yours: i64, latest: impl FnOnce() -> View) -> Result<(), Self> {
        if current == yours { Ok(()) } else { Err(Self::new(current, yours, &latest())) }
    }
}

impl Fault for VersionConflict {
    fn code(&self) -> Code {
        Code::VersionConflict
    }

    fn detail(&self) -> Detail {
        Detail::Version { current: self.current, yours: self.yours, latest: self.latest.clone() }
    }
}

/// Implements [`Fault`] for a use case's error. The variants after `through` hold an error that knows its own code; of the
/// others each line names a pattern and its code, and with `with` what goes with it. There is no `_`: a new variant does not
/// compile without its line.
///
/// ```
/// use domicile_kernel::{Code, Detail, Fault, Refusal, StoreError, faults};
///
/// #[derive(Debug, thiserror::Error)]
/// enum OpenWindowError {
///     #[error(transparent)]
///     Refused(#[from] Refusal),
///     #[error("The window is painted shut")]
///     Shut { since: u16 },
///     #[error(transparent)]
///     Store(#[from] StoreError),
/// }
///
/// faults!(OpenWindowError: through Refused, Store;
///     Self::Shut { since } => ResourceConflict with Detail::State(format!("shut since {since}")));
///
/// assert_eq!(OpenWindowError::Shut { since: 1987 }.code(), Code::ResourceConflict);
/// ```
#[macro_export]
macro_rules! faults {
    ($error:ty: through $($inner:ident),* $(; $($pattern:pat => $code:ident $(with $detail:expr)?),+)? $(,)?) => {
        #[allow(unused_variables, reason = "a pattern names what only the detail needs")]
        impl $crate::Fault for $error {
            fn code(&self) -> $crate::Code {
                match self {
                    $(Self::$inner(inner) => $crate::Fault::code(inner),)*
                    $($($pattern => $crate::Code::$code,)+)?
                }
            }

            fn detail(&self) -> $crate::Detail {
                match self {
                    $(Self::$inner(inner) => $crate::Fault::detail(inner),)*
                    $($($pattern => $crate::faults!(@detail $($detail)?),)+)?
                }
            }

            fn replayed(&self) -> Option<&$crate::Outcome> {
                match self {
                    $(Self::$inner(inner) => $crate::Fault::replayed(inner),)*
                    $($($pattern => None,)+)?
                }
            }
        }
    };
    (@detail) => { $crate::Detail::None };
    (@detail $detail:expr) => { $detail };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_capitals() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()));
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
    }
}
