//! One small module an endpoint, a folder a context: extract, make the command, run the use case, answer.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod billing;
pub(crate) mod bookings;
pub(crate) mod deposits;
pub(crate) mod hostels;
pub(crate) mod invoices;
pub(crate) mod ledger;
pub(crate) mod payments;
pub(crate) mod performance;
pub(crate) mod platform;
pub(crate) mod presence;
pub(crate) mod profile;
pub(crate) mod quotes;
pub(crate) mod refunds;
pub(crate) mod rooms;
pub(crate) mod sandbox;
pub(crate) mod settings;
pub(crate) mod users;
pub(crate) mod wallet;
