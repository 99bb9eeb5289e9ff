//! The rooms a replay plays in: made for it, or those that are there.

use domicile_booking::{CreateRoom, FrontDesk, ListRooms, RoomView};
use domicile_kernel::{Call, Currency, Money, Page, Position, page::MAX_LIMIT};

use super::{BookingFile, ImportError};

/// Which rooms to play in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rooms {
    /// Rooms of its own, with as many beds as [`BookingFile::beds_needed`] says.
    Auto(Currency),
    /// Every room of the hostel that is let.
    Existing,
}

/// How many beds a room of its own has; divides every number of beds that is needed.
const BEDS_A_ROOM: usize = 4;

/// What a bed in such a room costs for a month, in minor units.
const MONTHLY_PRICE: i64 = 45_000;

impl Rooms {
    /// The rooms, by name. Those of its own that are not there yet are made.
    pub(super) async fn prepare(
        self,
        desk: &FrontDesk,
        call: &Call,
        file: &BookingFile,
    ) -> Result<Vec<RoomView>, ImportError> {
        match self {
            Self::Existing => {
                let asked = ListRooms { status: Some("active".to_owned()), ..ListRooms::default() };
                let rooms = every_room(desk, call, &asked).await?;
                if rooms.is_empty() { Err(ImportError::NoRooms) } else { Ok(rooms) }
            }
            Self::Auto(currency) => {
                let prefix = format!("Import {} ", file.mark());
                let mut rooms = every_room(desk, call, &ListRooms::default()).await?;
                rooms.retain(|room| room.name.as_str().starts_with(&prefix));
                for number in 1..=file.beds_needed().div_ceil(BEDS_A_ROOM) {
                    let name = format!("{prefix}{number:03}");
                    if !rooms.iter().any(|room| room.name.as_str() == name) {
                        let command = CreateRoom {
                            name: Some(name),
                            room_type: Some("quad".to_owned()),
                            bed_count: i64::try_from(BEDS_A_ROOM).ok(),
                            monthly_price: Some(Money::new(MONTHLY_PRICE, currency)),
                            ..CreateRoom::default()
                        };
                        rooms.push(desk.create_room(call, command).await?);
                    }
                }
                rooms.sort_by(|one, other| one.name.cmp(&other.name));
                Ok(rooms)
            }
        }
    }
}

async fn every_room(desk: &FrontDesk, call: &Call, asked: &ListRooms) -> Result<Vec<RoomView>, ImportError> {
    let mut page = Page { position: Position::After(None), limit: MAX_LIMIT, ..Page::first("name", false) };
    let mut rooms = Vec::new();
    loop {
        let part = desk.list_rooms(call, asked.clone(), &page).await?;
        rooms.extend(part.rows);
        match part.next {
            Some(next) => page.position = Position::After(Some(next)),
            None => return Ok(rooms),
        }
    }
}
