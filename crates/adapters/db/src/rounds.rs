//! Round trips: counted for tests, measured for `/metrics`, and told as spans. A span says what a statement does and to
//! which table, never a value.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant as Stopwatch,
};

use domicile_telemetry::{Meters, Statement};
use tracing::Span;

/// The round trips of one database. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rounds(Arc<Made>);

#[derive(Debug, Default)]
struct Made {
    count: AtomicU64,
    meters: OnceLock<Meters>,
}

impl Rounds {
    /// How many there were, beginnings and commits included.
    pub(crate) fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// From now on they are measured, too.
    pub(crate) fn measured_by(&self, meters: Meters) {
        // Whoever came first goes on measuring.
        let _ = self.0.meters.set(meters);
    }

    pub(crate) fn meters(&self) -> Option<&Meters> {
        self.0.meters.get()
    }

    /// Counts one that began then. Told afterwards and not wrapped around it: what is wrapped is copied about, and a
    /// transaction's beginning is large.
    pub(crate) fn made(&self, kind: Statement, began: Stopwatch, failed: bool) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        if let Some(meters) = self.meters() {
            meters.query(kind, began.elapsed(), failed);
        }
    }
}

/// The span of a statement, made only where somebody listens at debug.
pub(crate) fn span_of(sql: &str, kind: Statement) -> Span {
    tracing::debug_span!("sql", kind = kind.as_str(), table = table_of(sql))
}

/// What a statement does, by its first word. `WITH` leads to what is done with it.
pub(crate) fn kind_of(sql: &str) -> Statement {
    let word = |text: &str| text.split_ascii_whitespace().next().map(str::to_ascii_uppercase);
    match word(sql).as_deref() {
        Some("SELECT") => Statement::Select,
        Some("INSERT") => Statement::Insert,
        Some("UPDATE") => Statement::Update,
        Some("DELETE") => Statement::Delete,
        Some("BEGIN") => Statement::Begin,
        Some("COMMIT") => Statement::Commit,
        Some("WITH") if sql.contains(" UPDATE ") => Statement::Update,
        Some("WITH") if sql.contains(" DELETE ") => Statement::Delete,
        Some("WITH") if sql.contains(" INSERT ") => Statement::Insert,
        Some("WITH") => Statement::Select,
        _ => Statement::Other,
    }
}

/// The first table that a statement names, or nothing.
fn table_of(sql: &str) -> &str {
    let mut words = sql
        .split_ascii_whitespace()
        .skip_while(|word| !["FROM", "INTO", "UPDATE"].iter().any(|before| word.eq_ignore_ascii_case(before)));
    let named = words.nth(1).unwrap_or("");
    let named = named.split(['(', ')', ',', ';']).next().unwrap_or("").trim_matches('"');
    // A name and nothing else: what a caller sent stands in parameters, but nobody should have to rely on it here.
    if named.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') { named } else { "" }
}

/// Tells each event's own trace that it has reached the log.
pub(crate) fn relayed<'t>(events: impl Iterator<Item = (&'t str, Option<&'t str>)>) {
    if !domicile_telemetry::sending() {
        return;
    }
    for (kind, trace) in events {
        let span = tracing::debug_span!("relay", event = kind);
        domicile_telemetry::follow(&span, trace);
        span.in_scope(|| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_told_by_what_it_does_and_to_what() {
        for (sql, kind, table) in [
            ("SELECT a, b FROM rooms WHERE hostel_id = $1", Statement::Select, "rooms"),
            (r#"INSERT INTO "outbox" ("a") VALUES ($1)"#, Statement::Insert, "outbox"),
            ("INSERT INTO stream_heads(stream) VALUES ($1)", Statement::Insert, "stream_heads"),
            ("update beds SET x = 1", Statement::Update, "beds"),
            ("DELETE FROM jobs WHERE id = $1", Statement::Delete, "jobs"),
            ("WITH due AS (SELECT id FROM jobs) UPDATE jobs SET a = 1", Statement::Update, "jobs"),
            ("SAVEPOINT attempt", Statement::Other, ""),
            ("SELECT 1", Statement::Select, ""),
            ("SELECT x FROM 'it''s a secret'", Statement::Select, ""),
            ("", Statement::Other, ""),
        ] {
            assert_eq!((kind_of(sql), table_of(sql)), (kind, table), "{sql}");
        }
    }
}
