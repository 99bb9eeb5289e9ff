//! The read port in memory.

use async_trait::async_trait;
use domicile_kernel::{Call, Cursor, HostelId, Page, PageOf, StoreError};

use super::{MemoryBookings, State};
use crate::{
    model::{Booking, BookingId, Room, RoomId, RoomStatus, StayDates},
    queries::{BookingFilter, BookingQueries, BookingView, FLOORLESS, RoomFilter, RoomView},
};

#[async_trait]
impl BookingQueries for MemoryBookings {
    async fn rooms(&self, call: &Call, filter: &RoomFilter, page: &Page) -> Result<PageOf<RoomView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let matching = |room: &&Room| matches_room(&state, room, filter);
        let rooms = state.rooms.iter().filter(|((of, _), _)| *of == hostel).map(|(_, room)| room).filter(matching);
        let mut views: Vec<RoomView> = rooms.map(|room| view_of(&state, room, filter.available)).collect();
        match page.sort {
            "monthly_price" => views.sort_by_key(|room| (room.monthly_price.amount_minor(), room.id)),
            "floor" => views.sort_by_key(|room| (floor_key(room), room.id)),
            "created_at" => views.sort_by_key(|room| (room.created_at, room.id)),
            _ => views.sort_by_key(|room| (crate::model::name_key(room.name.as_str()), room.id)),
        }
        if page.descending {
            views.reverse();
        }
        Ok(PageOf::cut(views, page, |room| Cursor {
            key: match page.sort {
                "monthly_price" => room.monthly_price.amount_minor().to_string(),
                "floor" => floor_key(room).to_string(),
                "created_at" => room.created_at.micros().to_string(),
                _ => crate::model::name_key(room.name.as_str()),
            },
            id: room.id.uuid(),
        }))
    }

    async fn room(
        &self,
        call: &Call,
        id: RoomId,
        available: Option<StayDates>,
    ) -> Result<Option<RoomView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        Ok(state.rooms.get(&(hostel, id)).map(|room| view_of(&state, room, available)))
    }

    async fn bookings(
        &self,
        call: &Call,
        filter: &BookingFilter,
        page: &Page,
    ) -> Result<PageOf<BookingView>, StoreError> {
        let hostel = hostel_of(call)?;
        let state = self.state();
        let own = state.bookings.iter().filter(|((of, _), _)| *of == hostel).map(|(_, booking)| booking);
        let mut views: Vec<BookingView> =
            own.filter(|booking| matches_booking(booking, filter)).map(BookingView::of).collect();
        match page.sort {
            "check_in_date" => views.sort_by_key(|booking| (booking.check_in_date, booking.id)),
            _ => views.sort_by_key(|booking| (booking.created_at, booking.id)),
        }
        if page.descending {
            views.reverse();
        }
        Ok(PageOf::cut(views, page, |booking| Cursor {
            key: match page.sort {
                "check_in_date" => booking.check_in_date.to_string(),
                _ => booking.created_at.micros().to_string(),
            },
            id: booking.id.uuid(),
        }))
    }

    async fn booking(&self, call: &Call, id: BookingId) -> Result<Option<BookingView>, StoreError> {
        let hostel = hostel_of(call)?;
        Ok(self.state().bookings.get(&(hostel, id)).map(BookingView::of))
    }
}

fn hostel_of(call: &Call) -> Result<HostelId, StoreError> {
    call.scope.hostel().ok_or_else(|| StoreError::Other("a booking belongs to a hostel".into()))
}

fn floor_key(room: &RoomView) -> i64 {
    room.floor.map_or(FLOORLESS, i64::from)
}

fn free_beds(state: &State, room: &Room, nights: StayDates) -> usize {
    let held = |bed| {
        let mut bookings = state.bookings.values();
        bookings
            .any(|other| other.record().bed_id == bed && other.status().holds_bed() && other.dates().overlaps(nights))
    };
    room.record().beds.iter().filter(|bed| !held(bed.id)).count()
}

fn view_of(state: &State, room: &Room, available: Option<StayDates>) -> RoomView {
    RoomView { available_beds: available.map(|nights| free_beds(state, room, nights)), ..RoomView::of(room) }
}

fn matches_room(state: &State, room: &Room, filter: &RoomFilter) -> bool {
    let is = room.record();
    let price = is.monthly_price.amount_minor();
    let offers = |wanted: &str| is.amenities.iter().any(|amenity| amenity.as_str().eq_ignore_ascii_case(wanted));
    filter.status.is_none_or(|status| is.status == status)
        && filter.room_type.as_ref().is_none_or(|room_type| is.room_type == *room_type)
        && filter.floor.is_none_or(|floor| is.floor == Some(floor))
        && filter.min_price.is_none_or(|least| price >= least)
        && filter.max_price.is_none_or(|most| price <= most)
        && filter.amenity.as_ref().is_none_or(|wanted| offers(wanted.as_str()))
        && filter.available.is_none_or(|nights| is.status == RoomStatus::Active && free_beds(state, room, nights) > 0)
}

fn matches_booking(booking: &Booking, filter: &BookingFilter) -> bool {
    let is = booking.record();
    filter.status.is_none_or(|status| booking.status() == status)
        && filter.user_id.is_none_or(|person| is.user_id == person)
        && filter.room_id.is_none_or(|room| is.room_id == room)
        && filter.from.is_none_or(|from| is.dates.check_out() > from)
        && filter.to.is_none_or(|to| is.dates.check_in() < to)
}
