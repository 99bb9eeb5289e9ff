//! What this context needs from outside. Every promise made here is checked by [`contract`](crate::contract), which runs
//! over the ports in memory and over each database.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domicile_kernel::{AccountId, Call, Instant, StoreError, UnitOfWork, ports::Ambient};

use crate::{
    events::BookingChange,
    model::{BedId, Booking, BookingId, HouseTerms, Room, RoomId, StayDates},
};

/// Opens units of work on the rows of the call's hostel.
#[async_trait]
pub trait BookingUows: Send + Sync {
    /// Begins. Answers [`StoreError::Replayed`] when the call's idempotency key was used before.
    async fn begin(&self, call: &Call) -> Result<Box<dyn BookingUow>, StoreError>;
}

/// The rooms, beds and bookings of one hostel, to be changed together or not at all.
///
/// Whoever takes several locks takes them in this order, so that no two units of work can wait for each other: a booking,
/// then its guest, then the beds of a room, and what the accounts lock at last.
#[async_trait]
pub trait BookingUow: UnitOfWork {
    /// Rooms with their beds.
    fn rooms(&mut self) -> &mut dyn RoomRepository;
    /// Bookings.
    fn bookings(&mut self) -> &mut dyn BookingRepository;
    /// Who may stay.
    fn people(&mut self) -> &mut dyn People;
    /// Who keeps the guests' accounts.
    fn accounts(&mut self) -> &mut dyn StayAccounts;
    /// The terms the hostel lets by.
    async fn terms(&mut self) -> Result<HouseTerms, StoreError>;
}

/// What became of writing a room. After anything but `Written` the unit of work is only good for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RoomWritten {
    /// It is written.
    Written,
    /// Another room of the hostel has the name.
    NameTaken,
    /// The room in the store is not the version before this one, or is not there; of a new one, the hostel's prices are in
    /// another currency by now.
    Stale,
}

/// Keeps rooms with their beds. A deleted room is found no more, but its past bookings stay.
#[async_trait]
pub trait RoomRepository: Send {
    /// The room, if it is there.
    async fn find(&mut self, id: RoomId) -> Result<Option<Room>, StoreError>;

    /// Locks the beds of the room, in the order of their ids, and then reads it: what is read stays true until the end of
    /// the unit of work, for everybody who places, moves or takes away locks the beds first.
    async fn lock(&mut self, id: RoomId) -> Result<Option<Room>, StoreError>;

    /// Writes a new room with its beds, if it is priced in the currency of the hostel, which stays the hostel's then.
    async fn insert(&mut self, room: &Room) -> Result<RoomWritten, StoreError>;

    /// Writes the room over the version before it, beds included: new ones are added; those that are not in it any more
    /// go, though past bookings may still name them.
    async fn update(&mut self, room: &Room) -> Result<RoomWritten, StoreError>;

    /// Takes the room of this version away. False when it is not there in this version.
    async fn delete(&mut self, id: RoomId, version: i64, at: Instant) -> Result<bool, StoreError>;
}

/// What became of writing a booking. After anything but `Written` the unit of work is only good for a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum BookingWritten {
    /// It is written.
    Written,
    /// Another booking holds the bed on one of the nights.
    BedTaken,
    /// The guest holds another bed of the hostel on one of the nights.
    PersonTaken,
    /// The booking in the store is not the version before this one, or is not there.
    Stale,
}

/// Keeps bookings, and keeps two of them out of one bed whatever the caller forgot to ask: that is a promise of the store
/// itself, not of the code before it (J23).
#[async_trait]
pub trait BookingRepository: Send {
    /// The booking, if it is there.
    async fn find(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError>;

    /// Locks the booking and reads it as it is then.
    async fn lock(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError>;

    /// Writes a new booking. Never answers `Stale`.
    async fn insert(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError>;

    /// Writes the booking over the version before it.
    async fn update(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError>;

    /// Takes the booking of this version away. False when it is not there in this version.
    async fn delete(&mut self, id: BookingId, version: i64) -> Result<bool, StoreError>;

    /// Whether the person holds a bed of the hostel on one of the nights, not counting the booking `except`.
    async fn person_holds(
        &mut self,
        person: AccountId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<bool, StoreError>;

    /// The beds of the room that are held on one of the nights, not counting the booking `except`.
    async fn beds_taken(
        &mut self,
        room: RoomId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<BTreeSet<BedId>, StoreError>;

    /// The beds of the room that are held by anybody on any night, past or coming.
    async fn beds_held(&mut self, room: RoomId) -> Result<BTreeSet<BedId>, StoreError>;
}

/// Who may stay in the hostel.
#[async_trait]
pub trait People: Send {
    /// Locks the person's membership, so that one person books once at a time, and tells whether it is an active one.
    async fn lock_member(&mut self, person: AccountId) -> Result<bool, StoreError>;
}

/// Keeps the guests' accounts, and hears of every change of a stay in the unit of work that makes it, so that what is owed
/// is never that of another stay than the one that is written (J32).
#[async_trait]
pub trait StayAccounts: Send {
    /// Hears of a booking that was made, moved on or rearranged, after it was written. Told twice of the same booking it
    /// changes nothing the second time. An error gives the change up.
    async fn stay_changed(
        &mut self,
        ambient: &Ambient,
        booking: &Booking,
        change: BookingChange,
    ) -> Result<(), StoreError>;
}
