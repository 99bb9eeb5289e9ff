//! Making a room (J20).

use domicile_kernel::{Call, Checks, FieldErrors, Money, Outcome, Permission, Refusal, StoreError, Text, faults};
use serde::Deserialize;

use super::fields;
use crate::{
    FrontDesk, RoomView,
    events::{RoomChange, tell_room},
    model::{Bed, HouseTerms, Room, RoomChanges, RoomRecord, RoomStatus, bed_label},
    ports::RoomWritten,
};

/// A room to be made, as it was sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CreateRoom {
    /// 1 to 100 characters, unique in the hostel without regard to case. Required.
    pub name: Option<String>,
    /// 1 to 50 characters, kept in lower case. Required.
    pub room_type: Option<String>,
    /// -5 to 200.
    pub floor: Option<i64>,
    /// 1 to 100. Required.
    pub bed_count: Option<i64>,
    /// For one bed and one month, in the currency of the hostel. Required.
    pub monthly_price: Option<Money>,
    /// At most 50 of at most 50 characters.
    pub amenities: Option<Vec<String>>,
    /// At most 2000 characters.
    pub description: Option<String>,
}

/// Why a room could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateRoomError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The hostel has a room of this name.
    #[error("A room with this name already exists. Choose another name.")]
    NameTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(CreateRoomError: through Refused, Invalid, Store; Self::NameTaken => AlreadyExists);

impl FrontDesk {
    /// Makes a room with its beds, open to be booked.
    pub async fn create_room(&self, call: &Call, command: CreateRoom) -> Result<RoomView, CreateRoomError> {
        call.require(Permission::RoomsCreate)?;
        let hostel_id = Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let terms = uow.terms().await?;
        let wanted = command.check(&terms)?;
        let now = self.ambient.now();
        let bed = |position| Bed { id: self.ambient.id(), label: bed_label(position) };
        let room = Room::from_record(RoomRecord {
            id: self.ambient.id(),
            hostel_id,
            name: wanted.name,
            room_type: wanted.room_type,
            floor: wanted.optional.floor,
            beds: (0..wanted.bed_count).map(bed).collect(),
            monthly_price: wanted.monthly_price,
            amenities: wanted.optional.amenities.unwrap_or_default(),
            description: wanted.optional.description.filter(|text| !text.is_empty()),
            status: RoomStatus::Active,
            version: 1,
            created_at: now,
            updated_at: now,
        });
        match uow.rooms().insert(&room).await? {
            RoomWritten::Written => {}
            RoomWritten::NameTaken => return Err(CreateRoomError::NameTaken),
            RoomWritten::Stale => return Err(StoreError::Stale.into()),
        }
        tell_room(&mut *uow, &self.ambient, RoomChange::Created, None, Some(&room));
        let view = RoomView::of(&room);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

/// What was sent, checked: the required fields, and the others as changes to a bare room.
struct Wanted {
    name: Text,
    room_type: Text,
    bed_count: usize,
    monthly_price: Money,
    optional: RoomChanges,
}

impl CreateRoom {
    fn check(self, terms: &HouseTerms) -> Result<Wanted, FieldErrors> {
        let mut checks = Checks::new();
        let name = checks.require("name", self.name);
        let name = fields::room_name(&mut checks, name.as_deref());
        let room_type = checks.require("room_type", self.room_type);
        let room_type = fields::room_type(&mut checks, room_type.as_deref());
        let floor = fields::floor(&mut checks, self.floor);
        let bed_count = checks.require("bed_count", self.bed_count);
        let bed_count = fields::bed_count(&mut checks, bed_count);
        let monthly_price = checks.require("monthly_price", self.monthly_price);
        let monthly_price = fields::monthly_price(&mut checks, monthly_price, terms.currency);
        let amenities = fields::amenities(&mut checks, self.amenities.as_deref());
        let description = fields::description(&mut checks, self.description.as_deref());
        let wanted = || {
            let optional = RoomChanges { floor, amenities, description, ..RoomChanges::default() };
            Some(Wanted {
                name: name?,
                room_type: room_type?,
                bed_count: bed_count?,
                monthly_price: monthly_price?,
                optional,
            })
        };
        let wanted = wanted();
        checks.conclude(wanted)
    }
}
