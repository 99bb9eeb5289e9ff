//! Replaying the bookings of a real hotel through the same use cases as people's: never by inserting rows.
//!
//! Each row of the file becomes events on days: it is booked, and later cancelled, or moved into and out of. The events of
//! the whole file are put in the order of their days, shifted so that the first of them falls on a wanted day, and played
//! one after the other with a [`ReplayClock`] that stands at each event's day. What the rules refuse is refused here too and
//! counted by its reason.
//!
//! | file | what it does |
//! | --- | --- |
//! | `file` | reads the CSV |
//! | `schedule` | makes events of rows and orders them |
//! | `clock` | the clock that is moved from event to event |
//! | `beds` | remembers which bed is taken when, to propose a bed; the use case decides |
//! | `journal` | what was done, one entry an event: an interrupted replay goes on behind the last one |
//! | `rooms` | the rooms it plays in |
//! | `replay` | the play itself |
//! | `report` | what came of it |

mod beds;
mod clock;
mod file;
mod journal;
mod replay;
mod report;
mod rooms;
mod schedule;

pub use clock::ReplayClock;
pub use file::{BookingFile, Ending, FileError, Malformed, RecordedStay};
pub use journal::{Deed, Entry, Journal};
pub use replay::{ImportError, Replay};
pub use report::Report;
pub use rooms::Rooms;
pub use schedule::{Happening, Schedule, Scheduled};
