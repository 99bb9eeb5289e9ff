//! Changing a room (J20).

use domicile_kernel::{
    Call, Checks, Detail, FieldErrors, Money, Outcome, Permission, Refusal, StoreError, VersionConflict, faults,
};
use serde::Deserialize;

use super::fields;
use crate::{
    FrontDesk, RoomView,
    events::{RoomChange, tell_room},
    model::{HouseTerms, Room, RoomChanges, RoomId, RoomStatus},
    ports::{BookingUow, RoomWritten},
};

/// What of a room is to change, as it was sent; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UpdateRoom {
    /// 1 to 100 characters, unique in the hostel without regard to case.
    pub name: Option<String>,
    /// 1 to 50 characters, kept in lower case.
    pub room_type: Option<String>,
    /// -5 to 200.
    pub floor: Option<i64>,
    /// 1 to 100. More adds beds; fewer takes the last ones away, unless somebody holds one.
    pub bed_count: Option<i64>,
    /// For one bed and one month, in the currency of the hostel. Stays that were agreed keep their price.
    pub monthly_price: Option<Money>,
    /// At most 50 of at most 50 characters; replaces the list.
    pub amenities: Option<Vec<String>>,
    /// At most 2000 characters; an empty one is taken away.
    pub description: Option<String>,
    /// `active`, `maintenance` or `closed`. Stays that were agreed remain.
    pub status: Option<String>,
}

/// Why a room could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateRoomError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// No such room.
    #[error("Room not found")]
    NotFound,
    /// The hostel has another room of this name.
    #[error("A room with this name already exists. Choose another name.")]
    NameTaken,
    /// A bed that would go is held by somebody.
    #[error("Bed {label} is held by a booking. Move or end that booking first.")]
    BedHeld {
        /// The first such bed.
        label: String,
        /// The room's status.
        status: RoomStatus,
    },
    /// Somebody else changed it in between.
    #[error(transparent)]
    Stale(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(UpdateRoomError: through Refused, Invalid, Stale, Store;
    Self::NotFound => NotFound,
    Self::NameTaken => AlreadyExists,
    Self::BedHeld { status, .. } => ResourceConflict with Detail::State(status.as_str().to_owned()));

impl FrontDesk {
    /// Changes a room of which the caller saw `version`.
    pub async fn update_room(
        &self,
        call: &Call,
        id: RoomId,
        version: i64,
        command: UpdateRoom,
    ) -> Result<RoomView, UpdateRoomError> {
        call.require(Permission::RoomsUpdate)?;
        Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let terms = uow.terms().await?;
        let changes = command.check(&terms)?;
        let before = uow.rooms().lock(id).await?.ok_or(UpdateRoomError::NotFound)?;
        if let Some(count) = changes.bed_count {
            refuse_held_beds(&mut *uow, &before, count).await?;
        }
        VersionConflict::check(before.version(), version, || RoomView::of(&before))?;
        let after = before.clone().changed(changes, self.ambient.now(), || self.ambient.id());
        match uow.rooms().update(&after).await? {
            RoomWritten::Written => {}
            RoomWritten::NameTaken => return Err(UpdateRoomError::NameTaken),
            RoomWritten::Stale => return Err(StoreError::Stale.into()),
        }
        tell_room(&mut *uow, &self.ambient, RoomChange::Updated, Some(&before), Some(&after));
        let view = RoomView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

async fn refuse_held_beds(uow: &mut dyn BookingUow, room: &Room, count: usize) -> Result<(), UpdateRoomError> {
    let going = room.beds_beyond(count);
    if going.is_empty() {
        return Ok(());
    }
    let held = uow.bookings().beds_held(room.id()).await?;
    match going.iter().find(|bed| held.contains(&bed.id)) {
        None => Ok(()),
        Some(bed) => Err(UpdateRoomError::BedHeld { label: bed.label.clone(), status: room.record().status }),
    }
}

impl UpdateRoom {
    fn check(self, terms: &HouseTerms) -> Result<RoomChanges, FieldErrors> {
        let mut checks = Checks::new();
        let changes = RoomChanges {
            name: fields::room_name(&mut checks, self.name.as_deref()),
            room_type: fields::room_type(&mut checks, self.room_type.as_deref()),
            floor: fields::floor(&mut checks, self.floor),
            bed_count: fields::bed_count(&mut checks, self.bed_count),
            monthly_price: fields::monthly_price(&mut checks, self.monthly_price, terms.currency),
            amenities: fields::amenities(&mut checks, self.amenities.as_deref()),
            description: fields::description(&mut checks, self.description.as_deref()),
            status: checks.one_of("status", self.status.as_deref(), RoomStatus::parse, RoomStatus::WORDS),
        };
        if checks.is_clean() && changes == RoomChanges::default() {
            checks.ensure(false, "body", "not_empty", "Send at least one field to change");
        }
        checks.finish()?;
        Ok(changes)
    }
}
