//! What is measured, and what it is measured beside: processes that are started here and end with the bench.

pub(crate) mod cluster;
pub(crate) mod floor;
pub(crate) mod process;
pub(crate) mod product;
pub(crate) mod socket_io;

pub(crate) use self::{cluster::Cluster, floor::Floor, process::Process, product::Product, socket_io::SocketIo};
