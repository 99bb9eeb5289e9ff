//! Payment gateways, behind the port of `domicile-billing`: [`paystack`], which moves money, and [`sandbox`], which looks
//! like a gateway from both sides and moves none. What an answer means for a payment is decided by no one here.
//!
//! Both speak the same language, Paystack's (`wire`), and both sign what they tell in the same way (`secret`). Where an
//! answer has another shape than the documented ones it is refused with the name of the field; it is never taken for half
//! of what it might have meant. No key shows in an error, in `Debug` or in a log line.
//!
//! A call is made once. Whether one without an answer had an effect is asked afterwards, by reference; that is the business
//! of the use cases.

#[cfg(any(feature = "paystack", feature = "sandbox"))]
mod note;
#[cfg(feature = "paystack")]
pub mod paystack;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(any(feature = "paystack", feature = "sandbox"))]
mod secret;
#[cfg(any(feature = "paystack", feature = "sandbox"))]
mod wire;

#[cfg(any(feature = "paystack", feature = "sandbox"))]
pub use secret::{SecretKey, SecretKeyError};
