//! From rows to events in time.

use domicile_kernel::HostelDay;

use super::file::{BookingFile, Ending, RecordedStay};

/// What happens to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It is asked for, and agreed to.
    Booked,
    /// It is given up.
    Cancelled,
    /// The guest does not come.
    NoShow,
    /// The guest moves in.
    CheckedIn,
    /// The guest moves out.
    CheckedOut,
}

impl Happening {
    /// The step's name in journals and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "book",
            Self::Cancelled => "cancel",
            Self::NoShow => "no_show",
            Self::CheckedIn => "check_in",
            Self::CheckedOut => "check_out",
        }
    }

    /// The order within a day. A bed that is given back on a day can be booked on that day; who books and gives up, or books
    /// and comes, on one day does so in that order.
    const fn rank(self, on_the_day_of_booking: bool) -> u8 {
        match (self, on_the_day_of_booking) {
            (Self::CheckedOut, _) | (Self::Cancelled | Self::NoShow, false) => 0,
            (Self::Booked, _) => 1,
            (Self::Cancelled | Self::NoShow, true) => 2,
            (Self::CheckedIn, _) => 3,
        }
    }
}

/// An event of the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduled {
    /// On which day, shifted.
    pub day: HostelDay,
    /// Its place among the events of its day, from 0.
    pub place: u32,
    /// To which of the file's stays: an index into [`Schedule::stays`].
    pub stay: usize,
    /// What happens.
    pub what: Happening,
}

/// All events of a file, in the order in which they are played: by day; within a day check-outs and cancellations, then
/// bookings, then cancellations of what was booked the same day, then check-ins; then by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The file's stays, on shifted days.
    pub stays: Vec<RecordedStay>,
    /// The events.
    pub events: Vec<Scheduled>,
}

impl Schedule {
    /// The events of a file, shifted by whole days so that the first of them falls on `first`.
    #[must_use]
    pub fn of(file: &BookingFile, first: HostelDay) -> Self {
        // Nothing happens to a stay before it is booked, so the first event is a booking.
        let earliest = file.stays.iter().map(|stay| stay.booked).min().unwrap_or(first);
        let days = earliest.days_until(first);
        let stays: Vec<RecordedStay> = file.stays.iter().map(|stay| stay.shifted(days)).collect();
        let mut order: Vec<(HostelDay, u8, usize, Happening)> = Vec::with_capacity(stays.len() * 3);
        for (index, stay) in stays.iter().enumerate() {
            for (day, what) in stay.happenings() {
                order.push((day, what.rank(day == stay.booked), index, what));
            }
        }
        order.sort_by_key(|(day, rank, index, _)| (*day, *rank, *index));
        let mut events: Vec<Scheduled> = Vec::with_capacity(order.len());
        for (day, _, stay, what) in order {
            let place = events.last().filter(|last| last.day == day).map_or(0, |last| last.place + 1);
            events.push(Scheduled { day, place, stay, what });
        }
        Self { stays, events }
    }
}

impl RecordedStay {
    fn shifted(self, days: i64) -> Self {
        let ending = match self.ending {
            Ending::Cancelled(day) => Ending::Cancelled(day.plus_days(days)),
            ending @ (Ending::CheckedOut | Ending::NoShow) => ending,
        };
        Self {
            row: self.row,
            booked: self.booked.plus_days(days),
            arrival: self.arrival.plus_days(days),
            departure: self.departure.plus_days(days),
            ending,
        }
    }

    fn happenings(&self) -> Vec<(HostelDay, Happening)> {
        let mut happenings = vec![(self.booked, Happening::Booked)];
        match self.ending {
            Ending::Cancelled(day) => happenings.push((day, Happening::Cancelled)),
            Ending::NoShow => happenings.push((self.arrival, Happening::NoShow)),
            Ending::CheckedOut => {
                happenings.push((self.arrival, Happening::CheckedIn));
                happenings.push((self.departure, Happening::CheckedOut));
            }
        }
        happenings
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file::tests::file, *};

    #[test]
    fn a_bed_given_back_on_a_day_can_be_booked_that_day() {
        let read = file(&[
            "h,0,2015,July,3,0,1,Check-Out,7/4/2015",
            "h,1,2015,July,2,0,1,Check-Out,7/3/2015",
            "h,2,2015,July,9,0,1,Canceled,7/7/2015",
            "h,3,2015,July,6,0,1,Canceled,7/3/2015",
            "h,0,2015,July,3,0,1,No-Show,7/3/2015",
            "h,2,2015,July,4,0,1,Canceled,7/3/2015",
        ]);
        let schedule = Schedule::of(&read, "2027-01-01".parse().unwrap());
        let told: Vec<String> = schedule
            .events
            .iter()
            .map(|event| format!("{} {} {}", event.day, event.what.as_str(), schedule.stays[event.stay].row))
            .collect();
        assert_eq!(
            told,
            [
                "2027-01-01 book 2",
                "2027-01-02 book 6",
                "2027-01-02 check_in 2",
                "2027-01-03 check_out 2",
                "2027-01-03 cancel 6",
                "2027-01-03 book 1",
                "2027-01-03 book 4",
                "2027-01-03 book 5",
                "2027-01-03 cancel 4",
                "2027-01-03 no_show 5",
                "2027-01-03 check_in 1",
                "2027-01-04 check_out 1",
                "2027-01-07 book 3",
                "2027-01-07 cancel 3",
            ]
        );
        let places: Vec<u32> = schedule.events.iter().map(|event| event.place).collect();
        assert_eq!(places, [0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 1]);
    }
}
