//! The import over memory: what it refuses, and that it ends the same wherever it is interrupted.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use domicile_access::{Directory, Registration, UserFilter, memory::Memory, ports::AccessQueries};
use domicile_booking::{
    BookingView, FrontDesk, ListBookings,
    memory::MemoryBookings,
    model::HouseTerms,
    ports::{BookingUow, BookingUows},
};
use domicile_kernel::{
    Actor, Ambient, Call, Currency, HostelId, Instant, Page, RequestId, Scope, StoreError, Who, Zone, page::MAX_LIMIT,
};
use domicile_workflows::import::{
    BookingFile, Entry, ImportError, Journal, Replay, ReplayClock, Report, Rooms, Schedule,
};
use pollster::block_on;

const FILE: &str = "\
lead_time,arrival_date_year,arrival_date_month,arrival_date_day_of_month,stays_in_weekend_nights,stays_in_week_nights,\
reservation_status,reservation_status_date
6,2015,July,1,0,2,Check-Out,7/3/2015
88,2015,July,1,0,4,Canceled,4/30/2015
3,2015,July,2,1,1,No-Show,7/2/2015
0,2015,July,2,0,1,Check-Out,7/3/2015
0,2015,July,2,0,0,Check-Out,7/2/2015
2,2015,July,31,0,1,Canceled,7/29/2015
nought,2015,July,31,0,1,Canceled,7/29/2015
";

/// A house in memory whose store gives out after so many units of work.
struct House {
    memory: Memory,
    bookings: MemoryBookings,
    hostel: HostelId,
    clock: Arc<ReplayClock>,
    units_left: Arc<AtomicUsize>,
}

/// The bookings in memory, which know every member of the hostel and fail when the units are used up.
struct Failing {
    memory: Memory,
    bookings: MemoryBookings,
    units_left: Arc<AtomicUsize>,
}

#[async_trait]
impl BookingUows for Failing {
    async fn begin(&self, call: &Call) -> Result<Box<dyn BookingUow>, StoreError> {
        let used = self.units_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        used.map_err(|_none| StoreError::Transient("the store is gone".into()))?;
        let page = Page { limit: MAX_LIMIT, ..Page::first("created_at", false) };
        for member in self.memory.store.users(call, &UserFilter::default(), &page).await?.rows {
            self.bookings.enrol(member.hostel_id, member.id);
        }
        self.bookings.begin(call).await
    }
}

impl House {
    fn new(terms: HouseTerms) -> Self {
        let memory = Memory::at("2026-01-20T10:00:00Z");
        let hostel = memory.open_hostel("Unity Hall", Registration::Open);
        let bookings = MemoryBookings::new();
        bookings.open_hostel(hostel, terms);
        let clock = Arc::new(ReplayClock::at(Instant::from_seconds(0)));
        Self { memory, bookings, hostel, clock, units_left: Arc::new(AtomicUsize::new(usize::MAX)) }
    }

    fn desk(&self) -> FrontDesk {
        let uows = Failing {
            memory: self.memory.clone(),
            bookings: self.bookings.clone(),
            units_left: Arc::clone(&self.units_left),
        };
        let ambient = Ambient { clock: self.clock.clone(), ..self.memory.parts.ambient.clone() };
        FrontDesk::new(Arc::new(uows), Arc::new(self.bookings.clone()), ambient)
    }

    #[expect(clippy::disallowed_methods, reason = "tests vouch")]
    fn call(&self) -> Call {
        Call::new(Actor::vouched_for(Who::Operator), Scope::Hostel(self.hostel), RequestId::accept("test").unwrap())
    }

    fn play(&self, rooms: Rooms, journal: &mut dyn Journal) -> Result<Report, ImportError> {
        let file = BookingFile::read(FILE.as_bytes()).unwrap();
        let schedule = Schedule::of(&file, "2027-02-01".parse().unwrap());
        let (desk, directory) = (self.desk(), Directory::new(self.memory.parts.clone()));
        let replay =
            Replay { desk: &desk, directory: &directory, clock: &self.clock, zone: &Zone::UTC, call: self.call() };
        block_on(replay.play(&file, &schedule, rooms, journal, &mut |_done| ()))
    }

    /// What became of every booking, by the first day, without ids.
    fn stays(&self) -> Vec<String> {
        self.units_left.store(usize::MAX, Ordering::SeqCst);
        let page = Page { limit: MAX_LIMIT, ..Page::first("check_in_date", false) };
        let listed = block_on(self.desk().list_bookings(&self.call(), ListBookings::default(), &page)).unwrap();
        let told = |stay: BookingView| {
            let (from, to, status) = (stay.check_in_date, stay.check_out_date, stay.status.as_str());
            let reason = stay.reason.as_ref().map_or("", |reason| reason.as_str());
            format!("{from} {to} {status} {reason} booked {} last {}", stay.created_at, stay.updated_at)
        };
        let mut stays: Vec<String> = listed.rows.into_iter().map(told).collect();
        stays.sort();
        stays
    }
}

fn terms() -> HouseTerms {
    HouseTerms { minimum_stay_months: 0, zone: Zone::UTC, ..HouseTerms::default() }
}

const AUTO: Rooms = Rooms::Auto(Currency::GHS);

/// What the file comes to.
fn whole() -> (Report, Vec<String>) {
    let house = House::new(terms());
    let report = house.play(AUTO, &mut Vec::new()).unwrap();
    (report, house.stays())
}

#[test]
fn every_row_ends_as_it_did_in_the_hotel() {
    let (report, stays) = whole();
    assert_eq!((report.rows, report.booked, report.cancelled, report.no_show, report.checked_out), (7, 5, 2, 1, 2));
    assert_eq!(report.refused, [("zero_nights".to_owned(), 1)].into());
    assert_eq!((report.malformed.len(), report.malformed[0].row), (1, 7));
    assert!(report.stuck.is_empty());
    // The file begins on the 4th of April 2015, here on the 1st of February 2027; the events of a day are a second apart.
    assert_eq!(
        stays,
        [
            "2027-04-30 2027-05-02 checked_out  booked 2027-04-24T12:00:00Z last 2027-05-02T12:00:00Z",
            "2027-04-30 2027-05-04 cancelled  booked 2027-02-01T12:00:00Z last 2027-02-27T12:00:00Z",
            "2027-05-01 2027-05-02 checked_out  booked 2027-05-01T12:00:02Z last 2027-05-02T12:00:01Z",
            "2027-05-01 2027-05-03 cancelled no_show booked 2027-04-28T12:00:00Z last 2027-05-01T12:00:00Z",
            "2027-05-30 2027-05-31 cancelled  booked 2027-05-28T12:00:00Z last 2027-05-28T12:00:01Z",
        ]
    );
}

/// A journal that can be written so many more times; what is lost then is what the end of a process loses.
struct Worn {
    entries: Vec<Entry>,
    left: usize,
}

impl Journal for Worn {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn append(&mut self, entry: Entry) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(|| io::Error::other("the pen is gone"))?;
        self.entries.push(entry);
        Ok(())
    }
}

#[test]
fn a_step_that_was_done_but_not_noted_is_not_done_twice() {
    let want = whole();
    for left in 0..11 {
        let house = House::new(terms());
        let mut journal = Worn { entries: Vec::new(), left };
        assert!(matches!(house.play(AUTO, &mut journal), Err(ImportError::Journal(_))), "after {left}");
        let report = house.play(AUTO, &mut journal.entries).unwrap();
        assert_eq!((report, house.stays()), want, "interrupted after {left} entries");
    }
}

#[test]
fn an_import_that_stops_between_any_two_commits_goes_on() {
    let want = whole();
    for units in 0.. {
        let house = House::new(terms());
        house.units_left.store(units, Ordering::SeqCst);
        let mut journal = Vec::new();
        let ended = house.play(AUTO, &mut journal).is_ok();
        house.units_left.store(usize::MAX, Ordering::SeqCst);
        let report = house.play(AUTO, &mut journal).unwrap();
        assert_eq!((report, house.stays()), want, "interrupted after {units} units of work");
        if ended {
            assert!(units > 16, "five rooms, six bookings, five approvals, five moves and more");
            break;
        }
    }
}

#[test]
fn a_lost_journal_is_made_up_for_by_looking() {
    let want = whole();
    let house = House::new(terms());
    house.play(AUTO, &mut Vec::new()).unwrap();
    let report = house.play(AUTO, &mut Vec::new()).unwrap();
    assert_eq!((report, house.stays()), want);
}

#[test]
fn a_house_that_approves_nothing_takes_the_same_stays() {
    let house = House::new(HouseTerms { approval_required: false, ..terms() });
    assert_eq!(house.play(AUTO, &mut Vec::new()).unwrap(), whole().0);
}

#[test]
fn the_rules_of_the_house_refuse_by_name() {
    let house = House::new(HouseTerms { minimum_stay_months: 1, ..terms() });
    let report = house.play(AUTO, &mut Vec::new()).unwrap();
    let reasons: Vec<_> = report.refused.into_iter().collect();
    // From the 30th of April to the 2nd of May is a month by the calendar's numbers.
    assert_eq!(
        reasons,
        [("VALIDATION_ERROR check_out_date minimum_stay".to_owned(), 3), ("zero_nights".to_owned(), 1)]
    );
    let late = House::new(HouseTerms { booking_deadline_hours: 24, ..terms() });
    let report = late.play(AUTO, &mut Vec::new()).unwrap();
    assert_eq!(report.refused.get("BOOKING_DEADLINE_PASSED"), Some(&1));
}

#[test]
fn without_rooms_there_is_nothing_to_play_in() {
    let house = House::new(terms());
    assert!(matches!(house.play(Rooms::Existing, &mut Vec::new()), Err(ImportError::NoRooms)));
}
