//! The records and values of this context. Values are made only by constructors that check; records are plain, because an
//! adapter must be able to write every field back, and what may change in them is decided by their methods.

pub mod account;
pub mod challenge;
pub mod membership;
pub mod password;
pub mod session;
pub mod socket_ticket;

pub use account::{Account, AccountStatus, Email, Username};
pub use challenge::{AskedFrom, Challenge, ChallengeId, ChallengePurpose, Tries};
pub use membership::{Card, Membership, MembershipStatus};
pub use session::{RevokeReason, Session, Verdict};
pub use socket_ticket::SocketTicket;

/// A closed list of words: as the database and the wire spell them, and back.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Every word, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($text),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The one with this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}
pub(crate) use words;
