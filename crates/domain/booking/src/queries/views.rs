//! What is told of rooms and bookings. A view is the shape on the wire, what is stored as the answer to an idempotency
//! key, and the latest record in a version conflict.

use domicile_kernel::{AccountId, HostelDay, HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use crate::{
    model::{Bed, BedId, Booking, BookingId, BookingStatus, Room, RoomId, RoomStatus},
    policy::{EarlierPrice, PriceRule},
};

/// A room as it is told (J20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RoomView {
    /// Which.
    pub id: RoomId,
    /// Whose.
    pub hostel_id: HostelId,
    /// What it is called.
    pub name: Text,
    /// Its type, lower case.
    pub room_type: Text,
    /// Its floor; 0 is the ground floor.
    pub floor: Option<i32>,
    /// How many beds it has.
    pub bed_count: usize,
    /// The beds, by label.
    pub beds: Vec<Bed>,
    /// For one bed and one month.
    pub monthly_price: Money,
    /// What it offers.
    pub amenities: Vec<Text>,
    /// How it is.
    pub description: Option<Text>,
    /// Whether it is let.
    pub status: RoomStatus,
    /// How many beds are free on every one of the asked nights; only when nights were asked for (J21).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_beds: Option<usize>,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl RoomView {
    /// What is told of a room when nobody asked for nights.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        Self::from(room.clone())
    }
}

impl From<Room> for RoomView {
    fn from(room: Room) -> Self {
        let room = room.into_record();
        Self {
            id: room.id,
            hostel_id: room.hostel_id,
            name: room.name,
            room_type: room.room_type,
            floor: room.floor,
            bed_count: room.beds.len(),
            beds: room.beds,
            monthly_price: room.monthly_price,
            amenities: room.amenities,
            description: room.description,
            status: room.status,
            available_beds: None,
            version: room.version,
            created_at: room.created_at,
            updated_at: room.updated_at,
        }
    }
}

/// A booking as it is told to its guest and to the house (J22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BookingView {
    /// Which.
    pub id: BookingId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// Which room.
    pub room_id: RoomId,
    /// Which bed of it.
    pub bed_id: BedId,
    /// Who stays.
    pub user_id: AccountId,
    /// Where it stands.
    pub status: BookingStatus,
    /// The first day.
    pub check_in_date: HostelDay,
    /// The day of leaving.
    pub check_out_date: HostelDay,
    /// Whom to call.
    pub emergency_contact_name: Option<Text>,
    /// Under which number, E.164.
    pub emergency_contact_phone: Option<String>,
    /// Wishes.
    pub special_requests: Option<Text>,
    /// Always true: without it there is no booking.
    pub terms_accepted: bool,
    /// What the whole stay costs.
    pub total_price: Money,
    /// How that was found.
    pub price_rule: PriceRule,
    /// The prices of the nights before the guest moved to a room of another price, by their days; absent when nobody moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_prices: Vec<EarlierPrice>,
    /// Why it was rejected or cancelled, if somebody said; `hold_expired` when nobody agreed in time.
    pub reason: Option<Text>,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl BookingView {
    /// What is told of a booking.
    #[must_use]
    pub fn of(booking: &Booking) -> Self {
        let booking = booking.record().clone();
        Self {
            id: booking.id,
            hostel_id: booking.hostel_id,
            room_id: booking.room_id,
            bed_id: booking.bed_id,
            user_id: booking.user_id,
            status: booking.state.status(),
            check_in_date: booking.dates.check_in(),
            check_out_date: booking.dates.check_out(),
            emergency_contact_name: booking.contact.name,
            emergency_contact_phone: booking.contact.phone,
            special_requests: booking.special_requests,
            terms_accepted: true,
            total_price: booking.quote.total,
            price_rule: booking.quote.rule,
            earlier_prices: booking.earlier_prices,
            reason: booking.state.reason().cloned(),
            version: booking.version,
            created_at: booking.created_at,
            updated_at: booking.updated_at,
        }
    }
}
