//! Everything in which the two databases differ: how a transaction begins, how rows are locked, what an error means.
//! Errors are classified by SQLSTATE and by SQLite's extended code, never by text.

use domicile_kernel::{AccountId, HostelId, Scope, StoreError};
use sea_orm::{DbErr, RuntimeErr, Value, sqlx};
use uuid::Uuid;

/// The statement that begins a PostgreSQL transaction in a scope. Ids are UUIDs, so nothing needs quoting.
pub(crate) fn begin_postgres(scope: &Scope, read_only: bool) -> String {
    let mode = if read_only { "BEGIN READ ONLY" } else { "BEGIN" };
    let (hostel, account) = match scope {
        Scope::Hostel(hostel) => (Some(*hostel), None),
        Scope::Account(account) => (None, Some(*account)),
        Scope::System(_) => (None, None),
    };
    let text = |id: Option<String>| id.unwrap_or_default();
    format!(
        "{mode}; SELECT set_config('app.hostel_id', '{}', true), set_config('app.account_id', '{}', true)",
        text(hostel.as_ref().map(HostelId::to_string)),
        text(account.as_ref().map(AccountId::to_string)),
    )
}

/// How a SELECT locks its rows until the transaction ends. SQLite's writer is alone already.
pub(crate) fn for_update(postgres: bool) -> &'static str {
    if postgres { " FOR UPDATE" } else { "" }
}

/// How a SELECT locks its rows for a change that leaves their keys as they are: whoever only points to them need not wait, so
/// that the order of locks does not depend on what points where.
pub(crate) fn for_change(postgres: bool) -> &'static str {
    if postgres { " FOR NO KEY UPDATE" } else { "" }
}

/// How a SELECT holds its rows as they are: others may hold them as well, and nobody changes them until the transaction ends.
pub(crate) fn for_share(postgres: bool) -> &'static str {
    if postgres { " FOR SHARE" } else { "" }
}

/// Joins some columns of all rows of a group into one JSON text, an array of arrays in no order; null or empty for none.
pub(crate) fn json_rows(postgres: bool, columns: &str) -> String {
    if postgres {
        format!("CAST(json_agg(json_build_array({columns})) AS TEXT)")
    } else {
        format!("json_group_array(json_array({columns}))")
    }
}

/// How a SELECT takes rows that no other transaction holds.
pub(crate) fn skip_locked(postgres: bool) -> &'static str {
    if postgres { " FOR UPDATE SKIP LOCKED" } else { "" }
}

/// An id as text, as people and journals write it.
pub(crate) fn id_text(postgres: bool, column: &str) -> String {
    if postgres {
        return format!("CAST({column} AS TEXT)");
    }
    let part = |from: u8, length: u8| format!("substr(lower(hex({column})), {from}, {length})");
    [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ")
}

/// Joins a text column over a group with commas.
pub(crate) fn joined(postgres: bool, column: &str) -> String {
    if postgres { format!("string_agg({column}, ',')") } else { format!("group_concat({column}, ',')") }
}

/// Whether room `r` offers something, without regard to the case of ASCII letters; `$?` is the thing in lower case.
pub(crate) fn offers(postgres: bool) -> &'static str {
    if postgres {
        "EXISTS (SELECT 1 FROM jsonb_array_elements_text(r.amenities) AS offered WHERE lower(offered COLLATE \"C\") = $?)"
    } else {
        "EXISTS (SELECT 1 FROM json_each(r.amenities) AS offered WHERE lower(offered.value) = $?)"
    }
}

/// The condition that a column is one of some ids, which go behind the values so far. PostgreSQL gets them as one value, so
/// that lists of every length are one statement, planned once.
pub(crate) fn is_among(postgres: bool, column: &str, ids: &[Uuid], values: &mut Vec<Value>) -> String {
    let place = values.len() + 1;
    if postgres {
        let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        values.push(format!("{{{}}}", ids.join(",")).into());
        // In a SELECT of its own it is read once; as a bare cast it would be read again for each row.
        return format!("{column} = ANY((SELECT CAST(${place} AS uuid[]))::uuid[])");
    }
    values.extend(ids.iter().copied().map(Value::from));
    let places: Vec<String> = (place..place + ids.len()).map(|place| format!("${place}")).collect();
    format!("{column} IN ({})", places.join(", "))
}

/// What a driver's error means to a caller.
pub(crate) fn store_error(error: DbErr) -> StoreError {
    let runtime = match &error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => Some(inner.clone()),
        _ => None,
    };
    match runtime.as_deref().map(classify) {
        Some(Meaning::Conflict(constraint)) => StoreError::Conflict(constraint),
        Some(Meaning::Transient) => StoreError::Transient(error.into()),
        Some(Meaning::Other) => StoreError::Other(error.into()),
        None => match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => StoreError::Transient(error.into()),
            DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => StoreError::Corrupt(error.into()),
            other => StoreError::Other(other.into()),
        },
    }
}

enum Meaning {
    Conflict(String),
    Transient,
    Other,
}

fn classify(error: &sqlx::Error) -> Meaning {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            let constraint = || database.constraint().unwrap_or_default().to_owned();
            if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                postgres_meaning(&code, constraint)
            } else {
                sqlite_meaning(&code, constraint)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Meaning::Transient,
        _ => Meaning::Other,
    }
}

/// Whether PostgreSQL says by this SQLSTATE that it has ended the connection: shut down, crashed, or idle for too long.
pub(crate) fn ends_connection(code: &str) -> bool {
    matches!(code, "57P01" | "57P02" | "57P05" | "25P03")
}

/// By SQLSTATE: integrity violations are conflicts; lock and statement timeouts, deadlocks, lost connections, a server that
/// starts, stops or is out of something will pass.
fn postgres_meaning(code: &str, constraint: impl Fn() -> String) -> Meaning {
    match code {
        "23505" | "23P01" | "23503" | "23514" => Meaning::Conflict(constraint()),
        "40001" | "40P01" | "55P03" | "57014" | "57P03" => Meaning::Transient,
        code if ends_connection(code) => Meaning::Transient,
        code if code.starts_with("08") || code.starts_with("53") => Meaning::Transient,
        _ => Meaning::Other,
    }
}

/// By SQLite's extended result code: the constraint family is a conflict, busy, locked and full will pass.
fn sqlite_meaning(code: &str, constraint: impl Fn() -> String) -> Meaning {
    let code: i32 = code.parse().unwrap_or(0);
    match code & 0xff {
        19 => Meaning::Conflict(constraint()),
        5 | 6 | 10 | 13 => Meaning::Transient,
        _ => Meaning::Other,
    }
}

/// Turns an adapter's result into a port's.
pub(crate) trait IntoStore<T> {
    fn store(self) -> Result<T, StoreError>;
}

impl<T> IntoStore<T> for Result<T, DbErr> {
    fn store(self) -> Result<T, StoreError> {
        self.map_err(store_error)
    }
}

/// A value as a JSON column.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<sea_orm::Value, StoreError> {
    serde_json::to_value(value).map(Into::into).map_err(|error| StoreError::Other(error.into()))
}

/// A stored value that cannot be read back: which one, for the log.
pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("cannot read back {what}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_names_its_tenant_and_no_other() {
        let hostel = HostelId::new(uuid::Uuid::from_u128(7));
        let begin = begin_postgres(&Scope::Hostel(hostel), false);
        assert!(begin.starts_with("BEGIN; SELECT set_config('app.hostel_id', '00000000-0000-0000-0000-000000000007'"));
        assert!(begin.ends_with("set_config('app.account_id', '', true)"));
    }

    #[test]
    fn what_will_pass_is_told_from_what_will_not() {
        let name = || String::from("ex");
        assert!(matches!(postgres_meaning("23P01", name), Meaning::Conflict(_)));
        assert!(matches!(postgres_meaning("55P03", name), Meaning::Transient));
        assert!(matches!(postgres_meaning("53300", name), Meaning::Transient));
        assert!(matches!(postgres_meaning("42501", name), Meaning::Other));
        assert!(matches!(sqlite_meaning("1811", name), Meaning::Conflict(_)));
        assert!(matches!(sqlite_meaning("517", name), Meaning::Transient));
        assert!(matches!(sqlite_meaning("1", name), Meaning::Other));
    }
}
