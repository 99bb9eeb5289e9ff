//! The tasks that the hub cannot be without.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;

/// How long is waited before a task that panicked begins anew.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a task to its end. One that panics is told about and begins anew.
pub(crate) async fn keep_running<T: Future<Output = ()>>(task: &'static str, mut begin: impl FnMut() -> T) {
    // What they share is behind locks that outlive a panic, and each sees to what it holds itself.
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(task, "a task of the live connection panicked and begins anew");
        tokio::time::sleep(PAUSE).await;
    }
}
