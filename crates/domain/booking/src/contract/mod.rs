//! What every implementation of the ports must do, as assertions to be run over it: over the ports in memory by this
//! crate's tests, over each database by its adapter's. A promise broken is a panic that says which.

#![expect(clippy::unwrap_used, reason = "a promise that is not kept should stop the check")]

mod bookings;
mod lists;
mod rooms;
mod transactions;

use std::sync::Arc;

use async_trait::async_trait;
use domicile_kernel::{
    AccountId, Actor, Call, Currency, HostelId, Instant, Money, RequestId, Role, Scope, SessionId, Text, Who,
    ports::Ambient,
};

use crate::{
    model::{
        Bed, BedId, Booking, BookingRecord, BookingState, EmergencyContact, HouseTerms, Room, RoomRecord, RoomStatus,
        StayDates, bed_label,
    },
    policy::{self, PriceRuleName},
    ports::{BookingUow, BookingUows, BookingWritten, RoomWritten},
    queries::BookingQueries,
};

/// An implementation under test, and how to set up what it does not write itself.
#[async_trait]
pub trait World: Send + Sync {
    /// Its units of work.
    fn uows(&self) -> Arc<dyn BookingUows>;

    /// Its reading.
    fn queries(&self) -> Arc<dyn BookingQueries>;

    /// Time and ids. Two calls never give the same id.
    fn ambient(&self) -> Ambient;

    /// A hostel that nothing else uses, with these terms, as many active members and one former member.
    async fn house(&self, terms: HouseTerms, members: usize) -> House;
}

/// A hostel to try things in.
#[derive(Debug, Clone)]
pub struct House {
    /// Which.
    pub id: HostelId,
    /// Its active members, in no order.
    pub members: Vec<AccountId>,
    /// Somebody whose membership has ended.
    pub former: AccountId,
}

/// Checks every promise, one after the other.
pub async fn all(world: &dyn World) {
    rooms::a_written_room_is_read_back_whole(world).await;
    rooms::a_name_is_taken_without_regard_to_case(world).await;
    rooms::a_room_of_another_currency_is_not_added(world).await;
    rooms::a_room_is_only_changed_from_the_version_before(world).await;
    rooms::beds_come_and_go_with_the_room_and_past_bookings_stay(world).await;
    rooms::a_deleted_room_is_gone_and_frees_its_name(world).await;
    rooms::one_hostel_never_sees_the_rooms_of_another(world).await;
    bookings::a_written_booking_is_read_back_whole_in_every_state(world).await;
    bookings::each_rule_of_pricing_is_kept_with_its_stay(world).await;
    bookings::inserting_over_a_held_bed_is_refused(world).await;
    bookings::inserting_a_second_stay_of_one_person_is_refused(world).await;
    bookings::touching_nights_and_ended_stays_are_in_nobodys_way(world).await;
    bookings::changing_onto_a_held_bed_is_refused(world).await;
    bookings::a_booking_is_only_changed_from_the_version_before(world).await;
    bookings::what_is_held_is_told_by_person_bed_and_night(world).await;
    bookings::only_active_members_may_stay(world).await;
    bookings::a_deleted_booking_is_gone(world).await;
    transactions::the_terms_are_the_hostels_own(world).await;
    transactions::what_is_rolled_back_or_dropped_never_was(world).await;
    transactions::a_key_used_again_gets_the_first_answer(world).await;
    transactions::a_refused_command_leaves_its_key_unused(world).await;
    lists::rooms_are_sorted_and_paged_every_way(world).await;
    lists::rooms_are_found_by_what_they_are(world).await;
    lists::rooms_are_found_by_the_nights_a_bed_is_free(world).await;
    lists::bookings_are_sorted_paged_and_found(world).await;
}

/// Everything a check needs, under short names.
struct Stage<'a> {
    world: &'a dyn World,
    ambient: Ambient,
    house: House,
}

impl<'a> Stage<'a> {
    async fn set(world: &'a dyn World) -> Self {
        Self { world, ambient: world.ambient(), house: world.house(HouseTerms::default(), 4).await }
    }

    fn member(&self, index: usize) -> AccountId {
        self.house.members.get(index).copied().unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "the contract plays a manager, whom nobody else vouches for")]
    fn call(&self) -> Call {
        let session = SessionId::new(self.ambient.ids.uuid());
        let who = Who::Account { id: self.member(0), session, role: Some(Role::Manager) };
        let request = RequestId::from_uuid(self.ambient.ids.uuid());
        Call::new(Actor::vouched_for(who), Scope::Hostel(self.house.id), request)
    }

    async fn begin(&self) -> Box<dyn BookingUow> {
        self.world.uows().begin(&self.call()).await.unwrap()
    }

    /// A room that is not written yet.
    fn room(&self, name: &str, beds: usize) -> Room {
        let now = self.ambient.now();
        Room::from_record(RoomRecord {
            id: self.ambient.id(),
            hostel_id: self.house.id,
            name: Text::clean(name),
            room_type: Text::clean("double"),
            floor: Some(1),
            beds: (0..beds).map(|at| Bed { id: self.ambient.id(), label: bed_label(at) }).collect(),
            monthly_price: Money::new(45_000, Currency::GHS),
            amenities: vec![],
            description: None,
            status: RoomStatus::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// A room that is there.
    async fn written_room(&self, name: &str, beds: usize) -> Room {
        let room = self.room(name, beds);
        self.write_room(&room).await;
        room
    }

    async fn write_room(&self, room: &Room) {
        let mut uow = self.begin().await;
        assert_eq!(uow.rooms().insert(room).await.unwrap(), RoomWritten::Written);
        uow.commit(domicile_kernel::Outcome::done()).await.unwrap();
    }

    /// An approved booking that is not written yet.
    fn booking(&self, room: &Room, bed: usize, guest: usize, nights: StayDates) -> Booking {
        let now = self.ambient.now();
        Booking::from_record(BookingRecord {
            id: self.ambient.id(),
            hostel_id: self.house.id,
            room_id: room.id(),
            bed_id: bed_of(room, bed),
            user_id: self.member(guest),
            dates: nights,
            contact: EmergencyContact::default(),
            special_requests: None,
            quote: policy::quote(PriceRuleName::CalendarDays, room.record().monthly_price, nights).unwrap(),
            earlier_prices: Vec::new(),
            state: BookingState::Approved { at: now, by: None },
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Tries to write a booking, and keeps it when it was.
    async fn insert(&self, booking: &Booking) -> BookingWritten {
        let mut uow = self.begin().await;
        let written = uow.bookings().insert(booking).await.unwrap();
        end(uow, written == BookingWritten::Written).await;
        written
    }

    /// Tries to change a booking, and keeps the change when it was made.
    async fn update(&self, booking: &Booking) -> BookingWritten {
        let mut uow = self.begin().await;
        let written = uow.bookings().update(booking).await.unwrap();
        end(uow, written == BookingWritten::Written).await;
        written
    }

    async fn stored(&self, booking: &Booking) -> Option<Booking> {
        let mut uow = self.begin().await;
        let found = uow.bookings().find(booking.id()).await.unwrap();
        end(uow, false).await;
        found
    }
}

async fn end(uow: Box<dyn BookingUow>, keep: bool) {
    if keep {
        uow.commit(domicile_kernel::Outcome::done()).await.unwrap();
    } else {
        uow.rollback().await.unwrap();
    }
}

fn bed_of(room: &Room, at: usize) -> BedId {
    room.record().beds.get(at).unwrap().id
}

fn nights(check_in: &str, check_out: &str) -> StayDates {
    StayDates::new(check_in.parse().unwrap(), check_out.parse().unwrap()).unwrap()
}

fn later(now: Instant, seconds: u64) -> Instant {
    now.plus(std::time::Duration::from_secs(seconds))
}
