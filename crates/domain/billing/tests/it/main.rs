//! Every command and every refusal, over the ports in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod contract;
mod deposits;
mod doubts;
mod flaky;
mod house;
mod payments;
mod reading;
mod refunds;
mod retries;
mod sequences;
mod stays;
mod steps;
mod suspense;
mod terms;
mod wallet;
mod webhooks;
