//! A room and its beds.

use std::collections::BTreeSet;

use domicile_kernel::{HostelId, Instant, Money, Text};
use serde::{Deserialize, Serialize};

use super::{BedId, RoomId};

/// Whether a room is let.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoomStatus {
    /// Its beds can be booked.
    Active,
    /// Being mended: nobody new moves in for now.
    Maintenance,
    /// Not let any more.
    Closed,
}

impl RoomStatus {
    /// Every status.
    pub const ALL: &'static [Self] = &[Self::Active, Self::Maintenance, Self::Closed];
    /// Their names, in the same order.
    pub const WORDS: &'static [&'static str] = &["active", "maintenance", "closed"];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Maintenance => "maintenance",
            Self::Closed => "closed",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}

/// A bed. Its label is written on it and never changes while the bed is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Bed {
    /// Which.
    pub id: BedId,
    /// `A` to `Z`, then `27`, `28`, …
    pub label: String,
}

/// The label of the bed at a position, counted from 0.
#[must_use]
pub fn bed_label(position: usize) -> String {
    match u8::try_from(position) {
        Ok(letter) if letter < 26 => char::from(b'A' + letter).to_string(),
        _ => (position + 1).to_string(),
    }
}

/// The position, from 0, that a label stands for: the order of the beds of a room. What is no label of ours goes last.
#[must_use]
pub fn bed_position(label: &str) -> usize {
    match label.as_bytes() {
        [letter @ b'A'..=b'Z'] => usize::from(letter - b'A'),
        _ => label.parse::<usize>().map_or(usize::MAX, |number| number.saturating_sub(1)),
    }
}

/// Everything that is kept of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRecord {
    /// Which.
    pub id: RoomId,
    /// Whose.
    pub hostel_id: HostelId,
    /// 1 to 100 characters, unique in the hostel without regard to case among rooms that are there.
    pub name: Text,
    /// Lower case, 1 to 50 characters: `single`, `double`, whatever the house says.
    pub room_type: Text,
    /// -5 to 200; 0 is the ground floor.
    pub floor: Option<i32>,
    /// 1 to 100, by label.
    pub beds: Vec<Bed>,
    /// For one bed and one month, in the currency of the house.
    pub monthly_price: Money,
    /// At most 50 of at most 50 characters, as they were entered, each once.
    pub amenities: Vec<Text>,
    /// At most 2000 characters.
    pub description: Option<Text>,
    /// Whether it is let.
    pub status: RoomStatus,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A room of a hostel, with at least one bed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room(RoomRecord);

/// What of a room is to change; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomChanges {
    /// Its name.
    pub name: Option<Text>,
    /// Its type, lower case.
    pub room_type: Option<Text>,
    /// Its floor.
    pub floor: Option<i32>,
    /// How many beds it has. More get the next labels; fewer takes the last labels away.
    pub bed_count: Option<usize>,
    /// The price of a bed for a month. Stays that were agreed keep theirs.
    pub monthly_price: Option<Money>,
    /// What it offers.
    pub amenities: Option<Vec<Text>>,
    /// How it is.
    pub description: Option<Text>,
    /// Whether it is let.
    pub status: Option<RoomStatus>,
}

/// Why no bed can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBed {
    /// The wanted bed does not stand in this room.
    Unknown,
    /// The wanted bed, or each bed, is held on one of the nights.
    Taken,
}

impl Room {
    /// A room as it was kept, or as checked input describes it. The beds come into the order of their labels.
    #[must_use]
    pub fn from_record(mut record: RoomRecord) -> Self {
        record.beds.sort_by_key(|bed| bed_position(&bed.label));
        Self(record)
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &RoomRecord {
        &self.0
    }

    /// Everything it is, owned.
    #[must_use]
    pub fn into_record(self) -> RoomRecord {
        self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> RoomId {
        self.0.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// The name as it is compared: two rooms of a hostel may not share it.
    #[must_use]
    pub fn name_key(&self) -> String {
        name_key(self.0.name.as_str())
    }

    /// Whether somebody new can be placed here.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.status == RoomStatus::Active
    }

    /// The wanted bed if it is not among the `taken`, or else the first that is not.
    pub fn pick_bed(&self, wanted: Option<BedId>, taken: &BTreeSet<BedId>) -> Result<BedId, NoBed> {
        let mut beds = self.0.beds.iter().map(|bed| bed.id);
        let picked = match wanted {
            Some(wanted) => beds.find(|bed| *bed == wanted).ok_or(NoBed::Unknown).map(Some)?,
            None => beds.find(|bed| !taken.contains(bed)),
        };
        picked.filter(|bed| !taken.contains(bed)).ok_or(NoBed::Taken)
    }

    /// The beds that would go if the room had only `count`.
    #[must_use]
    pub fn beds_beyond(&self, count: usize) -> &[Bed] {
        self.0.beds.get(count..).unwrap_or(&[])
    }

    /// The room with the changes made, one version on. `new_bed` makes the id of each bed that is added.
    #[must_use]
    pub fn changed(self, changes: RoomChanges, at: Instant, mut new_bed: impl FnMut() -> BedId) -> Self {
        let mut room = self.0;
        room.name = changes.name.unwrap_or(room.name);
        room.room_type = changes.room_type.unwrap_or(room.room_type);
        room.floor = changes.floor.or(room.floor);
        room.monthly_price = changes.monthly_price.unwrap_or(room.monthly_price);
        room.amenities = changes.amenities.unwrap_or(room.amenities);
        room.description = changes.description.or(room.description).filter(|text| !text.is_empty());
        room.status = changes.status.unwrap_or(room.status);
        if let Some(count) = changes.bed_count {
            room.beds.truncate(count);
            let present = room.beds.len();
            room.beds.extend((present..count).map(|position| Bed { id: new_bed(), label: bed_label(position) }));
        }
        room.version += 1;
        room.updated_at = at;
        Self(room)
    }
}

/// A room's name without regard to case.
#[must_use]
pub(crate) fn name_key(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use domicile_kernel::Currency;

    use super::*;

    pub(crate) fn room(beds: usize) -> Room {
        let bed = |position| Bed { id: bed_id(position), label: bed_label(position) };
        Room::from_record(RoomRecord {
            id: RoomId::new(uuid::Uuid::from_u128(1)),
            hostel_id: HostelId::new(uuid::Uuid::from_u128(2)),
            name: Text::clean("Attic"),
            room_type: Text::clean("double"),
            floor: Some(3),
            beds: (0..beds).rev().map(bed).collect(),
            monthly_price: Money::new(45_000, Currency::GHS),
            amenities: vec![],
            description: None,
            status: RoomStatus::Active,
            version: 1,
            created_at: Instant::from_seconds(0),
            updated_at: Instant::from_seconds(0),
        })
    }

    fn bed_id(position: usize) -> BedId {
        BedId::new(uuid::Uuid::from_u128(100 + position as u128))
    }

    fn labels(room: &Room) -> Vec<&str> {
        room.record().beds.iter().map(|bed| bed.label.as_str()).collect()
    }

    #[test]
    fn labels_are_letters_and_then_numbers_in_the_order_of_the_beds() {
        let many = room(30);
        assert_eq!(labels(&many)[..3], ["A", "B", "C"]);
        assert_eq!(labels(&many)[25..], ["Z", "27", "28", "29", "30"]);
        for position in 0..100 {
            assert_eq!(bed_position(&bed_label(position)), position);
        }
    }

    #[test]
    fn more_beds_get_the_next_labels_and_fewer_take_the_last_away() {
        let two = room(2);
        let first_beds = two.record().beds.clone();
        let mut next = 500;
        let mut new_bed = || {
            next += 1;
            BedId::new(uuid::Uuid::from_u128(next))
        };
        let count = |count| RoomChanges { bed_count: Some(count), ..RoomChanges::default() };
        let four = two.changed(count(4), Instant::from_seconds(1), &mut new_bed);
        assert_eq!(labels(&four), ["A", "B", "C", "D"]);
        assert_eq!(four.record().beds[..2], first_beds[..]);
        assert_eq!((four.version(), four.record().updated_at), (2, Instant::from_seconds(1)));
        assert_eq!(four.beds_beyond(3).len(), 1);
        let one = four.changed(count(1), Instant::from_seconds(2), &mut new_bed);
        assert_eq!(labels(&one), ["A"]);
    }

    #[test]
    fn the_first_free_bed_is_picked_and_a_wanted_one_only_when_it_is_free() {
        let room = room(2);
        let (a, b, elsewhere) = (bed_id(0), bed_id(1), bed_id(9));
        let taken = |beds: &[BedId]| beds.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(room.pick_bed(None, &taken(&[])), Ok(a));
        assert_eq!(room.pick_bed(None, &taken(&[a])), Ok(b));
        assert_eq!(room.pick_bed(None, &taken(&[a, b])), Err(NoBed::Taken));
        assert_eq!(room.pick_bed(Some(b), &taken(&[a])), Ok(b));
        assert_eq!(room.pick_bed(Some(b), &taken(&[b])), Err(NoBed::Taken));
        assert_eq!(room.pick_bed(Some(elsewhere), &taken(&[])), Err(NoBed::Unknown));
    }
}
