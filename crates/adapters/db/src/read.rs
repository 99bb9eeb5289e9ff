//! Views: a read-only transaction in a scope, without record and audit. Every context's read port is implemented with it.

use domicile_kernel::{Call, Cursor, HostelId, Page, PageOf, Position, Scope, StoreError};
use sea_orm::{FromQueryResult, Value};

use crate::{database::Database, dialect::IntoStore, tx::Tx};

/// An open view. Dropping it gives the connection back.
pub(crate) struct SqlRead {
    pub(crate) tx: Tx,
    scope: Scope,
}

impl SqlRead {
    pub(crate) async fn begin(database: &Database, call: &Call) -> Result<Self, StoreError> {
        Self::begin_in(database, call.scope).await
    }

    pub(crate) async fn begin_in(database: &Database, scope: Scope) -> Result<Self, StoreError> {
        Ok(Self { tx: database.read_tx(&scope).await?, scope })
    }

    /// Whether a hostel's rows lie outside the scope. PostgreSQL's policies say the same; SQLite has none.
    pub(crate) fn scope_excludes(&self, hostel: HostelId) -> bool {
        match self.scope {
            Scope::Hostel(own) => own != hostel,
            Scope::Account(_) => true,
            Scope::System(_) => false,
        }
    }

    /// The tenant whose rows may be seen; every query filters by it, on SQLite too.
    pub(crate) fn hostel(&self) -> Result<HostelId, StoreError> {
        self.scope
            .hostel()
            .ok_or_else(|| StoreError::Other(format!("{:?} is not the scope of a hostel", self.scope).into()))
    }
}

/// How one list may be sorted: the name a [`Page`] carries, and the column with its cast for a cursor.
pub(crate) struct SortColumn {
    pub(crate) name: &'static str,
    pub(crate) column: &'static str,
    pub(crate) kind: SortKind,
}

/// What a cursor's key is, so that it compares as the column does.
#[derive(Clone, Copy)]
pub(crate) enum SortKind {
    Number,
    Text,
    Day,
}

/// A list in the making: the FROM … WHERE part with its parameters.
pub(crate) struct ListQuery<'a> {
    /// The columns, as in SELECT.
    pub(crate) columns: &'a str,
    /// From FROM up to the end of WHERE.
    pub(crate) from: String,
    /// The parameters used so far: `$1`, `$2`, …
    pub(crate) values: Vec<Value>,
    /// The id column that breaks ties.
    pub(crate) id: &'a str,
    /// What the list may be sorted by; the first is the default.
    pub(crate) sorts: &'a [SortColumn],
}

#[derive(FromQueryResult)]
struct Total {
    total: i64,
}

impl ListQuery<'_> {
    /// Adds a condition; `$?` in it stands for the value.
    pub(crate) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.from.push_str(" AND ");
        self.from.push_str(&condition.replace("$?", &place));
    }

    /// Runs it for a page. By number, rows and total come from one statement (W8), whose window total is lost past the last
    /// page; only then a second one counts.
    pub(crate) async fn page<T: FromQueryResult>(
        mut self,
        tx: &Tx,
        page: &Page,
        cursor: impl Fn(&T) -> Cursor,
    ) -> Result<PageOf<T>, StoreError> {
        let sort = self.sorts.iter().find(|sort| sort.name == page.sort).or(self.sorts.first());
        let Some(sort) = sort else { return Err(StoreError::Other("a list without a sort".into())) };
        let (direction, beyond) = if page.descending { ("DESC", "<") } else { ("ASC", ">") };
        let (column, id) = (sort.column, self.id);
        if let Position::After(Some(after)) = &page.position {
            let Some(key) = key_value(sort.kind, &after.key) else {
                return Ok(PageOf { rows: Vec::new(), total: None, next: None });
            };
            self.values.push(key);
            let key_place = self.values.len();
            self.values.push(after.id.into());
            let id_place = self.values.len();
            let behind = format!(" AND ({column}, {id}) {beyond} (${key_place}, ${id_place})");
            self.from.push_str(&behind);
        }
        let order = format!("ORDER BY {column} {direction}, {id} {direction}");
        match &page.position {
            Position::Number(_) => {
                let offset = i64::try_from(page.offset()).unwrap_or(i64::MAX);
                let sql = format!(
                    "SELECT {}, count(*) OVER () AS total {} {order} LIMIT {} OFFSET {offset}",
                    self.columns, self.from, page.limit
                );
                let statement = sea_orm::Statement::from_sql_and_values(backend(tx), &sql, self.values.clone());
                let found = sea_orm::ConnectionTrait::query_all_raw(tx, statement).await.store()?;
                let mut total = None;
                let mut rows = Vec::with_capacity(found.len());
                for row in &found {
                    // The same in each row.
                    if total.is_none() {
                        total = Some(Total::from_query_result(row, "").store()?.total);
                    }
                    rows.push(T::from_query_result(row, "").store()?);
                }
                let total = match total {
                    Some(total) => total,
                    None if offset == 0 => 0,
                    None => {
                        let sql = format!("SELECT count(*) AS total {}", self.from);
                        tx.one::<Total>(&sql, self.values).await.store()?.map_or(0, |row| row.total)
                    }
                };
                Ok(PageOf { rows, total: Some(total.unsigned_abs()), next: None })
            }
            Position::After(_) => {
                let sql = format!("SELECT {} {} {order} LIMIT {}", self.columns, self.from, u64::from(page.limit) + 1);
                let mut rows = tx.all::<T>(&sql, self.values).await.store()?;
                let more = rows.len() > page.limit as usize;
                rows.truncate(page.limit as usize);
                let next = if more { rows.last().map(cursor) } else { None };
                Ok(PageOf { rows, total: None, next })
            }
        }
    }
}

fn backend(tx: &Tx) -> sea_orm::DbBackend {
    sea_orm::ConnectionTrait::get_database_backend(tx)
}

/// A cursor's key as the column's type; nothing when it is none, and then the page is empty.
fn key_value(kind: SortKind, key: &str) -> Option<Value> {
    match kind {
        SortKind::Number => key.parse::<i64>().ok().map(Value::from),
        SortKind::Text => Some(Value::from(key)),
        SortKind::Day => key.parse::<domicile_kernel::HostelDay>().ok().and_then(day_value),
    }
}

/// A day as the drivers bind it.
pub(crate) fn day_value(day: domicile_kernel::HostelDay) -> Option<Value> {
    to_date(day).map(Value::from)
}

/// A day as the drivers' date.
pub(crate) fn to_date(day: domicile_kernel::HostelDay) -> Option<time::Date> {
    let month = time::Month::try_from(u8::try_from(day.month()).ok()?).ok()?;
    time::Date::from_calendar_date(i32::from(day.year()), month, u8::try_from(day.day()).ok()?).ok()
}

/// The drivers' date as a day.
pub(crate) fn from_date(date: time::Date) -> Result<domicile_kernel::HostelDay, StoreError> {
    let day = |year| domicile_kernel::HostelDay::new(year, u8::from(date.month()) as i8, date.day() as i8);
    i16::try_from(date.year()).ok().and_then(day).ok_or_else(|| crate::dialect::corrupt("a date"))
}
