//! Clients of `/ws`: one that behaves, and one that works on the bare connection, for whoever never reads, sends half a
//! frame, or shakes hands wrongly. Everything that waits has a deadline and says what it waited for.

mod client;
mod raw;
mod words;

use std::{net::SocketAddr, time::Duration};

pub use client::{Client, Got, auth, kind};
pub use raw::{Raw, Told, ask};
use tokio::time::timeout;
pub use words::{frame, handshake, text_frame};

/// How long the server may take for one message, unless the test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(15);

fn address_of(base: &str) -> SocketAddr {
    let address = base.strip_prefix("http://").unwrap_or(base).trim_end_matches('/');
    address.parse().unwrap_or_else(|error| panic!("{base} is no address of a test's server: {error}"))
}

async fn within<T>(patience: Duration, what: &str, work: impl Future<Output = T>) -> T {
    timeout(patience, work).await.unwrap_or_else(|_elapsed| panic!("waited {patience:?} for {what}"))
}
