//! Hostels and societies as tenants: that they exist, how each is set up, and which features it has switched on.
//!
//! Nouns: a [`Hostel`] is the one tenant concept, of kind hostel or society (J1). Its [`Settings`] are one record a hostel
//! (J15); its flags are a [`Flags`](domicile_kernel::Flags) set with one bit a feature (J12).
//!
//! Invariants:
//! - A hostel is made together with its settings and its flags, in one unit of work: none exists without them.
//! - Settings are always complete and within their printed ranges; a change names only what it changes.
//! - What an admin may change and what only a super_admin may change is decided by [`UpdateSettings::needs`], once.
//!
//! This crate knows neither people nor memberships: who is a member is in the call, and [`ports::TenancyQueries`]
//! answers in which hostels an account is.
//!
//! To add a use case: a command and its error in `usecases/<verb>.rs`, a method on [`Tenancy`] there, what happened in
//! [`events`], what it needs from outside in [`ports`] with its promise in `contract` and its behaviour in `memory`.
//!
//! Making a hostel in somebody else's test, without a database:
//!
//! ```
//! use domicile_kernel::{Actor, Call, Purpose, RequestId, Scope, Who, ports::fixed};
//! use domicile_tenancy::{CreateHostel, Tenancy, memory::MemoryTenancy};
//!
//! # pollster::block_on(async {
//! let (ambient, _clock) = fixed::ambient("2026-01-20T10:30:00Z");
//! let store = MemoryTenancy::new();
//! let tenancy = Tenancy::new(store.uows(), store.queries(), ambient.clone());
//!
//! let operator = Actor::vouched_for(Who::Operator);
//! let call = Call::new(operator, Scope::System(Purpose::Installation), RequestId::from_uuid(ambient.id()));
//! let command = CreateHostel { name: Some("Green Acres".into()), ..CreateHostel::default() };
//! let hostel = tenancy.create_hostel(&call, command).await.unwrap();
//!
//! let inside = call.within(Scope::Hostel(hostel.id));
//! assert_eq!(tenancy.settings(&inside).await.unwrap().currency.code(), "GHS");
//! assert!(tenancy.flags(&inside).await.unwrap().room_booking);
//! assert_eq!(store.events().await[0].kind, "hostel.created");
//! # });
//! ```
#![warn(missing_docs)]

#[cfg(feature = "contract")]
pub mod contract;
pub mod events;
#[cfg(feature = "memory")]
pub mod memory;
pub mod model;
pub mod ports;
pub mod queries;
pub mod usecases;

pub use model::{
    ClockTime, FlagsView, Hostel, HostelKind, HostelStatus, HostelView, Proration, QuietHours, Registration, Settings,
    SettingsView, SlaHours,
};
pub use ports::{FlagRepository, HostelRepository, SettingsRepository, TenancyQueries, TenancyUow, TenancyUows};
pub use queries::{HOSTEL_SORTS, ReadTenancyError};
pub use usecases::{
    CreateHostel, CreateHostelError, QuietHoursInput, SlaHoursInput, Tenancy, UpdateFlags, UpdateFlagsError,
    UpdateHostel, UpdateHostelError, UpdateSettings, UpdateSettingsError,
};
