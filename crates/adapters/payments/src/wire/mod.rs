//! The shapes that Paystack speaks, and the sandbox after it: read from JSON with the oddities that are documented, and
//! with nothing else.
//!
//! What is not asked for is not looked at, so unknown fields and whatever stands in `metadata` do no harm. What is asked
//! for has the type it is said to have, or the reading fails and names the field: nothing half understood is ever taken
//! for money that came.

mod charge;
mod event;
mod fields;
mod number;
mod refund;

#[cfg(feature = "paystack")]
pub(crate) use charge::Charge;
pub(crate) use event::read_event;
#[cfg(feature = "paystack")]
pub(crate) use fields::{Object, Problem, ShapeError, parse};
#[cfg(feature = "paystack")]
pub(crate) use refund::{Refund, may_concern};

/// How long what a gateway says to people may be here, in characters.
pub(crate) const LONGEST_MESSAGE: usize = 200;

/// What a gateway says to people, as long as it may be.
fn message(text: &str) -> String {
    text.chars().take(LONGEST_MESSAGE).collect()
}
