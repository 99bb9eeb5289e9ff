//! What happened, told to the outside: one table of changes, with the event's type, the word in `data.change`, the
//! audit action and the audience of each (J3, J22).

use domicile_kernel::{Audience, AuditEntry, NewEvent, Permission, event::MAX_DATA_BYTES, ports::Ambient};
use serde_json::{Value, json};

use crate::{
    model::{Booking, Room},
    ports::BookingUow,
    queries::{BookingView, RoomView},
};

/// The version of the shape of `data` in every event here.
const SHAPE: u16 = 1;

/// What can happen to a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingChange {
    /// It was asked for.
    Created,
    /// The house agreed.
    Approved,
    /// The house refused.
    Rejected,
    /// It was given up.
    Cancelled,
    /// Nobody agreed in time.
    HoldEnded,
    /// The guest moved in.
    CheckedIn,
    /// The guest moved out.
    CheckedOut,
    /// It is in another bed now.
    Moved,
    /// It begins on another day.
    Rescheduled,
    /// It ends later.
    Extended,
    /// It ends earlier.
    Shortened,
    /// Its contact or wishes changed.
    Corrected,
    /// The record is gone.
    Deleted,
}

impl BookingChange {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::Created,
        Self::Approved,
        Self::Rejected,
        Self::Cancelled,
        Self::HoldEnded,
        Self::CheckedIn,
        Self::CheckedOut,
        Self::Moved,
        Self::Rescheduled,
        Self::Extended,
        Self::Shortened,
        Self::Corrected,
        Self::Deleted,
    ];

    /// The event's type on the wire.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.row().0
    }

    /// The event's type, the word in `data.change` where the type does not say it, and the audit action.
    const fn row(self) -> (&'static str, Option<&'static str>, &'static str) {
        match self {
            Self::Created => ("booking.created", None, "booking.create"),
            Self::Approved => ("booking.approved", None, "booking.approve"),
            Self::Rejected => ("booking.updated", Some("rejected"), "booking.reject"),
            Self::Cancelled => ("booking.cancelled", None, "booking.cancel"),
            Self::HoldEnded => ("booking.cancelled", None, "booking.end_hold"),
            Self::CheckedIn => ("booking.updated", Some("checked_in"), "booking.check_in"),
            Self::CheckedOut => ("booking.updated", Some("checked_out"), "booking.check_out"),
            Self::Moved => ("booking.updated", Some("moved"), "booking.update"),
            Self::Rescheduled => ("booking.updated", Some("rescheduled"), "booking.update"),
            Self::Extended => ("booking.updated", Some("extended"), "booking.update"),
            Self::Shortened => ("booking.updated", Some("shortened"), "booking.update"),
            Self::Corrected => ("booking.updated", Some("corrected"), "booking.update"),
            Self::Deleted => ("booking.updated", Some("deleted"), "booking.delete"),
        }
    }

    /// Which change leads from one arrangement of a stay to another: the weightiest, when there are several.
    #[must_use]
    pub fn between(before: &Booking, after: &Booking) -> Self {
        let (was, is) = (before.record(), after.record());
        let (leaving, left) = (was.dates.check_out(), is.dates.check_out());
        if was.bed_id != is.bed_id {
            Self::Moved
        } else if was.dates.check_in() != is.dates.check_in() {
            Self::Rescheduled
        } else if leaving < left {
            Self::Extended
        } else if left < leaving {
            Self::Shortened
        } else {
            Self::Corrected
        }
    }
}

/// What can happen to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomChange {
    /// It was made.
    Created,
    /// It changed.
    Updated,
    /// It is gone.
    Deleted,
}

impl RoomChange {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Created, Self::Updated, Self::Deleted];

    /// The event's type on the wire.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.row().0
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("room.created", "room.create"),
            Self::Updated => ("room.updated", "room.update"),
            Self::Deleted => ("room.deleted", "room.delete"),
        }
    }
}

/// Records and audits a change of a booking: told to the guest and to those who may see every booking.
pub(crate) fn tell_booking(
    uow: &mut dyn BookingUow,
    ambient: &Ambient,
    change: BookingChange,
    before: Option<&Booking>,
    after: Option<&Booking>,
) {
    let Some(subject) = after.or(before) else { return };
    let (kind, word, action) = change.row();
    let mut data = public(subject);
    if let (Some(word), Some(fields)) = (word, data.as_object_mut()) {
        fields.insert("change".to_owned(), json!(word));
    }
    if let (Some(was), Some(is), Some(fields)) = (before, after, data.as_object_mut())
        && let Some(left) = left_behind(was, is)
    {
        fields.insert("previous".to_owned(), left);
    }
    uow.record(NewEvent {
        id: ambient.id(),
        kind,
        version: SHAPE,
        audience: Audience::Person(subject.guest(), Permission::BookingsReadAll),
        aggregate: "booking",
        aggregate_id: subject.id().uuid(),
        // A deletion is a change of its own, behind the last version the record had.
        aggregate_version: subject.version() + i64::from(after.is_none()),
        at: ambient.now(),
        data,
    });
    uow.audit(AuditEntry {
        id: ambient.id(),
        action,
        target: "booking",
        target_id: Some(subject.id().uuid()),
        before: before.map(public),
        after: after.map(public),
    });
}

/// Records and audits a change of a room: told to everybody in the house.
pub(crate) fn tell_room(
    uow: &mut dyn BookingUow,
    ambient: &Ambient,
    change: RoomChange,
    before: Option<&Room>,
    after: Option<&Room>,
) {
    let Some(subject) = after.or(before) else { return };
    let (kind, action) = change.row();
    let view = |room: &Room| serde_json::to_value(RoomView::of(room)).unwrap_or(Value::Null);
    uow.record(NewEvent {
        id: ambient.id(),
        kind,
        version: SHAPE,
        audience: Audience::Hostel,
        aggregate: "room",
        aggregate_id: subject.id().uuid(),
        aggregate_version: subject.version() + i64::from(after.is_none()),
        at: ambient.now(),
        data: fitting(view(subject)),
    });
    uow.audit(AuditEntry {
        id: ambient.id(),
        action,
        target: "room",
        target_id: Some(subject.id().uuid()),
        before: before.map(view),
        after: after.map(view),
    });
}

/// The bed and nights that a stay no longer takes in the same way, if it takes others now: whoever watches that bed must hear.
fn left_behind(was: &Booking, is: &Booking) -> Option<Value> {
    let (was, is) = (was.record(), is.record());
    (was.bed_id != is.bed_id || was.dates != is.dates).then(|| {
        json!({
            "room_id": was.room_id,
            "bed_id": was.bed_id,
            "check_in_date": was.dates.check_in(),
            "check_out_date": was.dates.check_out(),
        })
    })
}

/// A booking without what only its guest and the house may know.
fn public(booking: &Booking) -> Value {
    let mut view = serde_json::to_value(BookingView::of(booking)).unwrap_or(Value::Null);
    if let Some(fields) = view.as_object_mut() {
        for private in ["emergency_contact_name", "emergency_contact_phone", "special_requests"] {
            fields.remove(private);
        }
    }
    view
}

/// The view within the size an event may have: the longest fields are left out, and that is said, until it fits.
/// Whoever needs them reads the room.
fn fitting(mut view: Value) -> Value {
    for long in ["description", "amenities", "beds"] {
        if serde_json::to_vec(&view).is_ok_and(|bytes| bytes.len() <= MAX_DATA_BYTES) {
            break;
        }
        if let Some(fields) = view.as_object_mut() {
            fields.remove(long);
            fields.insert("truncated".to_owned(), json!(true));
        }
    }
    view
}

#[cfg(test)]
mod tests {
    use domicile_kernel::{Instant, Text};

    use super::*;
    use crate::model::{BedId, RoomChanges, room_for_tests};

    #[test]
    fn the_largest_room_still_fits_into_an_event() {
        let long = |chars: usize| Text::clean(&"\u{1d11e}".repeat(chars));
        let changes = RoomChanges {
            name: Some(long(100)),
            amenities: Some(vec![long(50); 50]),
            description: Some(long(2000)),
            ..RoomChanges::default()
        };
        let room = room_for_tests(100).changed(changes, Instant::from_seconds(1), || BedId::new(uuid::Uuid::nil()));
        let data = fitting(serde_json::to_value(RoomView::of(&room)).unwrap());
        assert!(serde_json::to_vec(&data).unwrap().len() <= MAX_DATA_BYTES);
        assert_eq!(data["truncated"], true);
        assert_eq!(data["bed_count"], 100);
    }

    #[test]
    fn a_small_room_is_told_whole() {
        let room = room_for_tests(2);
        let view = serde_json::to_value(RoomView::of(&room)).unwrap();
        assert_eq!(fitting(view.clone()), view);
    }
}
