//! The nouns of booking: rooms and their beds, stays and their states, and the terms a house lets by.

mod booking;
mod dates;
mod room;
mod terms;

pub use booking::{
    Booking, BookingRecord, BookingState, BookingStatus, EmergencyContact, IllegalMove, Move, Rearranged,
};
pub use dates::{EmptyStay, StayDates};
#[cfg(feature = "memory")]
pub(crate) use room::name_key;
pub use room::{Bed, NoBed, Room, RoomChanges, RoomRecord, RoomStatus, bed_label, bed_position};
pub use terms::HouseTerms;

#[cfg(test)]
pub(crate) use room::tests::room as room_for_tests;

domicile_kernel::id_type!(
    /// A room of a hostel.
    RoomId
);
domicile_kernel::id_type!(
    /// A bed of a room: what is really let.
    BedId
);
domicile_kernel::id_type!(
    /// A stay, from the asking to the end.
    BookingId
);
