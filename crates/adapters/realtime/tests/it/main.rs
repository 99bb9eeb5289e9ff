//! The live connection over real sockets on the loopback, with an independent client and fake ports.

mod endings;
mod entry;
mod live;
mod malformed;
mod memory;
mod messages;
mod presence;
mod resume;
mod rights;
mod slow;
mod standing;
mod support;
mod topics;
