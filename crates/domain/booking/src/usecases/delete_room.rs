//! Taking a room away (J20).

use domicile_kernel::{Call, Detail, Outcome, Permission, Refusal, StoreError, VersionConflict, faults};

use crate::{
    FrontDesk, RoomView,
    events::{RoomChange, tell_room},
    model::{RoomId, RoomStatus},
};

/// Why a room could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRoomError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such room.
    #[error("Room not found")]
    NotFound,
    /// Somebody holds one of its beds.
    #[error("This room has bookings that are not over. Move or end them first, or set the room to closed.")]
    Held {
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

faults!(DeleteRoomError: through Refused, Stale, Store;
    Self::NotFound => NotFound,
    Self::Held { status } => ResourceConflict with Detail::State(status.as_str().to_owned()));

impl FrontDesk {
    /// Takes away a room of which the caller saw `version`. Its past bookings stay.
    pub async fn delete_room(&self, call: &Call, id: RoomId, version: i64) -> Result<(), DeleteRoomError> {
        call.require(Permission::RoomsDelete)?;
        Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let room = uow.rooms().lock(id).await?.ok_or(DeleteRoomError::NotFound)?;
        if !uow.bookings().beds_held(id).await?.is_empty() {
            return Err(DeleteRoomError::Held { status: room.record().status });
        }
        VersionConflict::check(room.version(), version, || RoomView::of(&room))?;
        if !uow.rooms().delete(id, version, self.ambient.now()).await? {
            return Err(StoreError::Stale.into());
        }
        tell_room(&mut *uow, &self.ambient, RoomChange::Deleted, Some(&room), None);
        uow.commit(Outcome::done()).await?;
        Ok(())
    }
}
