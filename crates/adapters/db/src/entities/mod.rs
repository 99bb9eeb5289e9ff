//! The tables as the ORM sees them: one file a table, rows only, no behaviour.

pub(crate) mod audit_log;
pub(crate) mod event;
pub(crate) mod job;
pub(crate) mod outbox;
