//! What runs beside the requests: the relay, the follower that hears of other nodes' events, the job worker, the writer of
//! refusals. Each is a loop that is woken by a signal and polls besides, because a signal may be lost and a poll may not.

use std::{sync::Arc, time::Duration};

use domicile_db::{Database, relay::AuditSeal};
use domicile_kernel::StoreError;
use tokio::sync::watch;

use crate::bridges::AfterCommit;

/// How long the relay sleeps when nothing wakes it.
const RELAY_POLL: Duration = Duration::from_millis(250);
/// How long a follower sleeps when nothing wakes it.
const FOLLOW_POLL: Duration = Duration::from_millis(500);

/// Told to end.
pub type Stop = watch::Receiver<bool>;

/// Waits until told to end.
pub async fn stopped(stop: &mut Stop) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Moves events to the log and seals audit rows until told to end, and once more then.
pub async fn relay(database: Database, seal: Arc<dyn AuditSeal>, after: Arc<AfterCommit>, mut stop: Stop) {
    loop {
        let moved = database.relay_all(seal.as_ref()).await;
        match moved {
            Ok(batch) if batch.events > 0 => note(database.notify_followers().await, "followers could not be woken"),
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

/// Follows the log from its present end and outdates cached reads for what other nodes did.
pub async fn follow(database: Database, after: Arc<AfterCommit>, mut stop: Stop) {
    let mut wakeups = database.wakeups().await;
    let mut position = loop {
        match database.last_position().await {
            Ok(position) => break position,
            Err(error) => note(Err(error), "the event log cannot be read; the follower will try again"),
        }
        tokio::select! {
            () = tokio::time::sleep(FOLLOW_POLL) => {}
            () = stopped(&mut stop) => return,
        }
    };
    loop {
        match database.events_after(position, 500).await {
            Ok(events) => {
                let full = events.len() == 500;
                for event in events {
                    if let Some(hostel) = event.hostel_id {
                        after.outdate(hostel, &event.kind);
                    }
                    position = event.position;
                }
                if full {
                    continue;
                }
            }
            Err(error) => note(Err(error), "the event log cannot be read; the follower will try again"),
        }
        tokio::select! {
            () = wakeups.next() => {}
            () = tokio::time::sleep(FOLLOW_POLL) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

fn note(result: Result<(), StoreError>, what: &str) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "{what}");
    }
}

/// How long the worker sleeps when nothing wakes it.
const WORK_POLL: Duration = Duration::from_millis(500);

/// Does due jobs until told to end.
pub async fn work(worker: domicile_workflows::Worker, after: Arc<AfterCommit>, mut stop: Stop) {
    loop {
        match worker.run_due().await {
            // A full batch means that more may be due.
            Ok(taken) if taken > 0 => continue,
            Ok(_) => {}
            Err(error) => note(Err(error), "jobs could not be done; the worker will try again"),
        }
        tokio::select! {
            () = after.jobs.notified() => {}
            () = tokio::time::sleep(WORK_POLL) => {}
            () = stopped(&mut stop) => return,
        }
    }
}
