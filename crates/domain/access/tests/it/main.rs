//! The context over memory: each command, each refusal, and the contract.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something is missing")]

mod admission;
mod codes;
mod contract;
mod directory;
mod own_account;
mod refresh;
mod sign_in;
mod standings;
mod support;
