//! Authorisation and wire conformance, through HTTP.

mod accounts;
mod authorisation;
mod envelope;
mod houses;
mod input;
mod keys;
mod lists;
mod openapi;
mod proration;
mod versions;
