//! Mail against a real server, and into the outbox folder.

mod outbox;
mod server;
mod smtp;
