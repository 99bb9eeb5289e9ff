//! The audit trail: who did what to which record, and what it was before and after (J17). Rows are written in the
//! transaction of the change and can never be changed; the relay chains them afterwards.

use serde_json::Value;

use crate::id::AuditId;

/// One row as a use case writes it; the unit of work adds actor, hostel, time, address and request.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// What was done, as `noun.verb`: `booking.approve`, `access.denied`.
    pub action: &'static str,
    /// What it was done to: `booking`, `room`, `account`, …
    pub target: &'static str,
    /// Which one; none when the refusal came before a record was named.
    pub target_id: Option<uuid::Uuid>,
    /// The record before, without secrets or sealed fields.
    pub before: Option<Value>,
    /// The record after, the same way.
    pub after: Option<Value>,
}
