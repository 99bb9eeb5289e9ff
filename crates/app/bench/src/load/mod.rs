//! Load: HTTP requests and sockets from one thread, over raw connections, so that the generator is the smaller part of
//! what two cores do. Product and floors are asked by the same code.

pub(crate) mod answer;
pub(crate) mod closed;
pub(crate) mod crowd;
pub(crate) mod frames;
pub(crate) mod histogram;
pub(crate) mod race;
pub(crate) mod request;
pub(crate) mod wire;

pub(crate) use self::{
    closed::{Load, Loaded},
    crowd::{Crowd, Speech, Trigger, Triggers},
    histogram::Histogram,
    request::Asking,
};
