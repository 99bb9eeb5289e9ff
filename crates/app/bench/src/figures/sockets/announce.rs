//! One event after the other that everybody hears: a changed room, or the same message sent by socket.io. Each carries a
//! number in its text, by which it is known again.

use std::time::Instant;

use anyhow::{Context, bail};
use memchr::memmem::Finder;
use serde_json::{Value, json};

use crate::load::{
    Asking, Histogram, Trigger,
    answer::Answer,
    request::{text, whole},
};

/// What stands before the number.
const MARK: &str = "bench-";
const DIGITS: usize = 7;

/// Who sends.
pub(super) enum From {
    Domicile(Board),
    /// With the hostel.
    SocketIo(Asking, &'static str),
}

/// Rooms that can be changed: not twice at the same time, for a change needs the version it saw.
pub(super) struct Board {
    manager: Asking,
    rooms: Vec<Posted>,
}

struct Posted {
    id: String,
    version: i64,
    /// The event that it is being changed for.
    busy: Option<usize>,
}

impl Board {
    /// Of a list of rooms.
    pub(super) fn of(manager: Asking, list: &Value) -> anyhow::Result<Self> {
        let rooms = list.as_array().context("a list of rooms")?.iter();
        let rooms =
            rooms.map(|room| Ok(Posted { id: text(room, "/id")?, version: whole(room, "/version")?, busy: None }));
        Ok(Self { manager, rooms: rooms.collect::<anyhow::Result<_>>()? })
    }
}

/// A run of events.
pub(super) struct Announce<'a> {
    from: &'a mut From,
    mark: Finder<'static>,
    /// When each event counts from.
    begin: Vec<Instant>,
    expected: usize,
    heard: Histogram,
    /// Whether an event counts from when it was due, however late it was sent.
    open_loop: bool,
    strange: usize,
}

impl<'a> Announce<'a> {
    pub(super) fn new(from: &'a mut From, expected: usize, open_loop: bool) -> Self {
        let mark = Finder::new(MARK).into_owned();
        Self { from, mark, begin: Vec::new(), expected, heard: Histogram::new(), open_loop, strange: 0 }
    }

    /// The latencies, when every socket heard every event once.
    pub(super) fn conclude(self) -> anyhow::Result<Histogram> {
        if self.heard.count() != self.expected as u64 || self.strange > 0 {
            let (heard, expected, strange) = (self.heard.count(), self.expected, self.strange);
            bail!("{heard} of {expected} deliveries came, and {strange} that were of no event");
        }
        Ok(self.heard)
    }
}

impl Trigger for Announce<'_> {
    fn request(&mut self, n: usize, out: &mut Vec<u8>) -> bool {
        let told = format!("{MARK}{n:0DIGITS$}: the window was repaired, and the door has a new lock.");
        match &mut self.from {
            From::Domicile(board) => {
                let rooms = board.rooms.len();
                let idle = (n..n + rooms).map(|n| n % rooms);
                let mut idle = idle.filter(|at| board.rooms.get(*at).is_some_and(|room| room.busy.is_none()));
                let Some(room) = idle.next().and_then(|at| board.rooms.get_mut(at)) else { return false };
                room.busy = Some(n);
                let path = format!("/api/rooms/{}", room.id);
                let version = format!("If-Match: \"{}\"\r\n", room.version);
                let body = json!({ "description": told }).to_string();
                out.extend_from_slice(&board.manager.bytes("PUT", &path, &version, Some(&body)));
            }
            From::SocketIo(asking, hostel) => {
                let body = json!({
                    "type": "room.updated", "hostel_id": hostel,
                    "data": {
                        "id": "01a1fc41-73c4-7142-84fb-815b3a623b78", "hostel_id": hostel, "name": "Room 106",
                        "room_type": "single", "floor": 0, "bed_count": 1,
                        "beds": [{ "id": "01a1fc41-73c4-7142-84fb-815c10c4aec6", "label": "A" }],
                        "monthly_price": { "amount_minor": 900_001_000, "currency": "GHS" }, "amenities": ["Wi-Fi"],
                        "description": told, "status": "active", "version": 2,
                        "created_at": "2026-11-21T03:58:30.340434Z", "updated_at": "2026-11-21T03:59:07.083728Z",
                    },
                    "timestamp": "2026-11-21T03:59:07.083728Z", "seq": n,
                });
                out.extend_from_slice(&asking.bytes("POST", "/trigger", "", Some(&body.to_string())));
            }
        }
        true
    }

    fn sent(&mut self, _n: usize, due: Instant, at: Instant) {
        self.begin.push(if self.open_loop { due } else { at });
    }

    fn answered(&mut self, n: usize, answer: &Answer, _at: Instant) -> anyhow::Result<()> {
        if answer.status != 200 {
            bail!("an event was answered by {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        if let From::Domicile(board) = &mut self.from
            && let Some(room) = board.rooms.iter_mut().find(|room| room.busy == Some(n))
        {
            room.busy = None;
            room.version += 1;
        }
        Ok(())
    }

    fn heard(&mut self, _socket: usize, payload: &[u8], at: Instant) {
        let number = self.mark.find(payload).and_then(|at| {
            let digits = payload.get(at + MARK.len()..at + MARK.len() + DIGITS)?;
            std::str::from_utf8(digits).ok()?.parse::<usize>().ok()
        });
        match number.and_then(|number| self.begin.get(number)) {
            Some(begin) => self.heard.record(at.saturating_duration_since(*begin)),
            None => self.strange += 1,
        }
    }

    fn complete(&self) -> bool {
        self.heard.count() >= self.expected as u64
    }
}
