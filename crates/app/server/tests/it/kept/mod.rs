//! Answers that are kept (J10, J20), over HTTP and real databases: that they cost no round trip, are never older than an
//! acknowledged write, and reach nobody they are not for.

mod hammer;
mod node;
mod nodes;
mod open_loads;
mod readers;
mod writes;
