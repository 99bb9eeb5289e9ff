//! A booking: one person's stay in one bed, from the asking to the end.
//!
//! ```text
//!            approve          check in            check out
//!  pending ──────────▶ approved ────────▶ checked_in ────────▶ checked_out
//!     │  └─ cancel, hold ends ─┐ │ cancel
//!     │ reject                 ▼ ▼
//!     └──────▶ rejected     cancelled
//! ```
//!
//! `pending`, `approved` and `checked_in` hold the bed; the others are ends.

mod state;

use domicile_kernel::{AccountId, HostelDay, HostelId, Instant, Money, Text};

use super::{BedId, BookingId, RoomId, StayDates};
use crate::policy::{EarlierPrice, Quote};

use state::HOLD_EXPIRED;
pub use state::{BookingState, BookingStatus, IllegalMove, Move};

/// Whom to call. Told only to the guest and to those who may read every booking; never part of an event (J14).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmergencyContact {
    /// 2 to 100 characters.
    pub name: Option<Text>,
    /// E.164 with its plus sign.
    pub phone: Option<String>,
}

/// Everything that is kept of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingRecord {
    /// Which.
    pub id: BookingId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// Which room.
    pub room_id: RoomId,
    /// Which bed of that room.
    pub bed_id: BedId,
    /// Who stays.
    pub user_id: AccountId,
    /// Which nights.
    pub dates: StayDates,
    /// Whom to call.
    pub contact: EmergencyContact,
    /// At most 500 characters.
    pub special_requests: Option<Text>,
    /// What it costs, by which rule, and for which monthly price now.
    pub quote: Quote,
    /// The prices before that one, by their days; of those two that are next to each other differ.
    pub earlier_prices: Vec<EarlierPrice>,
    /// Where it stands.
    pub state: BookingState,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A booking. It exists only with its terms accepted, so that is not a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking(BookingRecord);

/// What a booking looks like after it was moved, extended, cut short or corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rearranged {
    /// The room.
    pub room_id: RoomId,
    /// The bed in that room.
    pub bed_id: BedId,
    /// The nights.
    pub dates: StayDates,
    /// The price of those nights, from now on in that room.
    pub quote: Quote,
    /// The prices before that one.
    pub earlier_prices: Vec<EarlierPrice>,
    /// Whom to call.
    pub contact: EmergencyContact,
    /// Wishes.
    pub special_requests: Option<Text>,
}

impl Booking {
    /// A booking as it was kept, or as a use case makes it.
    #[must_use]
    pub const fn from_record(record: BookingRecord) -> Self {
        Self(record)
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &BookingRecord {
        &self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> BookingId {
        self.0.id
    }

    /// Who stays.
    #[must_use]
    pub const fn guest(&self) -> AccountId {
        self.0.user_id
    }

    /// Which nights.
    #[must_use]
    pub const fn dates(&self) -> StayDates {
        self.0.dates
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// The name of its state.
    #[must_use]
    pub const fn status(&self) -> BookingStatus {
        self.0.state.status()
    }

    /// Until when the bed is held for nothing but the asking; none unless it is pending.
    #[must_use]
    pub const fn hold_until(&self) -> Option<Instant> {
        match self.0.state {
            BookingState::Pending { hold_until } => Some(hold_until),
            _ => None,
        }
    }

    /// The prices of the nights before a day on which the guest moves to a room of another price: what was slept is paid as
    /// it was agreed. Who has not moved in yet has slept nothing, and pays the new price for every night.
    #[must_use]
    pub fn prices_before(&self, day: HostelDay, new: Money) -> Vec<EarlierPrice> {
        let mut earlier = self.0.earlier_prices.clone();
        let agreed = self.0.quote.rule.monthly_price;
        if self.status() != BookingStatus::CheckedIn || agreed == new {
            return earlier;
        }
        if day > earlier.last().map_or(self.0.dates.check_in(), |last| last.until) {
            earlier.push(EarlierPrice { until: day, monthly_price: agreed });
        } else if earlier.last().is_some_and(|last| last.monthly_price == new) {
            // Back on the day of the move before: no night was slept at the price in between.
            earlier.pop();
        }
        earlier
    }

    /// Refuses a move that the state does not allow.
    pub const fn permit(&self, attempted: Move) -> Result<(), IllegalMove> {
        let status = self.status();
        if attempted.is_legal_from(status) { Ok(()) } else { Err(IllegalMove { status, attempted }) }
    }

    /// Agrees to it.
    pub fn approve(self, by: Option<AccountId>, at: Instant) -> Result<Self, IllegalMove> {
        self.enter(Move::Approve, BookingState::Approved { at, by }, at)
    }

    /// Refuses it.
    pub fn reject(self, by: Option<AccountId>, reason: Option<Text>, at: Instant) -> Result<Self, IllegalMove> {
        self.enter(Move::Reject, BookingState::Rejected { at, by, reason }, at)
    }

    /// Gives it up.
    pub fn cancel(self, by: Option<AccountId>, reason: Option<Text>, at: Instant) -> Result<Self, IllegalMove> {
        self.enter(Move::Cancel, BookingState::Cancelled { at, by, reason }, at)
    }

    /// Gives it up because nobody agreed in time.
    pub fn end_hold(self, at: Instant) -> Result<Self, IllegalMove> {
        let reason = Some(Text::clean(HOLD_EXPIRED));
        self.enter(Move::EndHold, BookingState::Cancelled { at, by: None, reason }, at)
    }

    /// The guest moves in.
    pub fn check_in(self, at: Instant) -> Result<Self, IllegalMove> {
        self.enter(Move::CheckIn, BookingState::CheckedIn { at }, at)
    }

    /// The guest moves out. `dates` and `quote` are the nights that are to be paid, which may be fewer than were agreed.
    pub fn check_out(self, dates: StayDates, quote: Quote, at: Instant) -> Result<Self, IllegalMove> {
        let left = self.enter(Move::CheckOut, BookingState::CheckedOut { at }, at)?;
        Ok(Self(BookingRecord { dates, quote, ..left.0 }))
    }

    /// Another bed, other nights or other particulars, in the same state.
    pub fn rearrange(self, to: Rearranged, at: Instant) -> Result<Self, IllegalMove> {
        self.permit(Move::Rearrange)?;
        let Rearranged { room_id, bed_id, dates, quote, earlier_prices, contact, special_requests } = to;
        let version = self.0.version + 1;
        Ok(Self(BookingRecord {
            room_id,
            bed_id,
            dates,
            quote,
            earlier_prices,
            contact,
            special_requests,
            version,
            updated_at: at,
            ..self.0
        }))
    }

    fn enter(self, attempted: Move, state: BookingState, at: Instant) -> Result<Self, IllegalMove> {
        self.permit(attempted)?;
        let version = self.0.version + 1;
        Ok(Self(BookingRecord { state, version, updated_at: at, ..self.0 }))
    }
}

#[cfg(test)]
mod tests {
    use domicile_kernel::{Currency, Detail, Fault, Money};
    use uuid::Uuid;

    use super::*;
    use crate::policy::{self, PriceRuleName};

    fn at(seconds: i64) -> Instant {
        Instant::from_seconds(seconds)
    }

    fn booking(state: BookingState) -> Booking {
        let dates = StayDates::new("2026-02-01".parse().unwrap(), "2026-05-01".parse().unwrap()).unwrap();
        Booking::from_record(BookingRecord {
            id: BookingId::new(Uuid::from_u128(1)),
            hostel_id: HostelId::new(Uuid::from_u128(2)),
            room_id: RoomId::new(Uuid::from_u128(3)),
            bed_id: BedId::new(Uuid::from_u128(4)),
            user_id: AccountId::new(Uuid::from_u128(5)),
            dates,
            contact: EmergencyContact::default(),
            special_requests: None,
            quote: policy::quote(PriceRuleName::CalendarDays, Money::new(45_000, Currency::GHS), dates).unwrap(),
            earlier_prices: Vec::new(),
            state,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        })
    }

    fn in_every_state() -> Vec<Booking> {
        let (at, by, reason) = (at(0), None, None);
        vec![
            booking(BookingState::Pending { hold_until: at }),
            booking(BookingState::Approved { at, by }),
            booking(BookingState::Rejected { at, by, reason: reason.clone() }),
            booking(BookingState::Cancelled { at, by, reason }),
            booking(BookingState::CheckedIn { at }),
            booking(BookingState::CheckedOut { at }),
        ]
    }

    /// The whole machine, written down a second time by hand: where each move leads from each state, `-` for nowhere.
    const TABLE: &str = "
        state        approve   reject    cancel     end_hold   check_in    check_out    rearrange
        pending      approved  rejected  cancelled  cancelled  -           -            pending
        approved     -         -         cancelled  -          checked_in  -            approved
        rejected     -         -         -          -          -           -            -
        cancelled    -         -         -          -          -           -            -
        checked_in   -         -         -          -          -           checked_out  checked_in
        checked_out  -         -         -          -          -           -            -";

    #[test]
    fn every_move_from_every_state_leads_where_the_table_says() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<_>| !row.is_empty())
            .collect();
        let states = in_every_state();
        assert_eq!(rows.len(), 1 + states.len());
        for (row, booking) in rows[1..].iter().zip(states) {
            let from = booking.status();
            assert_eq!(row[0], from.as_str());
            let record = booking.record().clone();
            let same = Rearranged {
                room_id: record.room_id,
                bed_id: record.bed_id,
                dates: record.dates,
                quote: record.quote,
                earlier_prices: record.earlier_prices,
                contact: record.contact,
                special_requests: None,
            };
            let moves: [(Move, Result<Booking, IllegalMove>); 7] = [
                (Move::Approve, booking.clone().approve(None, at(9))),
                (Move::Reject, booking.clone().reject(None, None, at(9))),
                (Move::Cancel, booking.clone().cancel(None, None, at(9))),
                (Move::EndHold, booking.clone().end_hold(at(9))),
                (Move::CheckIn, booking.clone().check_in(at(9))),
                (Move::CheckOut, booking.clone().check_out(booking.dates(), booking.record().quote, at(9))),
                (Move::Rearrange, booking.clone().rearrange(same, at(9))),
            ];
            for ((attempted, result), want) in moves.into_iter().zip(&row[1..]) {
                match result {
                    Ok(moved) => {
                        assert_eq!(moved.status().as_str(), *want, "{attempted:?} from {from}");
                        assert_eq!((moved.version(), moved.record().updated_at), (2, at(9)));
                    }
                    Err(refused) => {
                        assert_eq!("-", *want, "{attempted:?} from {from}");
                        assert_eq!(refused, IllegalMove { status: from, attempted });
                        assert_eq!(refused.detail(), Detail::State(from.as_str().to_owned()));
                    }
                }
            }
            let ended = matches!(from, BookingStatus::Rejected | BookingStatus::Cancelled | BookingStatus::CheckedOut);
            assert_eq!(booking.permit(Move::Delete).is_ok(), ended);
            assert_eq!(from.holds_bed(), !ended);
        }
    }

    #[test]
    fn a_refusal_says_in_words_what_the_booking_is() {
        let [_, approved, ..] = &in_every_state()[..] else { panic!("six states") };
        let refused = approved.clone().approve(None, at(1)).unwrap_err();
        assert_eq!(refused.to_string(), "This booking is approved and cannot be approved");
    }

    #[test]
    fn a_hold_that_ended_says_so_and_blames_nobody() {
        let [pending, ..] = &in_every_state()[..] else { panic!("six states") };
        let ended = pending.clone().end_hold(at(9)).unwrap();
        let BookingState::Cancelled { by, reason, .. } = &ended.record().state else { panic!("not cancelled") };
        assert_eq!((*by, reason.as_ref().map(Text::as_str)), (None, Some("hold_expired")));
        assert_eq!(ended.hold_until(), None);
    }
}
