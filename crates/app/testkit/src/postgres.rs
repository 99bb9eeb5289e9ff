//! Throw-away PostgreSQL: clusters to stop and kill, and databases made in a blink from a template.

mod cluster;
mod database;

pub use self::{
    cluster::{Cluster, PrivateCluster, VARIABLE},
    database::Database,
};
