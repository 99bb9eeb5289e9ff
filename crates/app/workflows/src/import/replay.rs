//! The play: every event through its use case, in order, at its time.
//!
//! It may be killed at any point. The journal says which events are done; the one that may have been done after the last
//! entry is recognised by what it left: the guest by their address, the booking by its guest, a move by the state the
//! booking is in.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};

use domicile_access::{
    Directory,
    usecases::directory::{CreateGuest, CreateGuestError},
};
use domicile_booking::{
    BookingView, CancelBooking, CheckOutBooking, CreateBooking, CreateBookingError, CreateRoomError, FrontDesk,
    ListBookings, MoveBookingError, ReadError,
    model::{BookingId, BookingStatus, StayDates},
};
use domicile_kernel::{
    AccountId, Call, Fault, FieldErrors, HostelDay, Page, Position, RequestId, StoreError, Zone, page::MAX_LIMIT,
};

use super::{
    beds::BedPlan,
    clock::ReplayClock,
    file::{BookingFile, RecordedStay},
    journal::{Deed, Entry, Journal},
    report::Report,
    rooms::Rooms,
    schedule::{Happening, Schedule, Scheduled},
};

/// Why a replay stopped. What it had done stays done; the same call with the same journal goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no room to play in.
    #[error("the hostel has no room that is let; make rooms, or let the import make them")]
    NoRooms,
    /// A room could not be made.
    #[error("a room could not be made")]
    Room(#[from] CreateRoomError),
    /// A guest could not be made.
    #[error("a guest could not be made")]
    Guest(#[from] CreateGuestError),
    /// Something could not be read.
    #[error("the hostel's records could not be read")]
    Read(#[from] ReadError),
    /// The store failed under a command.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The row's guest has a booking that this replay would not have made.
    #[error(
        "row {row} is in this hostel already, from {check_in} to {check_out}, which are not the days of this import"
    )]
    OtherDays {
        /// The row.
        row: usize,
        /// The first day of the booking that is there.
        check_in: HostelDay,
        /// Its day of leaving.
        check_out: HostelDay,
    },
    /// An entry could not be kept.
    #[error("the journal of the import could not be written")]
    Journal(#[from] io::Error),
}

/// A replay into one hostel.
pub struct Replay<'a> {
    /// Takes the bookings; built over `clock`.
    pub desk: &'a FrontDesk,
    /// Makes the guests; built over `clock`.
    pub directory: &'a Directory,
    /// The time of the play.
    pub clock: &'a ReplayClock,
    /// Where the hostel's days begin.
    pub zone: &'a Zone,
    /// Who plays, in the scope of the hostel.
    pub call: Call,
}

/// Events happen from noon on, a second apart.
const NOON: Duration = Duration::from_hours(12);

/// How often a step is tried again when somebody else changed the booking in between.
const TRIES: usize = 5;

/// Where a row stands that got a bed.
#[derive(Debug, Clone, Copy)]
struct Standing {
    booking: BookingId,
    /// The version last seen; none when it was not seen in this run.
    version: Option<i64>,
}

impl Replay<'_> {
    /// Plays what the journal does not have yet, and answers the sums of the whole. `told` hears how many events are done.
    pub async fn play(
        &self,
        file: &BookingFile,
        schedule: &Schedule,
        rooms: Rooms,
        journal: &mut dyn Journal,
        told: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Report, ImportError> {
        let Some(first) = schedule.events.first() else {
            return Ok(Report::of(file, journal.entries()));
        };
        self.clock.set(self.zone.start_of(first.day));
        let rooms = rooms.prepare(self.desk, &self.call, file).await?;
        let mut plan = BedPlan::of(&rooms);
        for booking in self.held_bookings().await? {
            plan.hold(&booking);
        }
        let mut standing: BTreeMap<usize, Standing> = BTreeMap::new();
        for entry in journal.entries() {
            if let (Deed::Booked { booking }, Some(event)) = (&entry.deed, schedule.events.get(entry.event)) {
                standing.insert(event.stay, Standing { booking: *booking, version: None });
            }
        }
        let done = journal.entries().last().map_or(0, |last| last.event + 1);
        told(done);
        for (number, event) in schedule.events.iter().enumerate().skip(done) {
            let Some(stay) = schedule.stays.get(event.stay) else { continue };
            if let Some(deed) = self.step(file, event, stay, &mut plan, &mut standing).await? {
                journal.append(Entry { event: number, row: stay.row, deed })?;
            }
            told(number + 1);
        }
        Ok(Report::of(file, journal.entries()))
    }

    /// One event; nothing when its row got no bed.
    async fn step(
        &self,
        file: &BookingFile,
        event: &Scheduled,
        stay: &RecordedStay,
        plan: &mut BedPlan,
        standing: &mut BTreeMap<usize, Standing>,
    ) -> Result<Option<Deed>, ImportError> {
        self.clock.set(self.zone.start_of(event.day).plus(NOON + Duration::from_secs(event.place.into())));
        let call = self.call_for(file, stay, event.what);
        if event.what == Happening::Booked {
            return Box::pin(self.book(file, &call, event, stay, plan, standing)).await.map(Some);
        }
        let Some(known) = standing.get_mut(&event.stay) else {
            return Ok(None);
        };
        let moved = self.make_move(&call, event.what, known).await?;
        Ok(Some(match moved {
            Ok(deed) => {
                if event.what != Happening::CheckedIn {
                    plan.free(known.booking);
                }
                deed
            }
            Err(reason) => Deed::Stuck { step: event.what.as_str().to_owned(), reason },
        }))
    }

    /// Makes the guest, books a bed and has the stay agreed to, as far as that was not done before.
    async fn book(
        &self,
        file: &BookingFile,
        call: &Call,
        event: &Scheduled,
        stay: &RecordedStay,
        plan: &mut BedPlan,
        standing: &mut BTreeMap<usize, Standing>,
    ) -> Result<Deed, ImportError> {
        let command = CreateGuest {
            email: Some(format!("guest-{}-{}@import.example", stay.row, file.mark())),
            first_name: Some("Guest".to_owned()),
            last_name: Some(stay.row.to_string()),
        };
        let guest = self.directory.create_guest(call, command).await?;
        let booking = match self.booked_before(call, guest, stay).await? {
            Some(booking) => Ok(booking),
            None => self.place(call, guest, event, stay, plan).await?,
        };
        let booking = match booking {
            Ok(booking) => booking,
            Err(reason) => return Ok(Deed::Refused { reason }),
        };
        if booking.status.holds_bed() {
            plan.hold(&booking);
        }
        let mut version = booking.version;
        if booking.status == BookingStatus::Pending {
            // An unapproved stay would lose its bed when its hold ends.
            match self.desk.approve_booking(call, booking.id, version).await {
                Ok(approved) => version = approved.version,
                Err(MoveBookingError::Store(error)) => return Err(error.into()),
                Err(refused) => {
                    let (step, reason) = ("approve".to_owned(), refused.code().as_str().to_owned());
                    return Ok(Deed::Stuck { step, reason });
                }
            }
        }
        standing.insert(event.stay, Standing { booking: booking.id, version: Some(version) });
        Ok(Deed::Booked { booking: booking.id })
    }

    /// The booking that an interrupted run made for the row, if it did.
    async fn booked_before(
        &self,
        call: &Call,
        guest: AccountId,
        stay: &RecordedStay,
    ) -> Result<Option<BookingView>, ImportError> {
        let asked = ListBookings { user_id: Some(guest.to_string()), ..ListBookings::default() };
        let page = Page { position: Position::After(None), limit: 1, ..Page::first("created_at", true) };
        let Some(booking) = self.desk.list_bookings(call, asked, &page).await?.rows.into_iter().next() else {
            return Ok(None);
        };
        let (check_in, check_out) = (booking.check_in_date, booking.check_out_date);
        if (check_in, check_out) == (stay.arrival, stay.departure) {
            Ok(Some(booking))
        } else {
            Err(ImportError::OtherDays { row: stay.row, check_in, check_out })
        }
    }

    /// Asks for a bed, and for another one as long as the use case finds the proposed one taken. The inner error is the
    /// reason of a refusal.
    async fn place(
        &self,
        call: &Call,
        guest: AccountId,
        event: &Scheduled,
        stay: &RecordedStay,
        plan: &BedPlan,
    ) -> Result<Result<BookingView, String>, ImportError> {
        let mut taken = BTreeSet::new();
        loop {
            // Dates that are no stay are for the use case to refuse; any bed will do to ask.
            let dates = StayDates::new(stay.arrival, stay.departure)
                .or_else(|_empty| StayDates::new(stay.arrival, stay.arrival.plus_days(1)));
            let proposed = dates.ok().and_then(|dates| plan.propose(dates, event.day, &taken));
            // With every bed taken the use case is still asked: the row may be wrong for another reason.
            let Some((room, bed)) = proposed.or_else(|| plan.any_but(&taken)) else {
                return Ok(Err("ROOM_UNAVAILABLE".to_owned()));
            };
            let command = CreateBooking {
                room_id: Some(room.to_string()),
                bed_id: Some(bed.to_string()),
                check_in_date: Some(stay.arrival.to_string()),
                check_out_date: Some(stay.departure.to_string()),
                terms_accepted: Some(true),
                user_id: Some(guest.to_string()),
                ..CreateBooking::default()
            };
            match self.desk.create_booking(call, command).await {
                Ok(booking) => return Ok(Ok(booking)),
                Err(CreateBookingError::RoomUnavailable | CreateBookingError::RoomNotFound) if proposed.is_some() => {
                    taken.insert(bed);
                }
                Err(CreateBookingError::Store(error)) => return Err(error.into()),
                Err(CreateBookingError::Invalid(fields)) => return Ok(Err(field_reason(&fields))),
                Err(refused) => return Ok(Err(refused.code().as_str().to_owned())),
            }
        }
    }

    /// Cancels, checks in or checks out. That the booking has been where the move leads is as good as having made it. The
    /// inner error is the code of a refusal.
    async fn make_move(
        &self,
        call: &Call,
        what: Happening,
        standing: &mut Standing,
    ) -> Result<Result<Deed, String>, ImportError> {
        let Some((target, deed)) = destination(what) else {
            return Ok(Err("RESOURCE_CONFLICT".to_owned()));
        };
        let id = standing.booking;
        for _ in 0..TRIES {
            let version = match standing.version {
                Some(version) => version,
                None => match self.desk.booking(call, id).await {
                    Ok(booking) => booking.version,
                    Err(ReadError::BookingNotFound) => return Ok(Err("NOT_FOUND".to_owned())),
                    Err(error) => return Err(error.into()),
                },
            };
            let moved = match what {
                Happening::CheckedIn => self.desk.check_in_booking(call, id, version).await,
                Happening::CheckedOut => {
                    self.desk.check_out_booking(call, id, version, CheckOutBooking::default()).await
                }
                Happening::Booked | Happening::Cancelled | Happening::NoShow => {
                    let reason = (what == Happening::NoShow).then(|| "no_show".to_owned());
                    self.desk.cancel_booking(call, id, version, CancelBooking { reason }).await
                }
            };
            match moved {
                Ok(booking) => {
                    standing.version = Some(booking.version);
                    return Ok(Ok(deed));
                }
                Err(MoveBookingError::Illegal(illegal)) if is_past(illegal.status, target) => {
                    standing.version = None;
                    return Ok(Ok(deed));
                }
                Err(MoveBookingError::Stale(_)) => standing.version = None,
                Err(MoveBookingError::Store(error)) => return Err(error.into()),
                Err(refused) => return Ok(Err(refused.code().as_str().to_owned())),
            }
        }
        Ok(Err("VERSION_CONFLICT".to_owned()))
    }

    /// Every booking that holds a bed of the hostel.
    async fn held_bookings(&self) -> Result<Vec<BookingView>, ImportError> {
        let mut held = Vec::new();
        for status in BookingStatus::ALL.iter().filter(|status| status.holds_bed()) {
            let asked = ListBookings { status: Some(status.as_str().to_owned()), ..ListBookings::default() };
            let mut page =
                Page { position: Position::After(None), limit: MAX_LIMIT, ..Page::first("created_at", true) };
            loop {
                let part = self.desk.list_bookings(&self.call, asked.clone(), &page).await?;
                held.extend(part.rows);
                match part.next {
                    Some(next) => page.position = Position::After(Some(next)),
                    None => break,
                }
            }
        }
        Ok(held)
    }

    /// The call of one step: audit rows and events tell the file, the row and the step.
    fn call_for(&self, file: &BookingFile, stay: &RecordedStay, what: Happening) -> Call {
        let name = format!("import_{}_{}_{}", file.mark(), stay.row, what.as_str());
        let request_id = RequestId::accept(&name).unwrap_or_else(|| self.call.request_id.clone());
        Call { request_id, ..self.call.clone() }
    }
}

/// Where a move leads, and what it is called when it is done; nothing for a booking, which is no move.
const fn destination(what: Happening) -> Option<(BookingStatus, Deed)> {
    match what {
        Happening::Booked => None,
        Happening::Cancelled => Some((BookingStatus::Cancelled, Deed::Cancelled)),
        Happening::NoShow => Some((BookingStatus::Cancelled, Deed::NoShow)),
        Happening::CheckedIn => Some((BookingStatus::CheckedIn, Deed::CheckedIn)),
        Happening::CheckedOut => Some((BookingStatus::CheckedOut, Deed::CheckedOut)),
    }
}

/// Whether a booking that stands here has been there: whoever moved out had moved in.
fn is_past(status: BookingStatus, there: BookingStatus) -> bool {
    status == there || (there == BookingStatus::CheckedIn && status == BookingStatus::CheckedOut)
}

/// The reason of a booking with wrong fields: `zero_nights`, or the code with the first field and the rule it broke.
fn field_reason(fields: &FieldErrors) -> String {
    match fields.0.first() {
        Some(field) if (field.field.as_str(), field.rule) == ("check_out_date", "after") => "zero_nights".to_owned(),
        Some(field) => format!("{} {} {}", fields.code().as_str(), field.field, field.rule),
        None => fields.code().as_str().to_owned(),
    }
}
