//! The HTTP adapter's ports, joined to the database: where refusals are noted, whether the house is well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use domicile_db::Database;
use domicile_http::ports::{GatewayHealth, Health, RefusalSink, Refused};
use domicile_kernel::{Ambient, AuditEntry, Call, Scope};
use domicile_realtime::Realtime;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    background::{Stop, stopped},
    payments::{Seen, Watched},
};

/// At most this many refusals wait to be written; more are counted and dropped.
const QUEUE: usize = 1_024;

/// The bounded writer of refusals.
pub struct Notes {
    queue: mpsc::Sender<(Call, AuditEntry)>,
    ambient: Ambient,
    dropped: Arc<AtomicU64>,
}

impl Notes {
    /// A writer, and the loop that must run for it.
    #[must_use]
    pub fn new(ambient: Ambient) -> (Self, NotesLoop) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        (Self { queue, ambient, dropped }, NotesLoop { waiting })
    }

    /// How many were dropped because the writer was behind, since the process began.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    fn note(&self, call: &Call, entry: AuditEntry) {
        if self.queue.try_send((call.clone(), entry)).is_err() {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(dropped, "the writer of refusals is behind; one was dropped");
        }
    }
}

impl RefusalSink for Notes {
    fn refused(&self, call: &Call, refused: Refused) {
        let after = json!({ "operation": refused.operation, "code": refused.code.as_str(), "required_permission": refused.required });
        let entry = AuditEntry {
            id: self.ambient.id(),
            action: "access.denied",
            target: "operation",
            target_id: refused.target,
            before: None,
            after: Some(after),
        };
        self.note(call, entry);
    }

    fn entered(&self, call: &Call, operation: &'static str) {
        let entry = AuditEntry {
            id: self.ambient.id(),
            action: "hostel.enter",
            target: "hostel",
            target_id: call.hostel.map(domicile_kernel::HostelId::uuid),
            before: None,
            after: Some(json!({ "operation": operation })),
        };
        self.note(call, entry);
    }
}

/// The loop behind [`Notes`].
pub struct NotesLoop {
    waiting: mpsc::Receiver<(Call, AuditEntry)>,
}

impl NotesLoop {
    /// Writes until told to end, and then what is waiting still.
    pub async fn run(mut self, database: Database, mut stop: Stop) {
        loop {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                () = stopped(&mut stop) => {
                    self.waiting.close();
                    self.waiting.recv().await
                }
            };
            let Some((call, entry)) = next else { return };
            // A refusal at a hostel's door is filed there, though the caller is no member; one without a hostel under the account.
            let scope = match (call.hostel, call.actor.account()) {
                (Some(hostel), _) => Scope::Hostel(hostel),
                (None, Some(account)) => Scope::Account(account),
                (None, None) => continue,
            };
            if let Err(error) = database.note(&call.within(scope), vec![entry]).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a refusal could not be written to the audit trail"
                );
            }
        }
    }
}

/// Whether the house is well.
pub struct Wellness {
    database: Database,
    live: Realtime,
    gateway: Option<Arc<Watched>>,
    draining: AtomicBool,
}

impl Wellness {
    /// Over the database, the sockets and the payment gateway.
    #[must_use]
    pub fn new(database: Database, live: Realtime, gateway: Option<Arc<Watched>>) -> Self {
        Self { database, live, gateway, draining: AtomicBool::new(false) }
    }

    /// From now on readiness is refused.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Health for Wellness {
    async fn database(&self) -> Result<Duration, String> {
        let asked = std::time::Instant::now();
        match tokio::time::timeout(Duration::from_secs(2), self.database.ping()).await {
            Ok(Ok(())) => Ok(asked.elapsed()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err("the database did not answer within 2 s".to_owned()),
        }
    }

    fn sockets(&self) -> Option<u64> {
        Some(self.live.connections())
    }

    fn payment_gateway(&self) -> GatewayHealth {
        match self.gateway.as_ref().map(|gateway| gateway.seen()) {
            None => GatewayHealth::None,
            Some(None) => GatewayHealth::Unasked,
            Some(Some(Seen { up, at })) => GatewayHealth::Asked { up, at },
        }
    }

    fn accepting(&self) -> bool {
        !self.draining.load(Ordering::SeqCst)
    }
}
