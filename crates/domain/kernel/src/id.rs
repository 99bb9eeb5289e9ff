//! Identities. Each kind of thing has its own newtype over a UUID, so that a room can never be passed for a bed.
//! Ids that we make are UUIDv7 and come from [`IdSource`](crate::ports::IdSource); any UUID is accepted in (W5).

/// Makes a newtype over a UUID with the traits every id has: text form, serde, ordering (by creation for UUIDv7).
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// Wraps a UUID that is known to name this kind of thing.
            #[must_use]
            pub const fn new(value: uuid::Uuid) -> Self {
                Self(value)
            }

            /// The bare UUID, for an adapter's column or path.
            #[must_use]
            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(value: uuid::Uuid) -> Self {
                Self(value)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id_type!(
    /// A tenant: a hostel or a society.
    HostelId
);
id_type!(
    /// A person's account, one for the whole installation. The wire calls it `user_id`.
    AccountId
);
id_type!(
    /// One sign-in on one device: a refresh-token family.
    SessionId
);
id_type!(
    /// An event, the same id from the outbox to every consumer.
    EventId
);
id_type!(
    /// A row of the audit trail.
    AuditId
);
id_type!(
    /// A job to be done later.
    JobId
);
