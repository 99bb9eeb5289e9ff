//! The unit of work in memory, and the repositories on it.

use std::collections::BTreeSet;

use async_lock::MutexGuardArc;
use async_trait::async_trait;
use domicile_kernel::{
    AccountId, AuditEntry, HostelId, Instant, JobId, NewEvent, NewJob, Outcome, StoreError, UnitOfWork, ports::Ambient,
};

use super::{AnswerKey, MemoryBookings, State};
use crate::{
    events::BookingChange,
    model::{BedId, Booking, BookingId, HouseTerms, Room, RoomId, StayDates},
    ports::{BookingRepository, BookingUow, BookingWritten, People, RoomRepository, RoomWritten, StayAccounts},
};

/// A copy of everything, until its commit. It holds the turn to write.
pub(super) struct MemoryUow {
    memory: MemoryBookings,
    _turn: MutexGuardArc<()>,
    state: State,
    hostel: HostelId,
    answer_key: Option<(AnswerKey, [u8; 32])>,
    job: Option<JobId>,
}

impl MemoryUow {
    pub(super) fn new(
        memory: MemoryBookings,
        turn: MutexGuardArc<()>,
        state: State,
        hostel: HostelId,
        answer_key: Option<(AnswerKey, [u8; 32])>,
        job: Option<JobId>,
    ) -> Self {
        Self { memory, _turn: turn, state, hostel, answer_key, job }
    }

    fn holding(&self) -> impl Iterator<Item = &Booking> {
        let hostel = self.hostel;
        self.state
            .bookings
            .iter()
            .filter(move |((of, _), booking)| *of == hostel && booking.status().holds_bed())
            .map(|(_, booking)| booking)
    }

    fn write_booking(&mut self, booking: &Booking) -> BookingWritten {
        let new = booking.record();
        if booking.status().holds_bed() {
            let overlapping =
                || self.holding().filter(|other| other.id() != new.id && other.dates().overlaps(new.dates));
            if overlapping().any(|other| other.record().bed_id == new.bed_id) {
                return BookingWritten::BedTaken;
            }
            if overlapping().any(|other| other.guest() == new.user_id) {
                return BookingWritten::PersonTaken;
            }
        }
        self.state.bookings.insert((self.hostel, new.id), booking.clone());
        BookingWritten::Written
    }

    fn write_room(&mut self, room: &Room) -> RoomWritten {
        let taken = self
            .state
            .rooms
            .iter()
            .any(|((of, id), other)| *of == self.hostel && *id != room.id() && other.name_key() == room.name_key());
        if taken {
            return RoomWritten::NameTaken;
        }
        self.state.rooms.insert((self.hostel, room.id()), room.clone());
        RoomWritten::Written
    }
}

#[async_trait]
impl UnitOfWork for MemoryUow {
    fn record(&mut self, event: NewEvent) {
        self.state.events.push(event);
    }

    fn audit(&mut self, entry: AuditEntry) {
        self.state.audit.push(entry);
    }

    fn enqueue(&mut self, job: NewJob) {
        self.state.jobs.insert((job.kind, job.key.clone()), job);
    }

    async fn commit(mut self: Box<Self>, outcome: Outcome) -> Result<(), StoreError> {
        if let Some(done) = self.job {
            let before = self.state.jobs.len();
            self.state.jobs.retain(|_, job| job.id != done);
            if self.state.jobs.len() == before {
                return Err(StoreError::LeaseLost);
            }
        }
        if let Some((key, fingerprint)) = self.answer_key.take() {
            self.state.answers.insert(key, (fingerprint, outcome));
        }
        let mut original = self.memory.state();
        // Houses and people are set up beside the units of work, so they are not put back to what they were.
        self.state.houses.clone_from(&original.houses);
        self.state.members.clone_from(&original.members);
        *original = std::mem::take(&mut self.state);
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl BookingUow for MemoryUow {
    fn rooms(&mut self) -> &mut dyn RoomRepository {
        self
    }

    fn bookings(&mut self) -> &mut dyn BookingRepository {
        self
    }

    fn people(&mut self) -> &mut dyn People {
        self
    }

    fn accounts(&mut self) -> &mut dyn StayAccounts {
        self
    }

    async fn terms(&mut self) -> Result<HouseTerms, StoreError> {
        let terms = self.state.houses.get(&self.hostel).cloned();
        terms.ok_or_else(|| StoreError::Other("the hostel was not opened".into()))
    }
}

#[async_trait]
impl RoomRepository for MemoryUow {
    async fn find(&mut self, id: RoomId) -> Result<Option<Room>, StoreError> {
        Ok(self.state.rooms.get(&(self.hostel, id)).cloned())
    }

    async fn lock(&mut self, id: RoomId) -> Result<Option<Room>, StoreError> {
        RoomRepository::find(self, id).await
    }

    async fn insert(&mut self, room: &Room) -> Result<RoomWritten, StoreError> {
        let terms = self.state.houses.get(&self.hostel);
        if terms.is_some_and(|terms| terms.currency != room.record().monthly_price.currency()) {
            return Ok(RoomWritten::Stale);
        }
        Ok(self.write_room(room))
    }

    async fn update(&mut self, room: &Room) -> Result<RoomWritten, StoreError> {
        let before = self.state.rooms.get(&(self.hostel, room.id()));
        if before.is_none_or(|before| before.version() + 1 != room.version()) {
            return Ok(RoomWritten::Stale);
        }
        Ok(self.write_room(room))
    }

    async fn delete(&mut self, id: RoomId, version: i64, _at: Instant) -> Result<bool, StoreError> {
        let there = self.state.rooms.get(&(self.hostel, id)).is_some_and(|room| room.version() == version);
        if there {
            self.state.rooms.remove(&(self.hostel, id));
        }
        Ok(there)
    }
}

#[async_trait]
impl BookingRepository for MemoryUow {
    async fn find(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        Ok(self.state.bookings.get(&(self.hostel, id)).cloned())
    }

    async fn lock(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        BookingRepository::find(self, id).await
    }

    async fn insert(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError> {
        Ok(self.write_booking(booking))
    }

    async fn update(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError> {
        let before = self.state.bookings.get(&(self.hostel, booking.id()));
        if before.is_none_or(|before| before.version() + 1 != booking.version()) {
            return Ok(BookingWritten::Stale);
        }
        Ok(self.write_booking(booking))
    }

    async fn delete(&mut self, id: BookingId, version: i64) -> Result<bool, StoreError> {
        let there = self.state.bookings.get(&(self.hostel, id)).is_some_and(|booking| booking.version() == version);
        if there {
            self.state.bookings.remove(&(self.hostel, id));
        }
        Ok(there)
    }

    async fn person_holds(
        &mut self,
        person: AccountId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<bool, StoreError> {
        let mut others = self.holding().filter(|booking| Some(booking.id()) != except);
        Ok(others.any(|booking| booking.guest() == person && booking.dates().overlaps(dates)))
    }

    async fn beds_taken(
        &mut self,
        room: RoomId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<BTreeSet<BedId>, StoreError> {
        let others = self.holding().filter(|booking| Some(booking.id()) != except);
        let in_room = others.filter(|booking| booking.record().room_id == room && booking.dates().overlaps(dates));
        Ok(in_room.map(|booking| booking.record().bed_id).collect())
    }

    async fn beds_held(&mut self, room: RoomId) -> Result<BTreeSet<BedId>, StoreError> {
        let in_room = self.holding().filter(|booking| booking.record().room_id == room);
        Ok(in_room.map(|booking| booking.record().bed_id).collect())
    }
}

#[async_trait]
impl People for MemoryUow {
    async fn lock_member(&mut self, person: AccountId) -> Result<bool, StoreError> {
        Ok(self.state.members.contains(&(self.hostel, person)))
    }
}

#[async_trait]
impl StayAccounts for MemoryUow {
    async fn stay_changed(
        &mut self,
        _ambient: &Ambient,
        booking: &Booking,
        change: BookingChange,
    ) -> Result<(), StoreError> {
        self.state.told.push((booking.id(), change));
        Ok(())
    }
}
