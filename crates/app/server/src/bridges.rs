//! Where one adapter's port meets another adapter's technology. No rule lives here: each bridge is a renaming.

use std::sync::{Arc, OnceLock};

use domicile_cache::{Found, GenerationCache, Topic};
use domicile_db::{Change, CommitListener, FieldCipher, SealBroken, relay::AuditSeal};
use domicile_http::ports::{ByteCache, Looked};
use domicile_identity::{AuditSealer, FieldSealer};
use domicile_kernel::HostelId;
use tokio::sync::Notify;

/// The key ring as the database's cipher.
pub struct Cipher(pub FieldSealer);

impl FieldCipher for Cipher {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Vec<u8> {
        self.0.seal(place, plain)
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealBroken> {
        self.0.open(place, sealed).map_err(|error| {
            tracing::error!(%error, "a sealed value does not open");
            SealBroken
        })
    }

    fn blind_index(&self, column: &str, value: &str) -> [u8; 32] {
        self.0.blind_index(column, value)
    }
}

/// The key ring as the relay's seal.
pub struct Seal(pub AuditSealer);

impl AuditSeal for Seal {
    fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String {
        self.0.hash(previous, canonical)
    }
}

/// Which cached lists an event outdates.
fn outdated_by(kind: &str) -> Option<Topic> {
    // A stay changes how many beds are free, which lists with dates tell.
    (kind.starts_with("room.") || kind.starts_with("booking.")).then_some(Topic::Rooms)
}

/// What happens in this process after each commit: cached lists are outdated before the command answers, and the relay is
/// woken.
#[derive(Default)]
pub struct AfterCommit {
    cache: OnceLock<Arc<GenerationCache>>,
    /// Wakes the relay.
    pub events: Notify,
    /// Wakes the job worker.
    pub jobs: Notify,
}

impl AfterCommit {
    /// Outdates into this cache.
    #[must_use]
    pub fn over(cache: Arc<GenerationCache>) -> Self {
        let after = Self::default();
        // A fresh cell is always empty.
        let _ = after.cache.set(cache);
        after
    }

    /// Outdates what an event of this kind made old; also called for the events of other nodes.
    pub fn outdate(&self, hostel: HostelId, kind: &str) {
        if let (Some(cache), Some(topic)) = (self.cache.get(), outdated_by(kind)) {
            cache.generations().bump(topic, hostel);
        }
    }
}

impl CommitListener for AfterCommit {
    fn committed(&self, hostel: Option<HostelId>, changes: &[Change]) {
        if let Some(hostel) = hostel {
            for change in changes {
                self.outdate(hostel, change.kind);
            }
        }
        // Audit rows wait for the relay too, and a job may have been wanted.
        self.events.notify_one();
        self.jobs.notify_one();
    }
}

/// The in-process cache as HTTP's byte cache.
pub struct Kept(pub Arc<GenerationCache>);

impl ByteCache for Kept {
    fn look(&self, topic: &'static str, hostel: HostelId, query: &str) -> Looked {
        let Some(topic) = [Topic::Rooms].into_iter().find(|known| known.as_str() == topic) else {
            return Looked::Miss(Box::new(|_bytes| ()));
        };
        match self.0.look(topic, hostel, query) {
            Found::Hit(bytes) => Looked::Hit(bytes),
            Found::Miss(place) => {
                let cache = Arc::clone(&self.0);
                Looked::Miss(Box::new(move |bytes| cache.store(place, bytes)))
            }
        }
    }
}
