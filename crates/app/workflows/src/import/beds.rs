//! Which bed to propose. Only a hint that saves asking in vain: whether the bed is free, the use case decides.

use std::collections::{BTreeMap, BTreeSet};

use domicile_booking::{
    BookingView, RoomView,
    model::{BedId, BookingId, RoomId, StayDates},
};
use domicile_kernel::HostelDay;

/// The beds of some rooms, in order, with the stays that hold them.
#[derive(Debug, Clone, Default)]
pub(super) struct BedPlan {
    beds: Vec<Bed>,
    places: BTreeMap<BookingId, usize>,
}

#[derive(Debug, Clone)]
struct Bed {
    id: BedId,
    room: RoomId,
    held: BTreeMap<BookingId, StayDates>,
}

impl BedPlan {
    /// Empty beds.
    pub(super) fn of(rooms: &[RoomView]) -> Self {
        let beds = rooms
            .iter()
            .flat_map(|room| room.beds.iter().map(|bed| Bed { id: bed.id, room: room.id, held: BTreeMap::new() }))
            .collect();
        Self { beds, places: BTreeMap::new() }
    }

    /// A booking holds its bed. Saying so twice changes nothing.
    pub(super) fn hold(&mut self, booking: &BookingView) {
        let Ok(dates) = StayDates::new(booking.check_in_date, booking.check_out_date) else {
            return;
        };
        let place = self.beds.iter().position(|bed| bed.id == booking.bed_id);
        if let Some((place, bed)) = place.and_then(|place| Some((place, self.beds.get_mut(place)?))) {
            bed.held.insert(booking.id, dates);
            self.places.insert(booking.id, place);
        }
    }

    /// A booking holds its bed no more.
    pub(super) fn free(&mut self, booking: BookingId) {
        if let Some(bed) = self.places.remove(&booking).and_then(|place| self.beds.get_mut(place)) {
            bed.held.remove(&booking);
        }
    }

    /// Any bed that was not refused.
    pub(super) fn any_but(&self, refused: &BTreeSet<BedId>) -> Option<(RoomId, BedId)> {
        self.beds.iter().find(|bed| !refused.contains(&bed.id)).map(|bed| (bed.room, bed.id))
    }

    /// The free bed with the fewest unsold nights around the stay, the first of equals: short gaps are filled first, so that
    /// long ones stay whole for long stays. Nights before `today` cannot be sold any more and do not count.
    pub(super) fn propose(
        &self,
        dates: StayDates,
        today: HostelDay,
        refused: &BTreeSet<BedId>,
    ) -> Option<(RoomId, BedId)> {
        self.beds
            .iter()
            .filter(|bed| !refused.contains(&bed.id))
            .filter_map(|bed| Some((bed.gap_around(dates, today)?, bed)))
            .min_by_key(|(gap, _)| *gap)
            .map(|(_, bed)| (bed.room, bed.id))
    }
}

/// As far as a bed with nothing before or behind a stay is counted as unsold, in days.
const OPEN_ENDED: i64 = 1_000;

impl Bed {
    /// The unsold nights right before and right behind a stay; none when the bed is not free for it.
    fn gap_around(&self, stay: StayDates, today: HostelDay) -> Option<i64> {
        let mut before = today.days_until(stay.check_in());
        let mut behind = OPEN_ENDED;
        for held in self.held.values() {
            if held.overlaps(stay) {
                return None;
            }
            if held.check_out() <= stay.check_in() {
                before = before.min(held.check_out().days_until(stay.check_in()));
            } else {
                behind = behind.min(stay.check_out().days_until(held.check_in()));
            }
        }
        Some(before + behind)
    }
}
