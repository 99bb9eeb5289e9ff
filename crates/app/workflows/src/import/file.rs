//! Reading the CSV of the "Hotel booking demand" data set: a row a booking, with its lead time, its nights and how it ended.
//! A row that makes no sense is set aside with its number; the others are still read.

use domicile_kernel::HostelDay;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How a booking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The guest came and left on the day of leaving.
    CheckedOut,
    /// Given up on this day.
    Cancelled(HostelDay),
    /// The guest never came.
    NoShow,
}

/// A booking as the file tells it, on the file's own days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedStay {
    /// The row, counted from 1 without the header.
    pub row: usize,
    /// The day of the booking: the arrival less the lead time.
    pub booked: HostelDay,
    /// The first day.
    pub arrival: HostelDay,
    /// The day of leaving; the day of arrival when the row has no nights.
    pub departure: HostelDay,
    /// How it ended.
    pub ending: Ending,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// The row, counted from 1 without the header.
    pub row: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Why a file is not one of bookings at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It has no header line that can be read.
    #[error("the file has no header line: {0}")]
    Header(#[source] csv::Error),
    /// A column that is needed is not there.
    #[error("the file has no column {0}")]
    Column(&'static str),
    /// Not one row could be read.
    #[error("the file has no row that is a booking")]
    Empty,
}

/// A file of bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingFile {
    /// SHA-256 of its bytes, 64 hexadecimal digits: what a file is known by.
    pub hash: String,
    /// The rows that could be read, in the order of the file. Never empty.
    pub stays: Vec<RecordedStay>,
    /// The rows that could not.
    pub malformed: Vec<Malformed>,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Beyond this many days, a lead time or a number of nights is a slip of the pen.
const MOST_DAYS: i64 = 3_650;

/// Beds come in multiples of this.
const BED_STEP: usize = 20;

impl BookingFile {
    /// Reads a file.
    pub fn read(bytes: &[u8]) -> Result<Self, FileError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
        let columns = Columns::of(reader.headers().map_err(FileError::Header)?)?;
        let (mut stays, mut malformed) = (Vec::new(), Vec::new());
        for (index, record) in reader.records().enumerate() {
            let row = index + 1;
            let stay = match record {
                Ok(record) => columns.stay(row, &record),
                Err(error) => Err(error.to_string()),
            };
            match stay {
                Ok(stay) => stays.push(stay),
                Err(problem) => malformed.push(Malformed { row, problem }),
            }
        }
        if stays.is_empty() {
            return Err(FileError::Empty);
        }
        Ok(Self { hash: hex::encode(Sha256::digest(bytes)), stays, malformed })
    }

    /// How many rows the file has, good and bad.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.stays.len() + self.malformed.len()
    }

    /// The first eight digits of the hash, for names.
    #[must_use]
    pub fn mark(&self) -> &str {
        self.hash.get(..8).unwrap_or(&self.hash)
    }

    /// How many guests really slept in the house on its busiest night.
    #[must_use]
    pub fn peak(&self) -> usize {
        let mut changes: Vec<(HostelDay, i64)> = self
            .stays
            .iter()
            .filter(|stay| stay.ending == Ending::CheckedOut && stay.arrival < stay.departure)
            .flat_map(|stay| [(stay.arrival, 1), (stay.departure, -1)])
            .collect();
        // Who leaves on a day goes before who comes: -1 sorts first.
        changes.sort_unstable();
        let (_, peak) = changes.iter().fold((0, 0), |(inside, peak), (_, change)| {
            let inside = inside + change;
            (inside, peak.max(inside))
        });
        usize::try_from(peak).unwrap_or(0)
    }

    /// How many beds the file needs: its busiest night, rounded up to the next multiple of twenty, so that there is room for
    /// those who book and then do not come.
    #[must_use]
    pub fn beds_needed(&self) -> usize {
        self.peak().div_ceil(BED_STEP).max(1) * BED_STEP
    }
}

/// Where the columns are that are read.
struct Columns {
    lead_time: usize,
    year: usize,
    month: usize,
    day: usize,
    weekend_nights: usize,
    week_nights: usize,
    status: usize,
    status_date: usize,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, FileError> {
        let find = |name: &'static str| {
            header.iter().position(|column| column.eq_ignore_ascii_case(name)).ok_or(FileError::Column(name))
        };
        Ok(Self {
            lead_time: find("lead_time")?,
            year: find("arrival_date_year")?,
            month: find("arrival_date_month")?,
            day: find("arrival_date_day_of_month")?,
            weekend_nights: find("stays_in_weekend_nights")?,
            week_nights: find("stays_in_week_nights")?,
            status: find("reservation_status")?,
            status_date: find("reservation_status_date")?,
        })
    }

    fn stay(&self, row: usize, record: &csv::StringRecord) -> Result<RecordedStay, String> {
        let text =
            |column: usize| record.get(column).ok_or_else(|| format!("the row has only {} columns", record.len()));
        let days = |column: usize, what: &str| {
            let text = text(column)?;
            let number = text.parse::<i64>().ok().filter(|number| (0..=MOST_DAYS).contains(number));
            number.ok_or_else(|| format!("{what} must be a whole number from 0 to {MOST_DAYS}, not {text:?}"))
        };
        let (year, month, day) = (text(self.year)?, text(self.month)?, text(self.day)?);
        let arrival = named_day(year, month, day).ok_or_else(|| format!("{day} {month} {year} is no day"))?;
        let lead_time = days(self.lead_time, "lead_time")?;
        let nights =
            days(self.weekend_nights, "stays_in_weekend_nights")? + days(self.week_nights, "stays_in_week_nights")?;
        let booked = arrival.plus_days(-lead_time);
        let ending = match text(self.status)? {
            "Check-Out" => Ending::CheckedOut,
            "No-Show" => Ending::NoShow,
            "Canceled" => {
                let date = text(self.status_date)?;
                let day = american_day(date)
                    .ok_or_else(|| format!("reservation_status_date must be M/D/YYYY, not {date:?}"))?;
                if day < booked {
                    return Err(format!("cancelled on {day}, before it was booked on {booked}"));
                }
                Ending::Cancelled(day)
            }
            other => return Err(format!("reservation_status must be Check-Out, Canceled or No-Show, not {other:?}")),
        };
        Ok(RecordedStay { row, booked, arrival, departure: arrival.plus_days(nights), ending })
    }
}

/// A day with the English name of its month.
fn named_day(year: &str, month: &str, day: &str) -> Option<HostelDay> {
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    HostelDay::new(year.parse().ok()?, i8::try_from(month + 1).ok()?, day.parse().ok()?)
}

/// A day as the file writes it: month/day/year.
fn american_day(text: &str) -> Option<HostelDay> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    let day = HostelDay::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    day.filter(|_| parts.next().is_none())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::import) const HEADER: &str = "hotel,lead_time,arrival_date_year,arrival_date_month,\
        arrival_date_day_of_month,stays_in_weekend_nights,stays_in_week_nights,reservation_status,reservation_status_date";

    pub(in crate::import) fn file(rows: &[&str]) -> BookingFile {
        BookingFile::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes()).unwrap()
    }

    fn day(text: &str) -> HostelDay {
        text.parse().unwrap()
    }

    #[test]
    fn a_row_tells_its_days() {
        let read = file(&[
            "City Hotel,6,2015,July,1,1,2,Check-Out,7/4/2015",
            "City Hotel,88,2015,July,1,0,4,Canceled,4/30/2015",
            "City Hotel,0,2015,July,31,0,1,No-Show,7/31/2015",
        ]);
        let [slept, given_up, missed] = &read.stays[..] else { panic!("three rows") };
        assert_eq!((slept.row, slept.booked, slept.arrival), (1, day("2015-06-25"), day("2015-07-01")));
        assert_eq!((slept.departure, slept.ending), (day("2015-07-04"), Ending::CheckedOut));
        assert_eq!(given_up.ending, Ending::Cancelled(day("2015-04-30")));
        assert_eq!((missed.departure, missed.ending), (day("2015-08-01"), Ending::NoShow));
        assert_eq!((read.rows(), read.hash.len(), read.mark().len()), (3, 64, 8));
    }

    #[test]
    fn a_row_that_makes_no_sense_is_named_and_the_rest_is_read() {
        let read = file(&[
            "City Hotel,six,2015,July,1,0,2,Check-Out,7/3/2015",
            "City Hotel,6,2015,February,30,0,2,Check-Out,7/3/2015",
            "City Hotel,6,2015,July,1,0,2,Asleep,7/3/2015",
            "City Hotel,6,2015,July,1,0,2,Canceled,3.7.2015",
            "City Hotel,6,2015,July,1,0,2,Canceled,6/24/2015",
            "City Hotel,6,2015",
            "City Hotel,6,2015,July,1,0,2,Check-Out,7/3/2015",
        ]);
        let rows: Vec<usize> = read.malformed.iter().map(|bad| bad.row).collect();
        assert_eq!((rows, read.stays.len(), read.rows()), (vec![1, 2, 3, 4, 5, 6], 1, 7));
        assert_eq!(read.malformed[1].problem, "30 February 2015 is no day");
        assert_eq!(read.malformed[5].problem, "the row has only 3 columns");
    }

    #[test]
    fn another_file_is_refused_whole() {
        assert!(matches!(BookingFile::read(b"a,b\n1,2\n"), Err(FileError::Column("lead_time"))));
        assert!(matches!(BookingFile::read(HEADER.as_bytes()), Err(FileError::Empty)));
        assert!(BookingFile::read(b"").is_err());
        assert!(BookingFile::read(b"\xff\xfe\x00").is_err());
    }

    #[test]
    fn the_busiest_night_counts_those_who_came_and_not_those_who_left_that_day() {
        let read = file(&[
            "h,0,2015,July,1,0,2,Check-Out,7/3/2015",
            "h,0,2015,July,3,0,2,Check-Out,7/5/2015",
            "h,0,2015,July,2,0,1,Check-Out,7/3/2015",
            "h,0,2015,July,2,0,1,No-Show,7/2/2015",
            "h,0,2015,July,2,0,0,Check-Out,7/2/2015",
        ]);
        assert_eq!((read.peak(), read.beds_needed()), (2, 20));
    }
}
