//! One small module an endpoint, a folder a context: extract, make the command, run the use case, answer.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod bookings;
pub(crate) mod hostels;
pub(crate) mod performance;
pub(crate) mod platform;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod rooms;
pub(crate) mod settings;
pub(crate) mod users;
