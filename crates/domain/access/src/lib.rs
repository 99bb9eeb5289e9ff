//! Accounts, memberships, credentials, sessions and one-time codes: who somebody is, and what they may enter.
//!
//! Nouns: an *account* is a person, one for the whole installation. A *membership* says what an account is in one hostel,
//! and carries that hostel's *directory card* of the person. A *session* is one sign-in on one device, a family of refresh
//! tokens of which only the newest counts. A *challenge* is a six-digit code on its way to somebody's mailbox.
//!
//! Invariants, each held where it is named:
//!
//! - Whether an address is known is never told: not by an answer, not by the number of hashes computed
//!   ([`usecases::sign_in`], A1).
//! - A refresh token works once; an old one that comes back ends the whole session, except within a short grace for
//!   parallel tabs ([`model::session`], J4b).
//! - A code dies with its fifth wrong guess, and the guesses are counted even though they are refused
//!   ([`usecases::sign_in`], J4a). Nobody elsewhere can use up the guesses of whoever asked for it, nor take it away
//!   ([`model::challenge`]).
//! - Who came in is remembered for a moment, but only ever to let them in again: before somebody is turned away the store is
//!   asked, and what ends a standing is told as an event that makes every memory forget it
//!   ([`ports::StandingMemory`], J10).
//! - Nobody gives, takes or touches a role at or above their own, except a super_admin ([`policy`], J6).
//! - What a hostel's admin edits is the card, never the account ([`model::membership`], J16).
//!
//! To add a use case: a file under [`usecases`] with the command, its error and a method on the service; a method on a port
//! in [`ports`] if it needs a new question asked; a promise in [`contract`](crate) if it does.
//!
//! # Signing in with no database
//!
//! ```
//! use domicile_access::{memory::Memory, usecases::{directory::CreateSuperAdmin, sign_in::Login}};
//! use domicile_access::{Directory, Password, SignIn};
//! use domicile_kernel::{Actor, Call, Purpose, RequestId, Scope, Who};
//!
//! # #[allow(clippy::disallowed_methods)] // a doc example may vouch
//! # fn main() {
//! pollster::block_on(async {
//!     let memory = Memory::at("2026-01-20T10:00:00Z");
//!     let call = |who| Call::new(
//!         Actor::vouched_for(who),
//!         Scope::System(Purpose::Installation),
//!         RequestId::accept("example").unwrap(),
//!     );
//!     Directory::new(memory.parts.clone())
//!         .create_super_admin(&call(Who::Operator), CreateSuperAdmin {
//!             email: Some("ama@example.com".into()),
//!             password: Some(Password::new("Kente-cloth-7!")),
//!             ..CreateSuperAdmin::default()
//!         })
//!         .await
//!         .unwrap();
//!     let signed_in = SignIn::new(memory.parts.clone())
//!         .login(&call(Who::Anonymous), Login {
//!             identifier: Some("Ama@Example.com".into()),
//!             password: Some(Password::new("Kente-cloth-7!")),
//!             ..Login::default()
//!         })
//!         .await
//!         .unwrap();
//!     assert!(signed_in.user.super_admin);
//! });
//! # }
//! ```
#![warn(missing_docs)]

#[cfg(feature = "contract")]
pub mod contract;
pub mod crypto;
pub mod events;
pub mod mail;
#[cfg(feature = "memory")]
pub mod memory;
pub mod model;
mod parts;
pub mod policy;
pub mod ports;
pub mod queries;
pub mod refusals;
pub mod usecases;

pub use crypto::{
    AccessClaims, AccessTokens, CodeHasher, HashingError, Password, PasswordHash, PasswordHasher, RefreshTokens,
    SecretText, TokenError, Verified,
};
pub use mail::{Mail, MailTemplate};
pub use model::{
    Account, AccountStatus, AskedFrom, Card, Challenge, ChallengeId, ChallengePurpose, Email, Membership,
    MembershipStatus, RevokeReason, Session, SocketTicket, Tries, Username,
};
pub use parts::{AccessConfig, Parts};
pub use ports::{
    AccessQueries, AccessUow, AccessUows, AccountRepository, ChallengeRepository, HouseFacts, HouseKind,
    HouseRepository, HouseStanding, MembershipRepository, Moment, Registration, SessionRepository,
    SocketTicketRepository, Standing, StandingMemory,
};
pub use queries::{
    AuditFilter, AuditView, HostelMembershipView, ProfileView, SessionView, SignedInUserView, UserFilter, UserView,
};
pub use usecases::{
    admission::{Admission, AdmissionError, Admissions, HostelRequirement},
    directory::Directory,
    own::OwnAccount,
    sign_in::SignIn,
    sweep::{Purged, Sweeper},
};
