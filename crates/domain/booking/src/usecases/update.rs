//! Changing a stay: to another bed, longer, shorter, on other days, or in its particulars, in one transaction (J22).

use domicile_kernel::{
    Call, Checks, FieldErrors, HostelDay, Instant, Outcome, Permission, Refusal, StoreError, Text, VersionConflict,
    faults,
};
use serde::Deserialize;
use serde_json::json;

use super::{CancelBooking, CheckOutBooking, MoveBookingError, RejectBooking, cancel::refuse_stranger, fields};
use crate::{
    BookingView, FrontDesk,
    events::{BookingChange, tell_booking},
    model::{
        BedId, Booking, BookingId, BookingStatus, EmergencyContact, HouseTerms, IllegalMove, Move, NoBed, Rearranged,
        RoomId, StayDates,
    },
    policy::{EarlierPrice, Quote},
    ports::{BookingUow, BookingWritten},
};

/// What of a booking is to change, as it was sent; what is absent stays. Either `status`, which makes the move of that name
/// (J2), or anything else.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UpdateBooking {
    /// `approved`, `rejected`, `cancelled`, `checked_in` or `checked_out`: the same as that move.
    pub status: Option<String>,
    /// Why, with `rejected` or `cancelled`; at most 500 characters.
    pub reason: Option<String>,
    /// Another room, priced in the same currency; the first free bed there unless `bed_id` names one.
    pub room_id: Option<String>,
    /// Another bed.
    pub bed_id: Option<String>,
    /// Another first day, before the guest has moved in.
    pub check_in_date: Option<String>,
    /// Another day of leaving, at most 120 months after check-in.
    pub check_out_date: Option<String>,
    /// Whom to call, 2 to 100 characters.
    pub emergency_contact_name: Option<String>,
    /// Under which number, with its country code.
    pub emergency_contact_phone: Option<String>,
    /// Wishes, at most 500 characters; an empty text takes them away.
    pub special_requests: Option<String>,
}

/// Why a booking could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateBookingError {
    /// What speaks against any move.
    #[error(transparent)]
    Move(#[from] MoveBookingError),
    /// No such room.
    #[error("Room not found")]
    RoomNotFound,
    /// The room is not let, or its bed or beds are held on one of the nights.
    #[error("No bed is free in this room for these dates. Choose other dates or another room.")]
    RoomUnavailable,
    /// The guest holds another bed on one of the nights.
    #[error("There is already a booking for this person that overlaps these dates.")]
    BookingConflict,
}

faults!(UpdateBookingError: through Move;
    Self::RoomNotFound => NotFound,
    Self::RoomUnavailable => RoomUnavailable,
    Self::BookingConflict => BookingConflict);

macro_rules! from_move {
    ($($source:ty),+) => {
        $(impl From<$source> for UpdateBookingError {
            fn from(error: $source) -> Self {
                Self::Move(error.into())
            }
        })+
    };
}
from_move!(Refusal, FieldErrors, IllegalMove, VersionConflict, StoreError);

impl FrontDesk {
    /// Changes a booking, of which the caller saw `version`. The guest may correct contact and wishes; bed and dates are for
    /// those who may change every booking. A changed stay is priced anew by the rule it was agreed by: at the monthly price
    /// that was agreed, or the new room's; the nights that a guest has slept in another room stay at the price of that one.
    pub async fn update_booking(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        command: UpdateBooking,
    ) -> Result<BookingView, UpdateBookingError> {
        Self::authorise(call, Permission::BookingsReadOwn)?;
        if command.status.is_some() {
            return Ok(self.move_to_status(call, id, version, command).await?);
        }
        if command.touches_stay() {
            call.require(Permission::BookingsUpdate)?;
        }
        let mut uow = self.uows.begin(call).await?;
        let terms = uow.terms().await?;
        let now = self.ambient.now();
        let before = uow.bookings().lock(id).await?.ok_or(MoveBookingError::NotFound)?;
        refuse_stranger(&before, call)?;
        before.permit(Move::Rearrange)?;
        let wish = command.check(&before, &terms, now)?;
        VersionConflict::check(before.version(), version, || BookingView::of(&before))?;

        let place = find_bed(&mut *uow, &before, &wish, terms.today(now)).await?;
        let Place { room_id, bed_id, quote, earlier_prices } = place;
        let Wish { dates, contact, special_requests, .. } = wish;
        let to = Rearranged { room_id, bed_id, dates, quote, earlier_prices, contact, special_requests };
        let after = before.clone().rearrange(to, now)?;
        match uow.bookings().update(&after).await? {
            BookingWritten::Written => {}
            BookingWritten::BedTaken => return Err(UpdateBookingError::RoomUnavailable),
            BookingWritten::PersonTaken => return Err(UpdateBookingError::BookingConflict),
            BookingWritten::Stale => return Err(StoreError::Stale.into()),
        }
        let change = BookingChange::between(&before, &after);
        uow.accounts().stay_changed(&self.ambient, &after, change).await?;
        tell_booking(&mut *uow, &self.ambient, change, Some(&before), Some(&after));
        let view = BookingView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }

    /// The move that leads to the status that was sent.
    async fn move_to_status(
        &self,
        call: &Call,
        id: BookingId,
        version: i64,
        command: UpdateBooking,
    ) -> Result<BookingView, MoveBookingError> {
        let (status, reason) = command.check_status()?;
        match status {
            Target::Approved => self.approve_booking(call, id, version).await,
            Target::Rejected => self.reject_booking(call, id, version, RejectBooking { reason }).await,
            Target::Cancelled => self.cancel_booking(call, id, version, CancelBooking { reason }).await,
            Target::CheckedIn => self.check_in_booking(call, id, version).await,
            Target::CheckedOut => self.check_out_booking(call, id, version, CheckOutBooking::default()).await,
        }
    }
}

/// Where a stay will be, and what it costs there.
struct Place {
    room_id: RoomId,
    bed_id: BedId,
    quote: Quote,
    earlier_prices: Vec<EarlierPrice>,
}

/// Where the stay will be: locks the guest and then the beds when bed or nights change, and asks nothing otherwise.
async fn find_bed(
    uow: &mut dyn BookingUow,
    booking: &Booking,
    wish: &Wish,
    today: HostelDay,
) -> Result<Place, UpdateBookingError> {
    let is = booking.record();
    let room_id = wish.room.unwrap_or(is.room_id);
    let moves = room_id != is.room_id || wish.bed.is_some_and(|bed| bed != is.bed_id);
    if !moves && wish.dates == is.dates {
        let (room_id, bed_id, quote) = (is.room_id, is.bed_id, is.quote);
        return Ok(Place { room_id, bed_id, quote, earlier_prices: is.earlier_prices.clone() });
    }
    // The membership is locked for the order of the locks; one that ended does not bind the house to leave things be.
    let _still_a_member = uow.people().lock_member(is.user_id).await?;
    if uow.bookings().person_holds(is.user_id, wish.dates, Some(is.id)).await? {
        return Err(UpdateBookingError::BookingConflict);
    }
    let room = uow.rooms().lock(room_id).await?.ok_or(UpdateBookingError::RoomNotFound)?;
    let agreed = is.quote.rule;
    let theirs = room.record().monthly_price;
    if room_id != is.room_id && theirs.currency() != agreed.monthly_price.currency() {
        let (stay, room) = (agreed.monthly_price.currency(), theirs.currency());
        let message = format!("This room is priced in {room}, and the stay in {stay}. Choose a room priced in {stay}.");
        return Err(FieldErrors::one("room_id", "currency", message).into());
    }
    // A room that is not let any more takes no new nights, but lets go of old ones.
    if !room.is_open() && (moves || !is.dates.contains(wish.dates)) {
        return Err(UpdateBookingError::RoomUnavailable);
    }
    let wanted = wish.bed.or((room_id == is.room_id).then_some(is.bed_id));
    let taken = uow.bookings().beds_taken(room_id, wish.dates, Some(is.id)).await?;
    let bed = room.pick_bed(wanted, &taken).map_err(|none| match none {
        NoBed::Unknown => FieldErrors::one("bed_id", "unknown", "There is no such bed in this room").into(),
        NoBed::Taken => UpdateBookingError::RoomUnavailable,
    })?;
    let monthly = if room_id == is.room_id { agreed.monthly_price } else { theirs };
    let earlier_prices = booking.prices_before(today, monthly);
    let quote = fields::priced(agreed.name, &earlier_prices, monthly, wish.dates)?;
    Ok(Place { room_id, bed_id: bed, quote, earlier_prices })
}

/// What was sent, checked against what the booking is.
struct Wish {
    room: Option<RoomId>,
    bed: Option<BedId>,
    dates: StayDates,
    contact: EmergencyContact,
    special_requests: Option<Text>,
}

/// The statuses that a booking can be sent to.
#[derive(Clone, Copy)]
enum Target {
    Approved,
    Rejected,
    Cancelled,
    CheckedIn,
    CheckedOut,
}

impl Target {
    const WORDS: &'static [&'static str] = &["approved", "rejected", "cancelled", "checked_in", "checked_out"];

    fn parse(word: &str) -> Option<Self> {
        match BookingStatus::parse(word)? {
            BookingStatus::Pending => None,
            BookingStatus::Approved => Some(Self::Approved),
            BookingStatus::Rejected => Some(Self::Rejected),
            BookingStatus::Cancelled => Some(Self::Cancelled),
            BookingStatus::CheckedIn => Some(Self::CheckedIn),
            BookingStatus::CheckedOut => Some(Self::CheckedOut),
        }
    }
}

impl UpdateBooking {
    const fn touches_stay(&self) -> bool {
        self.room_id.is_some() || self.bed_id.is_some() || self.check_in_date.is_some() || self.check_out_date.is_some()
    }

    const fn touches_particulars(&self) -> bool {
        self.emergency_contact_name.is_some()
            || self.emergency_contact_phone.is_some()
            || self.special_requests.is_some()
    }

    fn check_status(self) -> Result<(Target, Option<String>), FieldErrors> {
        let mut checks = Checks::new();
        let target = checks.one_of("status", self.status.as_deref(), Target::parse, Target::WORDS);
        let alone = !self.touches_stay() && !self.touches_particulars();
        checks.ensure(alone, "status", "alone", "status cannot be sent together with other changes");
        let explained = matches!(target, None | Some(Target::Rejected | Target::Cancelled));
        let said = self.reason.is_some() && !explained;
        checks.ensure(!said, "reason", "with_status", "reason goes with status rejected or cancelled only");
        checks.conclude(target.map(|target| (target, self.reason)))
    }

    fn check(self, booking: &Booking, terms: &HouseTerms, now: Instant) -> Result<Wish, FieldErrors> {
        let mut checks = Checks::new();
        let something = self.touches_stay() || self.touches_particulars();
        if self.reason.is_some() {
            let message = "reason goes with status rejected or cancelled only";
            checks.fail("reason", "with_status", json!({}), message);
        } else {
            checks.ensure(something, "body", "not_empty", "Send at least one field to change");
        }
        let is = booking.record();
        let room = checks.id("room_id", self.room_id.as_deref(), "Invalid room ID");
        let bed = checks.id("bed_id", self.bed_id.as_deref(), "Invalid bed ID");
        let days = (self.check_in_date.as_deref(), self.check_out_date.as_deref());
        let dates = new_nights(&mut checks, booking, days, terms, terms.today(now));
        let sent = fields::contact(
            &mut checks,
            self.emergency_contact_name.as_deref(),
            self.emergency_contact_phone.as_deref(),
        );
        let contact = EmergencyContact {
            name: sent.name.or_else(|| is.contact.name.clone()),
            phone: sent.phone.or_else(|| is.contact.phone.clone()),
        };
        let special_requests = fields::special_requests(&mut checks, self.special_requests.as_deref())
            .or_else(|| is.special_requests.clone())
            .filter(|text| !text.is_empty());
        checks.conclude(dates.map(|dates| Wish { room, bed, dates, contact, special_requests }))
    }
}

/// The nights a stay will have. Days that stay as they are may lie in the past; a new one may not, and whoever has moved in
/// has done so on the day it was.
fn new_nights(
    checks: &mut Checks,
    booking: &Booking,
    (check_in, check_out): (Option<&str>, Option<&str>),
    terms: &HouseTerms,
    today: HostelDay,
) -> Option<StayDates> {
    let is = booking.dates();
    let living_here = booking.status() == BookingStatus::CheckedIn;
    let same = |text: &str, day: HostelDay| text.parse() == Ok(day);
    let check_in = match check_in.filter(|text| !same(text, is.check_in())) {
        None => is.check_in(),
        Some(_) if living_here => {
            let message = "The check-in date cannot be changed after check-in";
            checks.fail("check_in_date", "fixed", json!({}), message);
            return None;
        }
        some => fields::check_in_date(checks, some, today)?,
    };
    let check_out = match check_out {
        None => is.check_out(),
        some => checks.day("check_out_date", some)?,
    };
    // What is only told again is not judged again.
    if (check_in, check_out) == (is.check_in(), is.check_out()) {
        return Some(is);
    }
    let dates = fields::nights(checks, check_in, check_out)?;
    if dates.check_out() < today {
        let message = "Check-out date must be today or in the future";
        checks.fail("check_out_date", "not_before", json!({ "today": today }), message);
        return None;
    }
    // Whoever lives here may leave early; the minimum is for what is still only agreed.
    (living_here || fields::minimum_stay(checks, dates, terms)).then_some(dates)
}
