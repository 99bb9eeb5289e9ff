//! Booking a bed (J22, J23).

use domicile_kernel::{
    AccountId, Call, Checks, Detail, Feature, FieldErrors, Instant, NewJob, Outcome, Permission, Refusal, StoreError,
    Text, faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{HoldPayload, fields};
use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{
        BedId, Booking, BookingId, BookingRecord, BookingState, EmergencyContact, HouseTerms, NoBed, RoomId, StayDates,
    },
    policy::Quote,
    ports::{BookingUow, BookingWritten},
};

/// A stay that is asked for, as it was sent (J7).
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CreateBooking {
    /// Which room. Required.
    pub room_id: Option<String>,
    /// The first day, `YYYY-MM-DD`, today in the hostel or later. Required.
    pub check_in_date: Option<String>,
    /// The day of leaving, `YYYY-MM-DD`, at least the hostel's minimum stay and at most 120 months later. Required.
    pub check_out_date: Option<String>,
    /// Whom to call, 2 to 100 characters.
    pub emergency_contact_name: Option<String>,
    /// Under which number, with its country code.
    pub emergency_contact_phone: Option<String>,
    /// Wishes, at most 500 characters.
    pub special_requests: Option<String>,
    /// Must be true.
    pub terms_accepted: Option<bool>,
    /// Who is to stay; the caller when absent. Somebody else only with `bookings:read:all`.
    pub user_id: Option<String>,
    /// Which bed of the room; the first free one when absent.
    pub bed_id: Option<String>,
}

/// Why a bed could not be booked.
#[derive(Debug, thiserror::Error)]
pub enum CreateBookingError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such room.
    #[error("Room not found")]
    RoomNotFound,
    /// The room is not let, or its bed or beds are held on one of the nights.
    #[error("No bed is free in this room for these dates. Choose other dates or another room.")]
    RoomUnavailable,
    /// The person already holds a bed on one of the nights.
    #[error("There is already a booking for this person that overlaps these dates.")]
    BookingConflict,
    /// Booking for this check-in day has closed.
    #[error("Booking for this check-in date closed at {0}. Choose a later date.")]
    DeadlinePassed(Instant),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateBookingError: through Refused, Invalid, Store;
    Self::RoomNotFound => NotFound,
    Self::RoomUnavailable => RoomUnavailable,
    Self::BookingConflict => BookingConflict,
    Self::DeadlinePassed(deadline) => BookingDeadlinePassed with Detail::Data(json!({ "deadline": deadline })));

impl FrontDesk {
    /// Books a bed for the nights from check-in to check-out. Where the hostel wants to approve, the bed is held until
    /// somebody does or the hold ends; otherwise the stay is agreed at once.
    pub async fn create_booking(&self, call: &Call, command: CreateBooking) -> Result<BookingView, CreateBookingError> {
        call.require(Permission::BookingsCreate)?;
        call.require_feature(Feature::RoomBooking)?;
        let hostel_id = Self::house(call)?;
        command.refuse_for_others(call)?;

        let mut uow = self.uows.begin(call).await?;
        let terms = uow.terms().await?;
        let now = self.ambient.now();
        let wish = command.check(call, &terms, now)?;
        if let Some(closes) = terms.booking_closes(wish.dates.check_in()).filter(|closes| *closes < now) {
            return Err(CreateBookingError::DeadlinePassed(closes));
        }
        let (room_id, bed_id, quote) = find_bed(&mut *uow, &wish, &terms).await?;

        let state = if terms.approval_required {
            BookingState::Pending { hold_until: terms.hold_until(now) }
        } else {
            BookingState::Approved { at: now, by: None }
        };
        let booking = Booking::from_record(BookingRecord {
            id: self.ambient.id(),
            hostel_id,
            room_id,
            bed_id,
            user_id: wish.guest,
            dates: wish.dates,
            contact: wish.contact,
            special_requests: wish.special_requests,
            quote,
            earlier_prices: Vec::new(),
            state,
            version: 1,
            created_at: now,
            updated_at: now,
        });
        match uow.bookings().insert(&booking).await? {
            BookingWritten::Written => {}
            BookingWritten::BedTaken => return Err(CreateBookingError::RoomUnavailable),
            BookingWritten::PersonTaken => return Err(CreateBookingError::BookingConflict),
            BookingWritten::Stale => return Err(StoreError::Stale.into()),
        }
        uow.accounts().stay_changed(&self.ambient, &booking, BookingChange::Created).await?;
        if let Some(hold_until) = booking.hold_until() {
            uow.enqueue(self.hold_job(booking.id(), hold_until, HoldPayload { hostel_id, booking_id: booking.id() }));
        }
        tell_booking(&mut *uow, &self.ambient, BookingChange::Created, None, Some(&booking));
        let view = BookingView::of(&booking);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    fn hold_job(&self, booking: BookingId, due: Instant, payload: HoldPayload) -> NewJob {
        NewJob {
            id: self.ambient.id(),
            kind: HoldPayload::KIND,
            key: booking.to_string(),
            due,
            payload: serde_json::to_value(payload).unwrap_or_default(),
        }
    }
}

/// Locks the person and then the beds, looks, and picks a bed: from here to the commit nobody else can.
async fn find_bed(
    uow: &mut dyn BookingUow,
    wish: &Wish,
    terms: &HouseTerms,
) -> Result<(RoomId, BedId, Quote), CreateBookingError> {
    if !uow.people().lock_member(wish.guest).await? {
        let message = "This person is not an active member of the hostel";
        return Err(FieldErrors::one("user_id", "member", message).into());
    }
    if uow.bookings().person_holds(wish.guest, wish.dates, None).await? {
        return Err(CreateBookingError::BookingConflict);
    }
    let room = uow.rooms().lock(wish.room).await?.ok_or(CreateBookingError::RoomNotFound)?;
    if !room.is_open() {
        return Err(CreateBookingError::RoomUnavailable);
    }
    let taken = uow.bookings().beds_taken(wish.room, wish.dates, None).await?;
    let bed = room.pick_bed(wish.bed, &taken).map_err(|none| match none {
        NoBed::Unknown => FieldErrors::one("bed_id", "unknown", "There is no such bed in this room").into(),
        NoBed::Taken => CreateBookingError::RoomUnavailable,
    })?;
    let quote = fields::priced(terms.proration, &[], room.record().monthly_price, wish.dates)?;
    Ok((wish.room, bed, quote))
}

/// What was sent, checked.
struct Wish {
    guest: AccountId,
    room: RoomId,
    bed: Option<BedId>,
    dates: StayDates,
    contact: EmergencyContact,
    special_requests: Option<Text>,
}

impl CreateBooking {
    /// Booking for somebody else is for those who may see everybody's bookings.
    fn refuse_for_others(&self, call: &Call) -> Result<(), Refusal> {
        let asked = self.user_id.as_deref().and_then(|id| id.parse::<AccountId>().ok());
        let foreign = asked.is_some() && asked != call.actor.account();
        if foreign && !call.may(Permission::BookingsReadAll) { Err(Refusal::NotYours("bookings")) } else { Ok(()) }
    }

    fn check(self, call: &Call, terms: &HouseTerms, now: Instant) -> Result<Wish, FieldErrors> {
        let mut checks = Checks::new();
        let room_id = checks.require("room_id", self.room_id);
        let room = checks.id("room_id", room_id.as_deref(), "Invalid room ID");
        let bed = checks.id("bed_id", self.bed_id.as_deref(), "Invalid bed ID");
        let check_in = checks.require("check_in_date", self.check_in_date);
        let check_in = fields::check_in_date(&mut checks, check_in.as_deref(), terms.today(now));
        let check_out = checks.require("check_out_date", self.check_out_date);
        let check_out = checks.day("check_out_date", check_out.as_deref());
        let dates = match (check_in, check_out) {
            (Some(check_in), Some(check_out)) => fields::nights(&mut checks, check_in, check_out)
                .filter(|dates| fields::minimum_stay(&mut checks, *dates, terms)),
            _ => None,
        };
        let contact = fields::contact(
            &mut checks,
            self.emergency_contact_name.as_deref(),
            self.emergency_contact_phone.as_deref(),
        );
        let special_requests =
            fields::special_requests(&mut checks, self.special_requests.as_deref()).filter(|text| !text.is_empty());
        let accepted = self.terms_accepted == Some(true);
        checks.ensure(accepted, "terms_accepted", "accepted", "You must accept the terms and conditions");
        let asked = checks.id("user_id", self.user_id.as_deref(), "Invalid user ID");
        let guest = if self.user_id.is_some() { asked } else { checks.require("user_id", call.actor.account()) };
        let wish = || Some(Wish { guest: guest?, room: room?, bed, dates: dates?, contact, special_requests });
        let wish = wish();
        checks.conclude(wish)
    }
}
