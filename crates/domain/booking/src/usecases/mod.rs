//! What can be done, one file a command.

pub mod approve;
pub mod cancel;
pub mod check_in;
pub mod check_out;
pub mod create;
pub mod create_room;
pub mod delete;
pub mod delete_room;
pub mod end_hold;
pub(crate) mod fields;
mod moves;
pub mod reject;
pub mod update;
pub mod update_room;

pub use cancel::CancelBooking;
pub use check_out::CheckOutBooking;
pub use create::{CreateBooking, CreateBookingError};
pub use create_room::{CreateRoom, CreateRoomError};
pub use delete_room::DeleteRoomError;
pub use end_hold::{EndHoldError, HoldPayload};
pub use moves::MoveBookingError;
pub use reject::RejectBooking;
pub use update::{UpdateBooking, UpdateBookingError};
pub use update_room::{UpdateRoom, UpdateRoomError};
