//! The real binary, as a process of its own: killed, doubled, drained, and its commands.

mod commands;
mod demo;
mod drain;
mod ground;
mod ledger;
mod load;
mod mail;
mod nodes;
mod storm;
