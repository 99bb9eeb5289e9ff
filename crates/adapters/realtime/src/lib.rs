//! The live connection: what happens in a hostel reaches the sockets of those it concerns, in order, without a gap and
//! without a duplicate; a socket that cannot keep up is ended and comes back for the rest.
//!
//! Where to look:
//!
//! | question | file |
//! | --- | --- |
//! | what others call | [`Realtime`] |
//! | what the server must provide | [`ports`] |
//! | every bound and patience | [`RealtimeConfig`] |
//! | who may hear what | [`rights`] |
//! | what a client may say, and why a socket ends | [`message`], `ending` |
//! | bytes and frames | `frame`, `reader` |
//! | one socket: its queue, its task | `peer`, `session` |
//! | letting in and catching up | `entry` |
//! | subscriptions | `topics` |
//! | one hostel's sockets, and the fan-out | `hall`, `hub` |
//! | what is due by time | `sweeper` |
//! | how somebody stands now | `standing` |
//! | who is online | `presence` |
//!
//! Must never know: HTTP (a socket arrives with its handshake done), SQL, how a token is made.

mod config;
mod ending;
mod entry;
mod frame;
mod hall;
mod hub;
pub mod message;
mod peer;
pub mod ports;
mod presence;
mod reader;
pub mod rights;
mod roll;
mod running;
mod session;
mod standing;
mod strangers;
mod sweeper;
mod topics;

pub use config::RealtimeConfig;
pub use hub::{Concerned, Figures, Newcomer, NoRoom, Ports, Realtime};
pub use rights::Rights;
