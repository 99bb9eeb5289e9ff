//! Live connections from end to end: what is promised about sockets, proved against the real thing, most of it against the
//! binary as a process. The longest ones run at their whole size in `just chaos`.

mod audience;
mod closing;
mod crowd;
mod drain;
mod fan_out;
mod garbage;
mod nodes;
mod resume;
mod revocation;
pub(crate) mod scale;
mod tenants;
mod tickets;
mod trail;
