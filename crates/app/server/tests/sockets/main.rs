//! The ends of a socket: `domicile listen`, and the clients that other tests use. The server's side is played by the test,
//! word for word, behind the real way in: what a hub does is tried elsewhere.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails it by panicking")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other test binaries use the rest")]
mod support;

mod clients;
mod stage;
mod terminal;
