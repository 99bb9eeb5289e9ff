//! Reading: the read port, what it answers, and the use cases that ask it.

mod lists;
mod views;

use async_trait::async_trait;
use domicile_kernel::{Call, FieldErrors, Page, PageOf, Permission, Refusal, StoreError, faults};

pub use lists::{BookingFilter, ListBookings, ListRooms, RoomFilter};
pub use views::{BookingView, RoomView};

use crate::{
    FrontDesk,
    model::{BookingId, RoomId, StayDates},
};

/// The fields a list of rooms can be sorted by; the first is the usual one. Names go by their lower-case characters, a room
/// without a floor stands below all others ([`FLOORLESS`]), and what is equal goes by id, in the same direction.
pub const ROOM_SORTS: &[&str] = &["name", "monthly_price", "floor", "created_at"];

/// The fields a list of bookings can be sorted by; the first is the usual one, latest first. What is equal goes by id, in
/// the same direction.
pub const BOOKING_SORTS: &[&str] = &["created_at", "check_in_date"];

/// The sort key of a room without a floor.
pub const FLOORLESS: i64 = -1000;

/// Reads what was committed, for the hostel of the call; asks nobody's permission.
#[async_trait]
pub trait BookingQueries: Send + Sync {
    /// The rooms that match, page by page, each with its beds. A cursor's key is the value of the sort field: the name in
    /// lower case, minor units, the floor (or [`FLOORLESS`]), microseconds.
    async fn rooms(&self, call: &Call, filter: &RoomFilter, page: &Page) -> Result<PageOf<RoomView>, StoreError>;

    /// One room, with its free beds counted when nights are given.
    async fn room(&self, call: &Call, id: RoomId, available: Option<StayDates>)
    -> Result<Option<RoomView>, StoreError>;

    /// The bookings that match, page by page. A cursor's key is the value of the sort field: microseconds or `YYYY-MM-DD`.
    async fn bookings(
        &self,
        call: &Call,
        filter: &BookingFilter,
        page: &Page,
    ) -> Result<PageOf<BookingView>, StoreError>;

    /// One booking.
    async fn booking(&self, call: &Call, id: BookingId) -> Result<Option<BookingView>, StoreError>;
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A filter makes no sense.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such room.
    #[error("Room not found")]
    RoomNotFound,
    /// No such booking.
    #[error("Booking not found")]
    BookingNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(ReadError: through Refused, Invalid, Store;
    Self::RoomNotFound => NotFound,
    Self::BookingNotFound => NotFound);

impl FrontDesk {
    /// The rooms of the hostel (J20), or those with a free bed on given nights (J21).
    pub async fn list_rooms(&self, call: &Call, asked: ListRooms, page: &Page) -> Result<PageOf<RoomView>, ReadError> {
        call.require(Permission::RoomsRead)?;
        Self::house(call)?;
        Ok(self.queries.rooms(call, &asked.check()?, page).await?)
    }

    /// One room.
    pub async fn room(&self, call: &Call, id: RoomId) -> Result<RoomView, ReadError> {
        call.require(Permission::RoomsRead)?;
        Self::house(call)?;
        self.queries.room(call, id, None).await?.ok_or(ReadError::RoomNotFound)
    }

    /// The bookings of the hostel, for who may see them all; otherwise one's own.
    pub async fn list_bookings(
        &self,
        call: &Call,
        asked: ListBookings,
        page: &Page,
    ) -> Result<PageOf<BookingView>, ReadError> {
        call.require(Permission::BookingsReadOwn)?;
        Self::house(call)?;
        let mut filter = asked.check()?;
        if !call.may(Permission::BookingsReadAll) {
            let own = call.account()?;
            if filter.user_id.is_some_and(|asked| asked != own) {
                return Err(Refusal::NotYours("bookings").into());
            }
            filter.user_id = Some(own);
        }
        Ok(self.queries.bookings(call, &filter, page).await?)
    }

    /// One booking, for its guest and for who may see them all.
    pub async fn booking(&self, call: &Call, id: BookingId) -> Result<BookingView, ReadError> {
        call.require(Permission::BookingsReadOwn)?;
        Self::house(call)?;
        let view = self.queries.booking(call, id).await?.ok_or(ReadError::BookingNotFound)?;
        if call.actor.account() == Some(view.user_id) || call.may(Permission::BookingsReadAll) {
            Ok(view)
        } else {
            Err(Refusal::NotYours("bookings").into())
        }
    }
}
