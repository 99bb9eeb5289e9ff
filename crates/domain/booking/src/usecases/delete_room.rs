//! Taking a room away (J20).

use domicile_kernel::{Call, Code, Detail, Fault, Outcome, Permission, Refusal, StoreError};

use crate::{
    FrontDesk, RoomView,
    events::{RoomChange, tell_room},
    model::{RoomId, RoomStatus, Stale},
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
    Stale(#[from] Stale),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Fault for DeleteRoomError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::NotFound => Code::NotFound,
            Self::Held { .. } => Code::ResourceConflict,
            Self::Stale(stale) => stale.code(),
            Self::Store(error) => error.code(),
        }
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Refused(refusal) => refusal.detail(),
            Self::NotFound => Detail::None,
            Self::Held { status } => Detail::State(status.as_str().to_owned()),
            Self::Stale(stale) => stale.detail(),
            Self::Store(error) => error.detail(),
        }
    }

    fn replayed(&self) -> Option<&Outcome> {
        match self {
            Self::Store(error) => error.replayed(),
            Self::Refused(_) | Self::NotFound | Self::Held { .. } | Self::Stale(_) => None,
        }
    }
}

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
        Stale::check(room.version(), version, || RoomView::of(&room))?;
        if !uow.rooms().delete(id, version, self.ambient.now()).await? {
            return Err(StoreError::Stale.into());
        }
        tell_room(&mut *uow, &self.ambient, RoomChange::Deleted, Some(&room), None);
        uow.commit(Outcome::done()).await?;
        Ok(())
    }
}
