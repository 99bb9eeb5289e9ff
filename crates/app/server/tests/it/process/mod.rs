//! The real binary, as a process of its own: killed, doubled, drained, and its commands.

mod commands;
mod demo;
mod drain;
pub(crate) mod ground;
mod ledger;
pub(crate) mod load;
mod mail;
mod nodes;
mod storm;
