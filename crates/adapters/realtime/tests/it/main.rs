//! The live connection over real sockets on the loopback, with an independent client and fake ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that asks for what is not there fails, which is its purpose"
)]

mod endings;
mod entry;
mod live;
mod malformed;
mod messages;
mod presence;
mod resume;
mod rights;
mod running;
mod slow;
mod standing;
mod support;
mod topics;
mod traces;
