//! The use cases over the ports in memory: each command, each refusal, and the contract of the ports themselves.

mod contract;
mod flags;
mod hostels;
mod house;
mod settings;
