//! What runs beside the requests: the relay and the listener for other nodes' wake-ups; the job worker is in `lanes`. Each is a loop that is woken by a signal and polls besides, because a signal may be lost and a poll may not.

use std::{sync::Arc, time::Duration};

use domicile_db::{Database, relay::AuditSeal};
use domicile_kernel::StoreError;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use crate::bridges::AfterCommit;

/// How long the relay sleeps when nothing wakes it.
const RELAY_POLL: Duration = Duration::from_millis(250);

/// How long nobody listens for wake-ups after their connection was lost.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// How long a loop that panicked rests before it begins anew.
const REST: Duration = Duration::from_secs(1);

/// How long the relay rests after it has moved something. Whoever comes alone is moved at once; of many who come together
/// those behind the first are moved together, for a batch costs the same whatever is in it.
const RELAY_REST: Duration = Duration::from_millis(4);

/// Told to end.
pub type Stop = watch::Receiver<bool>;

/// Waits until told to end.
pub async fn stopped(stop: &mut Stop) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Runs a loop until it ends by itself. One that panics begins anew: a request that panics takes nothing else down either,
/// and a server without its relay would look well and be none.
pub async fn kept_up<F>(what: &'static str, mut begin: impl FnMut() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut running = JoinSet::new();
        running.spawn(begin());
        match running.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(%error, "the {what} panicked; it begins anew");
                tokio::time::sleep(REST).await;
            }
            _ => return,
        }
    }
}

/// How long an audit row waits for its seal, at least: a busy house seals many at once.
const SEAL_EVERY: Duration = Duration::from_millis(250);

/// Moves events to the log and seals audit rows until told to end, and once more then. Events are moved as soon as they are
/// committed, rows are sealed now and then.
pub async fn relay(
    database: Database,
    seal: Arc<dyn AuditSeal>,
    after: Arc<AfterCommit>,
    heard: Arc<Notify>,
    mut stop: Stop,
) {
    let mut sealed = tokio::time::Instant::now();
    loop {
        let moved = if sealed.elapsed() < SEAL_EVERY {
            database.move_all().await
        } else {
            sealed = tokio::time::Instant::now();
            database.relay_all(seal.as_ref()).await
        };
        match moved {
            Ok(batch) if batch.events > 0 => {
                // The follower of this process need not wait for what other nodes are told by.
                heard.notify_one();
                note(database.notify_followers().await, "followers could not be woken");
                tokio::time::sleep(RELAY_REST).await;
            }
            Ok(_) => {}
            Err(error) => note(Err(error), "the relay could not work; it will try again"),
        }
        tokio::select! {
            () = after.events.notified() => {}
            () = tokio::time::sleep(RELAY_POLL) => {}
            () = stopped(&mut stop) => break,
        }
    }
    note(database.relay_all(seal.as_ref()).await.map(|_| ()), "the relay could not finish");
}

/// Hears the wake-ups of other nodes' relays until told to end, and begins anew when the connection they come by is lost.
pub async fn listen(database: Database, heard: Arc<Notify>, mut stop: Stop) {
    loop {
        let hearing = async {
            let Some(mut wakeups) = database.wakeups().await? else { return Ok(()) };
            loop {
                // At once, too: what was sent while nobody listened is in the log.
                heard.notify_one();
                wakeups.next().await?;
            }
        };
        tokio::select! {
            heard = hearing => match heard {
                Ok(()) => return,
                Err(error) => note(Err(error), "wake-ups of other nodes are not heard; the log is polled meanwhile"),
            },
            () = stopped(&mut stop) => return,
        }
        tokio::select! {
            () = tokio::time::sleep(LISTEN_AGAIN) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

fn note(result: Result<(), StoreError>, what: &str) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "{what}");
    }
}
