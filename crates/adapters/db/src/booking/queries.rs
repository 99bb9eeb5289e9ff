//! Reading rooms and bookings.

use std::collections::HashMap;

use async_trait::async_trait;
use domicile_booking::{
    BookingFilter, BookingQueries, BookingView, RoomFilter, RoomView,
    model::{Bed, BedId, BookingId, RoomId, StayDates},
    queries::FLOORLESS,
};
use domicile_kernel::{Call, Cursor, HostelId, Page, PageOf, StoreError, Text};
use sea_orm::{DbErr, FromQueryResult, QueryResult, Value};
use uuid::Uuid;

use super::{
    HOLDING,
    bookings::{self, BookingRow},
    rooms::{self, RoomRow},
};
use crate::{
    database::Database,
    dialect::{IntoStore, corrupt, is_among, offers},
    read::{ListQuery, SortColumn, SortKind, SqlRead, day_value, from_date},
    tx::Tx,
};

const BOOKING_SORTS: &[SortColumn] = &[
    SortColumn { name: "created_at", column: "k.created_at", kind: SortKind::Number },
    SortColumn { name: "check_in_date", column: "k.check_in_date", kind: SortKind::Day },
];

/// A room without a floor has the floor that the port says.
const BY_FLOOR: &str = "COALESCE(r.floor, -1000)";
const _: () = assert!(FLOORLESS == -1000, "the SQL and the port disagree about rooms without a floor");

/// The room's beds that nobody holds from `$2` to `$3`.
fn free_beds() -> String {
    format!(
        "FROM beds b WHERE b.hostel_id = r.hostel_id AND b.room_id = r.id AND b.removed_at IS NULL AND NOT EXISTS (\
         SELECT 1 FROM bookings k WHERE k.hostel_id = b.hostel_id AND k.bed_id = b.id AND k.status IN {HOLDING} \
         AND k.check_in_date < $3 AND k.check_out_date > $2)"
    )
}

/// A room, with its free beds counted when nights were asked for.
struct RoomFound {
    room: RoomRow,
    free: Option<i64>,
}

impl FromQueryResult for RoomFound {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, DbErr> {
        Ok(Self { room: RoomRow::from_query_result(row, prefix)?, free: row.try_get(prefix, "available_beds")? })
    }
}

/// The columns of a room; the nights, when there are any, are `$2` and `$3`.
fn room_columns(available: Option<StayDates>) -> String {
    let free = match available {
        Some(_) => format!("(SELECT count(*) {})", free_beds()),
        None => "CAST(NULL AS BIGINT)".to_owned(),
    };
    format!("{}, {free} AS available_beds", rooms::COLUMNS)
}

/// The hostel as `$1`, and the nights, when there are any, as `$2` and `$3`.
fn head(hostel: HostelId, available: Option<StayDates>) -> Result<Vec<Value>, StoreError> {
    let mut values = vec![hostel.uuid().into()];
    for day in available.into_iter().flat_map(|nights| [nights.check_in(), nights.check_out()]) {
        values.push(day_value(day).ok_or_else(|| corrupt("a day"))?);
    }
    Ok(values)
}

/// A bed and its room, by place like a room's columns.
struct BedRow {
    room_id: Uuid,
    bed: Bed,
}

impl FromQueryResult for BedRow {
    fn from_query_result(row: &QueryResult, _prefix: &str) -> Result<Self, DbErr> {
        Ok(Self {
            room_id: row.try_get_by(0)?,
            bed: Bed { id: BedId::new(row.try_get_by(1)?), label: row.try_get_by(2)? },
        })
    }
}

/// The beds of some rooms in one statement.
async fn beds_of(tx: &Tx, hostel: HostelId, rooms: &[Uuid]) -> Result<HashMap<Uuid, Vec<Bed>>, StoreError> {
    if rooms.is_empty() {
        return Ok(HashMap::new());
    }
    let mut values = vec![hostel.uuid().into()];
    let of_the_rooms = is_among(tx.is_postgres(), "room_id", rooms, &mut values);
    let sql = format!(
        "SELECT room_id, id, label FROM beds WHERE hostel_id = $1 AND removed_at IS NULL AND {of_the_rooms} \
         ORDER BY room_id, ordinal"
    );
    let mut beds: HashMap<Uuid, Vec<Bed>> = HashMap::with_capacity(rooms.len());
    for row in tx.all::<BedRow>(&sql, values).await.store()? {
        beds.entry(row.room_id).or_default().push(row.bed);
    }
    Ok(beds)
}

/// The found rooms with their beds, as they are told.
async fn views(tx: &Tx, hostel: HostelId, found: Vec<RoomFound>) -> Result<Vec<RoomView>, StoreError> {
    let ids: Vec<Uuid> = found.iter().map(|row| row.room.id).collect();
    let mut beds = beds_of(tx, hostel, &ids).await?;
    let view = |row: RoomFound| {
        let free = row.free.map(|free| usize::try_from(free).unwrap_or(0));
        let beds = beds.remove(&row.room.id).unwrap_or_default();
        Ok(RoomView { available_beds: free, ..RoomView::from(row.room.room(beds)?) })
    };
    found.into_iter().map(view).collect()
}

#[async_trait]
impl BookingQueries for Database {
    async fn rooms(&self, call: &Call, filter: &RoomFilter, page: &Page) -> Result<PageOf<RoomView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let (hostel, postgres) = (read.hostel()?, read.tx.is_postgres());
        let columns = room_columns(filter.available);
        let mut query = ListQuery {
            columns: &columns,
            from: "FROM rooms r WHERE r.hostel_id = $1 AND r.deleted_at IS NULL".to_owned(),
            values: head(hostel, filter.available)?,
            id: "r.id",
            sorts: &[
                SortColumn { name: "name", column: "r.name_key", kind: SortKind::Text },
                SortColumn { name: "monthly_price", column: "r.price_minor", kind: SortKind::Number },
                SortColumn { name: "floor", column: BY_FLOOR, kind: SortKind::Number },
                SortColumn { name: "created_at", column: "r.created_at", kind: SortKind::Number },
            ],
        };
        if filter.available.is_some() {
            query.from = format!("{} AND r.status = 'active' AND EXISTS (SELECT 1 {})", query.from, free_beds());
        }
        if let Some(status) = filter.status {
            query.and("r.status = $?", status.as_str());
        }
        if let Some(room_type) = &filter.room_type {
            query.and("r.room_type = $?", room_type.as_str());
        }
        if let Some(floor) = filter.floor {
            query.and("r.floor = $?", i64::from(floor));
        }
        if let Some(least) = filter.min_price {
            query.and("r.price_minor >= $?", least);
        }
        if let Some(most) = filter.max_price {
            query.and("r.price_minor <= $?", most);
        }
        if let Some(amenity) = filter.amenity.as_ref().map(Text::as_str) {
            query.and(offers(postgres), amenity);
        }
        let key = |row: &RoomFound| match page.sort {
            "monthly_price" => row.room.price_minor.to_string(),
            "floor" => row.room.floor.unwrap_or(FLOORLESS).to_string(),
            "created_at" => row.room.created_at.to_string(),
            _ => row.room.name_key.clone(),
        };
        let found = query.page(&read.tx, page, |row| Cursor { key: key(row), id: row.room.id }).await?;
        let rows = views(&read.tx, hostel, found.rows).await?;
        Ok(PageOf { rows, total: found.total, next: found.next })
    }

    async fn room(
        &self,
        call: &Call,
        id: RoomId,
        available: Option<StayDates>,
    ) -> Result<Option<RoomView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let hostel = read.hostel()?;
        let mut values = head(hostel, available)?;
        values.push(id.uuid().into());
        let sql = format!(
            "SELECT {} FROM rooms r WHERE r.hostel_id = $1 AND r.id = ${} AND r.deleted_at IS NULL",
            room_columns(available),
            values.len()
        );
        let found = read.tx.all::<RoomFound>(&sql, values).await.store()?;
        Ok(views(&read.tx, hostel, found).await?.pop())
    }

    async fn bookings(
        &self,
        call: &Call,
        filter: &BookingFilter,
        page: &Page,
    ) -> Result<PageOf<BookingView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let mut query = ListQuery {
            columns: bookings::COLUMNS,
            from: "FROM bookings k WHERE k.hostel_id = $1".to_owned(),
            values: vec![read.hostel()?.uuid().into()],
            id: "k.id",
            sorts: BOOKING_SORTS,
        };
        if let Some(status) = filter.status {
            query.and("k.status = $?", status.as_str());
        }
        if let Some(person) = filter.user_id {
            query.and("k.user_id = $?", person.uuid());
        }
        if let Some(room) = filter.room_id {
            query.and("k.room_id = $?", room.uuid());
        }
        for (condition, day) in [("k.check_out_date > $?", filter.from), ("k.check_in_date < $?", filter.to)] {
            if let Some(day) = day {
                query.and(condition, day_value(day).ok_or_else(|| corrupt("a day"))?);
            }
        }
        let key = |row: &BookingRow| match page.sort {
            "check_in_date" => from_date(row.check_in_date).map(|day| day.to_string()).unwrap_or_default(),
            _ => row.created_at.to_string(),
        };
        let found = query.page(&read.tx, page, |row| Cursor { key: key(row), id: row.id }).await?;
        let view = |row: BookingRow| row.booking(self.cipher()).map(|booking| BookingView::of(&booking));
        let rows = found.rows.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(PageOf { rows, total: found.total, next: found.next })
    }

    async fn booking(&self, call: &Call, id: BookingId) -> Result<Option<BookingView>, StoreError> {
        let read = SqlRead::begin(self, call).await?;
        let sql = format!("SELECT {} FROM bookings k WHERE k.hostel_id = $1 AND k.id = $2", bookings::COLUMNS);
        let row = read.tx.one::<BookingRow>(&sql, [read.hostel()?.uuid().into(), id.uuid().into()]).await.store()?;
        row.map(|row| row.booking(self.cipher()).map(|booking| BookingView::of(&booking))).transpose()
    }
}
