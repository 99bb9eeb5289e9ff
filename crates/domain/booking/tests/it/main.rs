//! Every command and every refusal, over the ports in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod accounts;
mod contract;
mod create;
mod holds;
mod house;
mod lists;
mod moves;
mod race;
mod replay;
mod rooms;
mod update;
