//! The words every part of Domicile shares: ids, money, instants and days, clean text, pages, who is calling and what
//! they may do, the unit of work, events and refusals.
//!
//! This crate is pure: it reads no clock, makes no randomness, opens nothing. What it needs from outside are the ports
//! in [`ports`]. A domain crate depends on this one and on no other domain crate.
//!
//! Where to look:
//!
//! | question | file |
//! | --- | --- |
//! | who may do what | [`permission`], one table |
//! | what can be switched off for a hostel | [`feature`] |
//! | what a use case is handed first | [`call`] |
//! | how a change becomes permanent, and how the outside hears of it | [`uow`], [`event`], [`audit`], [`job`] |
//! | how a refusal is classified | [`fault`] |
//! | how input is checked | [`check`], [`text`] |
#![warn(missing_docs)]

pub mod actor;
pub mod address;
pub mod audit;
pub mod call;
pub mod check;
pub mod event;
pub mod fault;
pub mod feature;
pub mod id;
pub mod job;
pub mod money;
pub mod page;
pub mod permission;
pub mod ports;
pub mod text;
pub mod time;
pub mod uow;

pub use actor::{Actor, Role, Who};
pub use audit::AuditEntry;
pub use call::{Call, IdempotencyKey, Purpose, Refusal, RequestId, Scope};
pub use check::{Checks, FieldError, FieldErrors};
pub use event::{Audience, Event, NewEvent};
pub use fault::{Code, Detail, Fault, Kind, VersionConflict};
pub use feature::{Feature, Flags};
pub use id::{AccountId, AuditId, EventId, HostelId, JobId, SessionId};
pub use job::{JobTicket, NewJob};
pub use money::{Currency, Money};
pub use page::{Cursor, Page, PageOf, Position};
pub use permission::Permission;
pub use ports::{Ambient, Clock, IdSource, Secrets};
pub use text::Text;
pub use time::{HostelDay, Instant, Zone};
pub use uow::{Outcome, StoreError, UnitOfWork};
