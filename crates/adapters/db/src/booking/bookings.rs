//! Bookings. The name and number of whom to call are ciphertext.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domicile_booking::{
    model::{
        BedId, Booking, BookingId, BookingRecord, BookingState, BookingStatus, EmergencyContact, RoomId, StayDates,
    },
    policy::{EarlierPrice, PriceRule, PriceRuleName, Quote},
    ports::{BookingRepository, BookingWritten},
};
use domicile_kernel::{AccountId, Currency, HostelDay, HostelId, Instant, Money, StoreError, Text};
use sea_orm::{FromQueryResult, JsonValue, Value};
use uuid::Uuid;

use super::{HOLDING, rooms::IdRow};
use crate::{
    dialect::{IntoStore, corrupt, for_update},
    read::{from_date, to_date},
    sealed::{FieldCipher, Place},
    uow::SqlUow,
};

pub(super) const COLUMNS: &str = "k.hostel_id, k.id, k.room_id, k.bed_id, k.user_id, k.status, k.check_in_date, \
    k.check_out_date, k.emergency_contact_name, k.emergency_contact_phone, k.special_requests, k.total_minor, \
    k.monthly_minor, k.price_currency, k.price_rule, k.price_rule_version, k.earlier_prices, k.hold_until, k.moved_at, \
    k.moved_by, k.reason, k.version, k.created_at, k.updated_at";

#[derive(FromQueryResult)]
pub(super) struct BookingRow {
    hostel_id: Uuid,
    pub(super) id: Uuid,
    room_id: Uuid,
    bed_id: Uuid,
    user_id: Uuid,
    status: String,
    pub(super) check_in_date: time::Date,
    check_out_date: time::Date,
    emergency_contact_name: Option<Vec<u8>>,
    emergency_contact_phone: Option<Vec<u8>>,
    special_requests: Option<String>,
    total_minor: i64,
    monthly_minor: i64,
    price_currency: String,
    price_rule: String,
    price_rule_version: i64,
    earlier_prices: Option<JsonValue>,
    hold_until: Option<i64>,
    moved_at: Option<i64>,
    moved_by: Option<Uuid>,
    reason: Option<String>,
    version: i64,
    pub(super) created_at: i64,
    updated_at: i64,
}

/// Where a booking's sealed columns live.
fn place(hostel: Uuid, id: Uuid, column: &'static str) -> Place {
    Place { hostel: Some(hostel), table: "bookings", column, row: id }
}

impl BookingRow {
    pub(super) fn booking(self, cipher: &dyn FieldCipher) -> Result<Booking, StoreError> {
        let state = self.state()?;
        let currency = Currency::parse(&self.price_currency).map_err(|_unknown| corrupt("bookings.price_currency"))?;
        let open = |column, sealed: Option<&[u8]>| place(self.hostel_id, self.id, column).open(cipher, sealed);
        let name = open("emergency_contact_name", self.emergency_contact_name.as_deref())?;
        let phone = open("emergency_contact_phone", self.emergency_contact_phone.as_deref())?;
        let monthly_price = Money::new(self.monthly_minor, currency);
        let rule = price_rule_kept(&self.price_rule, self.price_rule_version, monthly_price)?;
        Ok(Booking::from_record(BookingRecord {
            id: BookingId::new(self.id),
            hostel_id: HostelId::new(self.hostel_id),
            room_id: RoomId::new(self.room_id),
            bed_id: BedId::new(self.bed_id),
            user_id: AccountId::new(self.user_id),
            dates: nights(self.check_in_date, self.check_out_date)?,
            contact: EmergencyContact { name: name.as_deref().map(Text::clean), phone },
            special_requests: self.special_requests.as_deref().map(Text::clean),
            quote: Quote { total: Money::new(self.total_minor, currency), rule },
            earlier_prices: earlier_prices(self.earlier_prices)?,
            state,
            version: self.version,
            created_at: Instant::from_micros(self.created_at),
            updated_at: Instant::from_micros(self.updated_at),
        }))
    }

    fn state(&self) -> Result<BookingState, StoreError> {
        let instant = |micros: Option<i64>, column| micros.map(Instant::from_micros).ok_or_else(|| corrupt(column));
        let at = || instant(self.moved_at, "bookings.moved_at");
        let by = self.moved_by.map(AccountId::new);
        let reason = || self.reason.as_deref().map(Text::clean);
        Ok(match BookingStatus::parse(&self.status).ok_or_else(|| corrupt("bookings.status"))? {
            BookingStatus::Pending => {
                BookingState::Pending { hold_until: instant(self.hold_until, "bookings.hold_until")? }
            }
            BookingStatus::Approved => BookingState::Approved { at: at()?, by },
            BookingStatus::Rejected => BookingState::Rejected { at: at()?, by, reason: reason() },
            BookingStatus::Cancelled => BookingState::Cancelled { at: at()?, by, reason: reason() },
            BookingStatus::CheckedIn => BookingState::CheckedIn { at: at()? },
            BookingStatus::CheckedOut => BookingState::CheckedOut { at: at()? },
        })
    }
}

/// The nights of a booking, as its columns have them.
pub(crate) fn nights(check_in: time::Date, check_out: time::Date) -> Result<StayDates, StoreError> {
    StayDates::new(from_date(check_in)?, from_date(check_out)?).map_err(|_empty| corrupt("the nights of a booking"))
}

/// The rule that a booking was priced by, as its columns have it.
pub(crate) fn price_rule_kept(name: &str, version: i64, monthly_price: Money) -> Result<PriceRule, StoreError> {
    Ok(PriceRule {
        name: PriceRuleName::parse(name).ok_or_else(|| corrupt("bookings.price_rule"))?,
        version: u16::try_from(version).map_err(|_huge| corrupt("bookings.price_rule_version"))?,
        monthly_price,
    })
}

/// The prices before a guest moved, as their column has them: nothing where nobody did.
pub(crate) fn earlier_prices(column: Option<JsonValue>) -> Result<Vec<EarlierPrice>, StoreError> {
    let read = |json| serde_json::from_value(json).map_err(|_other_shape| corrupt("bookings.earlier_prices"));
    column.map_or(Ok(Vec::new()), read)
}

/// When and by whom the state was entered, as its columns.
fn entered(state: &BookingState) -> (Option<Instant>, Option<AccountId>) {
    match state {
        BookingState::Pending { .. } => (None, None),
        BookingState::Approved { at, by }
        | BookingState::Rejected { at, by, .. }
        | BookingState::Cancelled { at, by, .. } => (Some(*at), *by),
        BookingState::CheckedIn { at } | BookingState::CheckedOut { at } => (Some(*at), None),
    }
}

fn bind(day: HostelDay) -> Result<Value, StoreError> {
    to_date(day)
        .map(Value::from)
        .ok_or_else(|| StoreError::Other(format!("{day} is beyond the database's days").into()))
}

/// The columns that a change can touch, from `$3` on; the id is `$2`, the hostel `$1`.
fn values(hostel: HostelId, booking: &Booking, cipher: &dyn FieldCipher) -> Result<Vec<Value>, StoreError> {
    let is = booking.record();
    let seal = |column, text: Option<&str>| place(hostel.uuid(), is.id.uuid(), column).seal(cipher, text);
    let (at, by) = entered(&is.state);
    let earlier = (!is.earlier_prices.is_empty()).then(|| serde_json::json!(is.earlier_prices)).into();
    Ok(vec![
        hostel.uuid().into(),
        is.id.uuid().into(),
        is.room_id.uuid().into(),
        is.bed_id.uuid().into(),
        is.user_id.uuid().into(),
        booking.status().as_str().into(),
        bind(is.dates.check_in())?,
        bind(is.dates.check_out())?,
        seal("emergency_contact_name", is.contact.name.as_ref().map(Text::as_str)).into(),
        seal("emergency_contact_phone", is.contact.phone.as_deref()).into(),
        is.special_requests.as_ref().map(Text::as_str).into(),
        is.quote.total.amount_minor().into(),
        is.quote.rule.monthly_price.amount_minor().into(),
        is.quote.total.currency().code().into(),
        is.quote.rule.name.as_str().into(),
        i64::from(is.quote.rule.version).into(),
        earlier,
        booking.hold_until().map(Instant::micros).into(),
        at.map(Instant::micros).into(),
        by.map(AccountId::uuid).into(),
        is.state.reason().map(Text::as_str).into(),
        is.version.into(),
        is.updated_at.micros().into(),
    ])
}

#[derive(FromQueryResult)]
struct BedRow {
    bed_id: Uuid,
}

impl SqlUow {
    async fn load_booking(&self, id: BookingId, lock: bool) -> Result<Option<Booking>, StoreError> {
        let tx = self.tx()?;
        let held = if lock { for_update(tx.is_postgres()) } else { "" };
        let sql = format!("SELECT {COLUMNS} FROM bookings k WHERE k.hostel_id = $1 AND k.id = $2{held}");
        let row = tx.one::<BookingRow>(&sql, [self.hostel()?.uuid().into(), id.uuid().into()]).await.store()?;
        row.map(|row| row.booking(self.cipher())).transpose()
    }

    /// Whether a booking other than `except` holds what `column` names on one of the nights.
    async fn is_held(&self, column: &str, what: Uuid, dates: StayDates, except: Uuid) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT id FROM bookings WHERE hostel_id = $1 AND {column} = $2 AND id <> $3 AND status IN {HOLDING} \
             AND check_in_date < $4 AND check_out_date > $5 LIMIT 1"
        );
        let values = [
            self.hostel()?.uuid().into(),
            what.into(),
            except.into(),
            bind(dates.check_out())?,
            bind(dates.check_in())?,
        ];
        Ok(self.tx()?.one::<IdRow>(&sql, values).await.store()?.is_some())
    }

    /// Which of the two rules a booking ran into; nothing when neither.
    async fn obstacle(&self, booking: &Booking) -> Result<Option<BookingWritten>, StoreError> {
        if !booking.status().holds_bed() {
            return Ok(None);
        }
        let is = booking.record();
        if self.is_held("bed_id", is.bed_id.uuid(), is.dates, is.id.uuid()).await? {
            return Ok(Some(BookingWritten::BedTaken));
        }
        let person = self.is_held("user_id", is.user_id.uuid(), is.dates, is.id.uuid()).await?;
        Ok(person.then_some(BookingWritten::PersonTaken))
    }

    /// What a violated constraint means. PostgreSQL names it; SQLite's triggers do not, but leave a transaction that can
    /// still be asked.
    async fn meaning(&self, constraint: String, booking: &Booking) -> Result<BookingWritten, StoreError> {
        match constraint.as_str() {
            "ex_bookings__bed_stay" => Ok(BookingWritten::BedTaken),
            "ex_bookings__person_stay" => Ok(BookingWritten::PersonTaken),
            "" => self.obstacle(booking).await?.ok_or(StoreError::Conflict(constraint)),
            _ => Err(StoreError::Conflict(constraint)),
        }
    }
}

#[async_trait]
impl BookingRepository for SqlUow {
    async fn find(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        self.load_booking(id, false).await
    }

    async fn lock(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        self.load_booking(id, true).await
    }

    async fn insert(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError> {
        let sql = "INSERT INTO bookings (hostel_id, id, room_id, bed_id, user_id, status, check_in_date, check_out_date, \
                   emergency_contact_name, emergency_contact_phone, special_requests, total_minor, monthly_minor, \
                   price_currency, price_rule, price_rule_version, earlier_prices, hold_until, moved_at, moved_by, reason, \
                   version, updated_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
                   $15, $16, $17, $18, $19, $20, $21, $22, $23, $24) ON CONFLICT DO NOTHING";
        let mut row = values(self.hostel()?, booking, self.cipher())?;
        row.push(booking.record().created_at.micros().into());
        match self.tx()?.run(sql, row).await.store() {
            Ok(0) => {
                let obstacle = self.obstacle(booking).await?;
                obstacle.ok_or_else(|| StoreError::Conflict("bookings_pkey".to_owned()))
            }
            Ok(_) => Ok(BookingWritten::Written),
            Err(StoreError::Conflict(constraint)) => self.meaning(constraint, booking).await,
            Err(error) => Err(error),
        }
    }

    async fn update(&mut self, booking: &Booking) -> Result<BookingWritten, StoreError> {
        let sql = "UPDATE bookings SET room_id = $3, bed_id = $4, user_id = $5, status = $6, check_in_date = $7, \
                   check_out_date = $8, emergency_contact_name = $9, emergency_contact_phone = $10, special_requests = $11, \
                   total_minor = $12, monthly_minor = $13, price_currency = $14, price_rule = $15, price_rule_version = $16, \
                   earlier_prices = $17, hold_until = $18, moved_at = $19, moved_by = $20, reason = $21, version = $22, \
                   updated_at = $23 WHERE hostel_id = $1 AND id = $2 AND version = $24";
        let mut row = values(self.hostel()?, booking, self.cipher())?;
        row.push((booking.version() - 1).into());
        match self.tx()?.run(sql, row).await.store() {
            Ok(0) => Ok(BookingWritten::Stale),
            Ok(_) => Ok(BookingWritten::Written),
            Err(StoreError::Conflict(constraint)) => self.meaning(constraint, booking).await,
            Err(error) => Err(error),
        }
    }

    async fn delete(&mut self, id: BookingId, version: i64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM bookings WHERE hostel_id = $1 AND id = $2 AND version = $3";
        let values = [self.hostel()?.uuid().into(), id.uuid().into(), version.into()];
        Ok(self.tx()?.run(sql, values).await.store()? == 1)
    }

    async fn person_holds(
        &mut self,
        person: AccountId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<bool, StoreError> {
        self.is_held("user_id", person.uuid(), dates, except.map_or_else(Uuid::nil, BookingId::uuid)).await
    }

    async fn beds_taken(
        &mut self,
        room: RoomId,
        dates: StayDates,
        except: Option<BookingId>,
    ) -> Result<BTreeSet<BedId>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT bed_id FROM bookings WHERE hostel_id = $1 AND room_id = $2 AND id <> $3 \
             AND status IN {HOLDING} AND check_in_date < $4 AND check_out_date > $5"
        );
        let values = [
            self.hostel()?.uuid().into(),
            room.uuid().into(),
            except.map_or_else(Uuid::nil, BookingId::uuid).into(),
            bind(dates.check_out())?,
            bind(dates.check_in())?,
        ];
        let rows = self.tx()?.all::<BedRow>(&sql, values).await.store()?;
        Ok(rows.into_iter().map(|row| BedId::new(row.bed_id)).collect())
    }

    async fn beds_held(&mut self, room: RoomId) -> Result<BTreeSet<BedId>, StoreError> {
        let sql = format!(
            "SELECT DISTINCT bed_id FROM bookings WHERE hostel_id = $1 AND room_id = $2 AND status IN {HOLDING}"
        );
        let values = [self.hostel()?.uuid().into(), room.uuid().into()];
        let rows = self.tx()?.all::<BedRow>(&sql, values).await.store()?;
        Ok(rows.into_iter().map(|row| BedId::new(row.bed_id)).collect())
    }
}
