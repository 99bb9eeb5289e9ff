//! The composition root. `house` builds every service over its adapters; `serve` runs them; the rest are commands. Clock,
//! ids and randomness come from `system`. No rule lives here.

pub mod background;
pub mod bridges;
pub mod cli;
pub mod commands;
pub mod demo;
pub mod documents;
pub mod gate;
pub mod house;
pub mod import;
pub mod lanes;
pub mod limits;
pub mod listen;
pub mod live;
pub mod payments;
pub mod post;
pub mod serve;
pub mod settings;
pub mod system;
