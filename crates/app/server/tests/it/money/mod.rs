//! Money from end to end over HTTP: what is billed, paid at the sandbox's page, given back and held, and that the books are
//! right whoever races, repeats, lies or dies in between. The longest proofs run at their whole size in `just chaos`.

mod bills;
mod bodies;
mod checkout;
mod deposits;
mod forged;
mod gate;
mod killed;
mod pretend;
mod private;
mod races;
mod refunds;
pub(crate) mod stage;
mod wallet;
mod webhooks;
