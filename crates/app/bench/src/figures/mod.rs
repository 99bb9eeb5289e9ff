//! The figures, a module a group. Each starts what it needs, measures in turns, and leaves rows in the report.

pub(crate) mod bookings;
pub(crate) mod login;
pub(crate) mod money;
pub(crate) mod race;
pub(crate) mod rooms;
pub(crate) mod sockets;
pub(crate) mod start;
pub(crate) mod uncached;

/// How many connections ask at the same time, where nothing else is said.
pub(crate) const CONNECTIONS: usize = 32;
/// The list that is asked for.
pub(crate) const LIST: &str = "/api/rooms?limit=50";
