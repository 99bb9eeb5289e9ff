//! Letting beds: rooms, their beds, and the stays in them, from the asking to the moving out.
//!
//! | noun | meaning |
//! | --- | --- |
//! | [`Room`](model::Room) | has a monthly price and 1 to 100 beds; active, under maintenance or closed |
//! | [`Bed`](model::Bed) | what is really let; its label never changes |
//! | [`Booking`](model::Booking) | one person's stay in one bed for the nights `[check-in, check-out)` |
//! | [`HouseTerms`](model::HouseTerms) | what the hostel decided about all this |
//!
//! What always holds (J23): no two stays that are pending, approved or checked in share a bed on a night, and no person has
//! two of them on a night. The use cases ask first; the store refuses whatever they forgot.
//!
//! [`FrontDesk`] is the whole of it: every command and every reading is a method there. To add a command, make a file in
//! `usecases`, named by its verb; what it needs from outside goes into [`ports`], with a promise in `contract`, and what it
//! tells the outside into the table in [`events`].
//!
//! # Book a bed with no database
//!
//! The feature `memory` has every port in memory, so that a test of your own needs neither a database nor a runtime:
//!
//! ```
//! use std::sync::Arc;
//! use domicile_booking::{CreateBooking, CreateRoom, FrontDesk, memory::MemoryBookings, model::HouseTerms};
//! use domicile_kernel::{
//!     AccountId, Actor, Call, Currency, HostelId, Money, RequestId, Role, Scope, SessionId, Who, ports::fixed,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! let (ambient, _clock) = fixed::ambient("2026-01-20T10:00:00Z");
//! let (hostel, ama, kofi): (HostelId, AccountId, AccountId) = (ambient.id(), ambient.id(), ambient.id());
//! let memory = MemoryBookings::new();
//! memory.open_hostel(hostel, HouseTerms::default());
//! memory.enrol(hostel, kofi);
//! let desk = FrontDesk::new(Arc::new(memory.clone()), Arc::new(memory), ambient.clone());
//!
//! // A test vouches for its own actors; elsewhere they come from signing in.
//! let signed_in = |id, role| {
//!     let who = Who::Account { id, session: SessionId::new(ambient.ids.uuid()), role: Some(role) };
//!     Call::new(Actor::vouched_for(who), Scope::Hostel(hostel), RequestId::from_uuid(ambient.ids.uuid()))
//! };
//! let (manager, student) = (signed_in(ama, Role::Manager), signed_in(kofi, Role::Student));
//!
//! let attic = desk.create_room(&manager, CreateRoom {
//!     name: Some("Attic".into()),
//!     room_type: Some("double".into()),
//!     bed_count: Some(2),
//!     monthly_price: Some(Money::new(45_000, Currency::GHS)),
//!     ..CreateRoom::default()
//! }).await?;
//! let stay = desk.create_booking(&student, CreateBooking {
//!     room_id: Some(attic.id.to_string()),
//!     check_in_date: Some("2026-02-01".into()),
//!     check_out_date: Some("2026-06-01".into()),
//!     terms_accepted: Some(true),
//!     ..CreateBooking::default()
//! }).await?;
//! assert_eq!(stay.total_price, Money::new(180_000, Currency::GHS));
//!
//! let stay = desk.approve_booking(&manager, stay.id, stay.version).await?;
//! assert_eq!(stay.status.as_str(), "approved");
//! # Ok(())
//! # })
//! # }
//! ```
#![warn(missing_docs)]

use std::sync::Arc;

use domicile_kernel::{Call, HostelId, Refusal, ports::Ambient};

#[cfg(feature = "contract")]
pub mod contract;
pub mod events;
#[cfg(feature = "memory")]
pub mod memory;
pub mod model;
pub mod policy;
pub mod ports;
pub mod queries;
pub mod usecases;

pub use queries::{
    BOOKING_SORTS, BookingFilter, BookingQueries, BookingView, ListBookings, ListRooms, ROOM_SORTS, ReadError,
    RoomFilter, RoomView,
};
pub use usecases::{
    CancelBooking, CheckOutBooking, CreateBooking, CreateBookingError, CreateRoom, CreateRoomError, DeleteRoomError,
    EndHoldError, HoldPayload, MoveBookingError, RejectBooking, UpdateBooking, UpdateBookingError, UpdateRoom,
    UpdateRoomError,
};

use ports::BookingUows;

/// The front desk of a house: makes and changes rooms, takes bookings and sees them through. Cheap to clone.
#[derive(Clone)]
pub struct FrontDesk {
    uows: Arc<dyn BookingUows>,
    queries: Arc<dyn BookingQueries>,
    ambient: Ambient,
}

impl FrontDesk {
    /// A desk over its ports.
    #[must_use]
    pub fn new(uows: Arc<dyn BookingUows>, queries: Arc<dyn BookingQueries>, ambient: Ambient) -> Self {
        Self { uows, queries, ambient }
    }

    /// The hostel whose rows the call may touch. A call in another scope has none, wherever its caller stands.
    fn house(call: &Call) -> Result<HostelId, Refusal> {
        call.scope.hostel().ok_or(Refusal::NoHostel)
    }
}
