//! Rooms and their beds. A bed that is taken away keeps its row, for past bookings name it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domicile_booking::{
    model::{Bed, BedId, Room, RoomId, RoomRecord, RoomStatus},
    ports::{RoomRepository, RoomWritten},
};
use domicile_kernel::{Currency, HostelId, Instant, Money, StoreError, Text};
use sea_orm::{DbErr, FromQueryResult, JsonValue, QueryResult, Value};
use uuid::Uuid;

use crate::{
    dialect::{IntoStore, corrupt, for_share, for_update, is_among, json},
    tx::Tx,
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "r.hostel_id, r.id, r.name, r.name_key, r.room_type, r.floor, r.price_minor, \
    r.price_currency, r.amenities, r.description, r.status, r.version, r.created_at, r.updated_at";

#[derive(Clone)]
pub(super) struct RoomRow {
    hostel_id: Uuid,
    pub(super) id: Uuid,
    name: String,
    pub(super) name_key: String,
    room_type: String,
    pub(super) floor: Option<i64>,
    pub(super) price_minor: i64,
    price_currency: String,
    amenities: JsonValue,
    description: Option<String>,
    status: String,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
}

/// By place, as [`COLUMNS`] has them first in every SELECT: a name would be looked up for each value of each row, and a list
/// has many.
impl FromQueryResult for RoomRow {
    fn from_query_result(row: &QueryResult, _prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            hostel_id: row.try_get_by(0)?,
            id: row.try_get_by(1)?,
            name: row.try_get_by(2)?,
            name_key: row.try_get_by(3)?,
            room_type: row.try_get_by(4)?,
            floor: row.try_get_by(5)?,
            price_minor: row.try_get_by(6)?,
            price_currency: row.try_get_by(7)?,
            amenities: row.try_get_by(8)?,
            description: row.try_get_by(9)?,
            status: row.try_get_by(10)?,
            version: row.try_get_by(11)?,
            created_at: row.try_get_by(12)?,
            updated_at: row.try_get_by(13)?,
        })
    }
}

impl RoomRow {
    pub(super) fn room(self, beds: Vec<Bed>) -> Result<Room, StoreError> {
        let currency = Currency::parse(&self.price_currency).map_err(|_unknown| corrupt("rooms.price_currency"))?;
        let floor = self.floor.map(i32::try_from).transpose().map_err(|_huge| corrupt("rooms.floor"))?;
        Ok(Room::from_record(RoomRecord {
            id: RoomId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            name: Text::clean(&self.name),
            room_type: Text::clean(&self.room_type),
            floor,
            beds,
            monthly_price: Money::new(self.price_minor, currency),
            amenities: serde_json::from_value(self.amenities).map_err(|_other_shape| corrupt("rooms.amenities"))?,
            description: self.description.as_deref().map(Text::clean),
            status: RoomStatus::parse(&self.status).ok_or_else(|| corrupt("rooms.status"))?,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        }))
    }
}

/// A room beside one of its beds: how both come in one round trip.
struct RoomBesideBed {
    room: RoomRow,
    bed: Bed,
}

impl FromQueryResult for RoomBesideBed {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let bed = Bed { id: BedId::new(row.try_get(prefix, "bed_id")?), label: row.try_get(prefix, "bed_label")? };
        Ok(Self { room: RoomRow::from_query_result(row, prefix)?, bed })
    }
}

async fn load(tx: &Tx, hostel: HostelId, id: RoomId) -> Result<Option<Room>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, b.id AS bed_id, b.label AS bed_label FROM rooms r \
         JOIN beds b ON b.hostel_id = r.hostel_id AND b.room_id = r.id AND b.removed_at IS NULL \
         WHERE r.hostel_id = $1 AND r.id = $2 AND r.deleted_at IS NULL ORDER BY b.ordinal"
    );
    let rows = tx.all::<RoomBesideBed>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
    let room = rows.first().map(|row| row.room.clone());
    room.map(|room| room.room(rows.into_iter().map(|row| row.bed).collect())).transpose()
}

/// The columns that a change can touch, from `$3` on; the id is `$2`, the hostel `$1`.
fn values(hostel: HostelId, room: &Room) -> Result<Vec<Value>, StoreError> {
    let is = room.record();
    Ok(vec![
        hostel.uuid().into(),
        is.id.uuid().into(),
        is.name.as_str().into(),
        room.name_key().into(),
        is.room_type.as_str().into(),
        is.floor.map(i64::from).into(),
        (is.beds.len() as i64).into(),
        is.monthly_price.amount_minor().into(),
        is.monthly_price.currency().code().into(),
        json(&is.amenities)?,
        is.description.as_ref().map(Text::as_str).into(),
        is.status.as_str().into(),
        is.version.into(),
        is.updated_at.micros().into(),
    ])
}

/// Adds beds in one statement. The ordinal is the bed's place in the room, from 1.
async fn add_beds(tx: &Tx, hostel: HostelId, room: RoomId, beds: &[(usize, &Bed)]) -> Result<(), StoreError> {
    if beds.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Value> = vec![hostel.uuid().into(), room.uuid().into()];
    let mut rows = Vec::with_capacity(beds.len());
    for (place, bed) in beds {
        let at = values.len();
        rows.push(format!("($1, $2, ${}, ${}, ${})", at + 1, at + 2, at + 3));
        values.extend([bed.id.uuid().into(), bed.label.as_str().into(), (*place as i64 + 1).into()]);
    }
    let sql = format!("INSERT INTO beds (hostel_id, room_id, id, label, ordinal) VALUES {}", rows.join(", "));
    tx.run(&sql, values).await.store()?;
    Ok(())
}

#[derive(FromQueryResult)]
pub(super) struct IdRow {
    id: Uuid,
}

impl SqlUow {
    /// Brings the beds in the store to those of the room, touching only what differs.
    async fn settle_beds(&self, hostel: HostelId, room: &Room) -> Result<(), StoreError> {
        let (tx, is) = (self.tx()?, room.record());
        let sql = "SELECT id FROM beds WHERE hostel_id = $1 AND room_id = $2 AND removed_at IS NULL";
        let rows = tx.all::<IdRow>(sql, [hostel.uuid().into(), is.id.uuid().into()]).await.store()?;
        let stored: BTreeSet<Uuid> = rows.into_iter().map(|row| row.id).collect();
        let wanted: BTreeSet<Uuid> = is.beds.iter().map(|bed| bed.id.uuid()).collect();
        let going: Vec<Uuid> = stored.difference(&wanted).copied().collect();
        if !going.is_empty() {
            let mut values: Vec<Value> = vec![is.updated_at.micros().into(), hostel.uuid().into()];
            let going = is_among(tx.is_postgres(), "id", &going, &mut values);
            let sql = format!("UPDATE beds SET removed_at = $1 WHERE hostel_id = $2 AND {going}");
            tx.run(&sql, values).await.store()?;
        }
        let new: Vec<_> = is.beds.iter().enumerate().filter(|(_, bed)| !stored.contains(&bed.id.uuid())).collect();
        add_beds(tx, hostel, is.id, &new).await
    }

    async fn room_name_is_taken(&self, hostel: HostelId, room: &Room) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM rooms WHERE hostel_id = $1 AND name_key = $2 AND id <> $3 AND deleted_at IS NULL";
        let values = [hostel.uuid().into(), room.name_key().into(), room.id().uuid().into()];
        Ok(self.tx()?.one::<IdRow>(sql, values).await.store()?.is_some())
    }
}

#[async_trait]
impl RoomRepository for SqlUow {
    async fn find(&mut self, id: RoomId) -> Result<Option<Room>, StoreError> {
        load(self.tx()?, self.hostel()?, id).await
    }

    async fn lock(&mut self, id: RoomId) -> Result<Option<Room>, StoreError> {
        let (tx, hostel) = (self.tx()?, self.hostel()?);
        let lock = for_update(tx.is_postgres());
        if !lock.is_empty() {
            // The read is a statement of its own: one that waited for a lock would still see the room as it was before.
            let sql = format!(
                "SELECT id FROM beds WHERE hostel_id = $1 AND room_id = $2 AND removed_at IS NULL ORDER BY id{lock}"
            );
            tx.all::<IdRow>(&sql, [hostel.uuid().into(), id.uuid().into()]).await.store()?;
        }
        load(tx, hostel, id).await
    }

    async fn insert(&mut self, room: &Room) -> Result<RoomWritten, StoreError> {
        let hostel = self.hostel()?;
        // The settings are held, so that the currency is the hostel's until the room is there to keep it.
        let hold = for_share(self.tx()?.is_postgres());
        let sql = format!(
            "INSERT INTO rooms (hostel_id, id, name, name_key, room_type, floor, bed_count, price_minor, price_currency, \
             amenities, description, status, version, updated_at, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 FROM hostel_settings \
             WHERE hostel_id = $1 AND currency = $9{hold} ON CONFLICT DO NOTHING"
        );
        let mut row = values(hostel, room)?;
        row.push(room.record().created_at.micros().into());
        if self.tx()?.run(&sql, row).await.store()? == 0 {
            let taken = self.room_name_is_taken(hostel, room).await?;
            return Ok(if taken { RoomWritten::NameTaken } else { RoomWritten::Stale });
        }
        let beds: Vec<_> = room.record().beds.iter().enumerate().collect();
        add_beds(self.tx()?, hostel, room.id(), &beds).await?;
        Ok(RoomWritten::Written)
    }

    async fn update(&mut self, room: &Room) -> Result<RoomWritten, StoreError> {
        let hostel = self.hostel()?;
        let sql = "UPDATE rooms SET name = $3, name_key = $4, room_type = $5, floor = $6, bed_count = $7, \
                   price_minor = $8, price_currency = $9, amenities = $10, description = $11, status = $12, version = $13, \
                   updated_at = $14 WHERE hostel_id = $1 AND id = $2 AND version = $15 AND deleted_at IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM rooms o WHERE o.hostel_id = $1 AND o.name_key = $4 AND o.id <> $2 \
                   AND o.deleted_at IS NULL)";
        let mut row = values(hostel, room)?;
        row.push((room.version() - 1).into());
        match self.tx()?.run(sql, row).await.store() {
            Ok(0) if self.room_name_is_taken(hostel, room).await? => Ok(RoomWritten::NameTaken),
            Ok(0) => Ok(RoomWritten::Stale),
            Ok(_) => {
                self.settle_beds(hostel, room).await?;
                Ok(RoomWritten::Written)
            }
            // Two renamed to the same name at once; the index let one.
            Err(StoreError::Conflict(constraint)) if constraint == "uq_rooms__name" => Ok(RoomWritten::NameTaken),
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, id: RoomId, version: i64, at: Instant) -> Result<bool, StoreError> {
        let sql = "UPDATE rooms SET deleted_at = $4, updated_at = $4, version = version + 1 \
                   WHERE hostel_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL";
        let values = [self.hostel()?.uuid().into(), id.uuid().into(), version.into(), at.micros().into()];
        Ok(self.tx()?.run(sql, values).await.store()? == 1)
    }
}
