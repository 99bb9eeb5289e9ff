//! Stays and their moves. Writes are gated by the feature `room_booking`.

use actix_web::web;
use domicile_booking::{
    BookingView, CancelBooking, CheckOutBooking, CreateBooking, ListBookings, RejectBooking, UpdateBooking,
};
use domicile_kernel::{Feature, Permission};

use crate::{
    Nothing,
    endpoints::bookings,
    operation::{LimitClass, Operation},
};

const TAG: &str = "Bookings";

pub(super) fn rows() -> Vec<Operation> {
    vec![
        Operation::get("bookings.list", "/bookings", TAG, "The stays of the hostel, or one's own", || {
            web::route().to(bookings::list::handle)
        })
        .needs(&[Permission::BookingsReadOwn])
        .lists::<BookingView, ListBookings>(),
        Operation::create("bookings.create", "/bookings", TAG, "Ask for a bed", || {
            web::route().to(bookings::create::handle)
        })
        .needs(&[Permission::BookingsCreate])
        .gated(Feature::RoomBooking)
        .limited(LimitClass::CreateBooking)
        .takes::<CreateBooking>()
        .answers::<BookingView>(),
        Operation::get("bookings.get", "/bookings/{id}", TAG, "One stay", || web::route().to(bookings::get::handle))
            .needs(&[Permission::BookingsReadOwn])
            .answers::<BookingView>(),
        Operation::put(
            "bookings.update",
            "/bookings/{id}",
            TAG,
            "Move, extend or shorten a stay, or move its status",
            || web::route().to(bookings::update::handle),
        )
        .needs(&[Permission::BookingsReadOwn])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<UpdateBooking>()
        .answers::<BookingView>(),
        Operation::delete("bookings.delete", "/bookings/{id}", TAG, "Remove a stay that has ended", || {
            web::route().to(bookings::delete::handle)
        })
        .needs(&[Permission::BookingsDelete])
        .gated(Feature::RoomBooking)
        .versioned(),
        Operation::moves("bookings.approve", "/bookings/{id}/approve", TAG, "Agree to a stay", || {
            web::route().to(bookings::approve::handle)
        })
        .needs(&[Permission::BookingsApprove])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<Nothing>()
        .answers::<BookingView>(),
        Operation::moves("bookings.reject", "/bookings/{id}/reject", TAG, "Refuse a stay", || {
            web::route().to(bookings::reject::handle)
        })
        .needs(&[Permission::BookingsApprove])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<RejectBooking>()
        .answers::<BookingView>(),
        Operation::moves("bookings.cancel", "/bookings/{id}/cancel", TAG, "Give the bed back", || {
            web::route().to(bookings::cancel::handle)
        })
        .needs(&[Permission::BookingsReadOwn])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<CancelBooking>()
        .answers::<BookingView>(),
        Operation::moves("bookings.check_in", "/bookings/{id}/check-in", TAG, "The guest is here", || {
            web::route().to(bookings::check_in::handle)
        })
        .needs(&[Permission::BookingsUpdate])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<Nothing>()
        .answers::<BookingView>(),
        Operation::moves("bookings.check_out", "/bookings/{id}/check-out", TAG, "The guest has left", || {
            web::route().to(bookings::check_out::handle)
        })
        .needs(&[Permission::BookingsUpdate])
        .gated(Feature::RoomBooking)
        .versioned()
        .takes::<CheckOutBooking>()
        .answers::<BookingView>(),
    ]
}
