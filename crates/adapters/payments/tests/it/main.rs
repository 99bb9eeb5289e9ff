//! Paystack against a server that answers with the documented shapes and the odd ones, and the sandbox over its store in
//! memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test fails the test")]

mod calls;
mod page;
mod races;
mod refunds;
mod sandbox;
mod secrecy;
mod server;
mod shapes;
mod signatures;
mod support;
