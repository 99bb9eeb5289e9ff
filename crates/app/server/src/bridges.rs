//! Where one adapter's port meets another adapter's technology. No rule lives here: each bridge is a renaming.

use std::sync::{Arc, OnceLock};

use domicile_access::ports::StandingMemory as _;
use domicile_cache::{Found, GenerationCache, Generations, Standings, Topic};
use domicile_db::{CommitListener, Committed, FieldCipher, SealBroken, relay::AuditSeal};
use domicile_http::ports::{self, ByteCache, Looked};
use domicile_identity::{AuditSealer, FieldSealer};
use domicile_kernel::{AccountId, HostelId, SessionId};
use domicile_realtime::Realtime;
use domicile_telemetry::Meters;
use tokio::sync::Notify;
use uuid::Uuid;

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

/// The database as HTTP's word on who is online.
pub struct Online {
    /// Where it is written down.
    pub database: domicile_db::Database,
    /// What time it is.
    pub clock: Arc<dyn domicile_kernel::Clock>,
    /// Whoever was not confirmed for so long is not there.
    pub lost: std::time::Duration,
}

#[async_trait::async_trait]
impl domicile_http::ports::Presence for Online {
    async fn online(
        &self,
        hostel: HostelId,
    ) -> Result<Vec<domicile_http::ports::PresenceView>, domicile_kernel::StoreError> {
        let present = self.database.present_in(hostel, self.clock.now().minus(self.lost)).await?;
        Ok(present.into_iter().map(|(user_id, since)| domicile_http::ports::PresenceView { user_id, since }).collect())
    }
}

/// The key ring as the relay's seal.
pub struct Seal(pub AuditSealer);

impl AuditSeal for Seal {
    fn hash(&self, previous: Option<&str>, canonical: &[u8]) -> String {
        self.0.hash(previous, canonical)
    }
}

/// Outdates what an event made old. `aggregate` is what it happened to, `hostel` where.
fn outdate(generations: &Generations, kind: &str, aggregate: Uuid, hostel: Option<HostelId>) {
    // Whose answers they are is the hostel that the event names; one that names none could concern any.
    let of_hostel = |topic| match hostel {
        Some(hostel) => generations.bump(topic, hostel.uuid()),
        None => generations.bump_topic(topic),
    };
    match kind.split_once('.').map_or(kind, |(subject, _)| subject) {
        "room" => {
            generations.bump(Topic::Room, aggregate);
            of_hostel(Topic::Rooms);
            of_hostel(Topic::Availability);
        }
        // A stay changes how many beds are free, which only lists with dates tell.
        "booking" => of_hostel(Topic::Availability),
        "user" | "profile" => generations.bump(Topic::Profile, aggregate),
        "settings" => generations.bump(Topic::Settings, aggregate),
        "feature_flags" => generations.bump(Topic::Flags, aggregate),
        // Profiles show the names of hostels, and who is a member is not in the event. Hostels change rarely.
        "hostel" => generations.bump_topic(Topic::Profile),
        _ => {}
    }
}

/// What happens in this process after each commit: cached lists are outdated before the command answers, and the relay is
/// woken.
#[derive(Default)]
pub struct AfterCommit {
    cache: OnceLock<Arc<GenerationCache>>,
    standings: OnceLock<Arc<Standings>>,
    live: OnceLock<Realtime>,
    meters: OnceLock<Meters>,
    /// Wakes the relay.
    pub events: Notify,
    /// Wakes the job worker.
    pub jobs: Notify,
}

impl AfterCommit {
    /// Outdates into this cache, and this memory of who may come in.
    #[must_use]
    pub fn over(cache: Arc<GenerationCache>, standings: Arc<Standings>) -> Self {
        Self { cache: cache.into(), standings: standings.into(), ..Self::default() }
    }

    /// From now on counts what is committed, too.
    pub fn count(&self, meters: &Meters) {
        // Once, as the house is built.
        let _ = self.meters.set(meters.clone());
    }

    /// From now on sockets are told of ended sessions and changed standings as soon as this process commits them.
    pub fn tell(&self, live: &Realtime) {
        // Once, as the house is opened.
        let _ = self.live.set(live.clone());
    }

    /// Outdates what an event made old; also called for the events of other nodes.
    pub fn outdate(&self, kind: &str, aggregate: Uuid, hostel: Option<HostelId>) {
        if let Some(cache) = self.cache.get() {
            outdate(cache.generations(), kind, aggregate, hostel);
        }
        if let Some(standings) = self.standings.get() {
            match kind.split_once('.') {
                Some(("session", "revoked")) => standings.forget_session(SessionId::new(aggregate)),
                Some(("user", _)) => standings.forget_account(AccountId::new(aggregate)),
                Some(("hostel" | "feature_flags", _)) => standings.forget_hostel(HostelId::new(aggregate)),
                _ => {}
            }
        }
    }

    /// Outdates everything that is kept.
    pub fn outdate_all(&self) {
        if let Some(cache) = self.cache.get() {
            cache.generations().bump_all();
        }
        if let Some(standings) = self.standings.get() {
            standings.forget_all();
        }
    }
}

impl CommitListener for AfterCommit {
    fn committed(&self, commit: &Committed<'_>) {
        for change in commit.changes {
            self.outdate(change.kind, change.aggregate_id, commit.hostel);
            // Sockets need not wait for the event to come round by the log.
            if let Some(live) = self.live.get() {
                live.changed(change.kind, change.aggregate_id);
            }
            if let Some(meters) = self.meters.get() {
                meters.committed(change.kind);
            }
        }
        if let Some(meters) = self.meters.get() {
            for action in commit.noted {
                meters.noted(action);
            }
        }
        // Audit rows alone, and jobs for later, are found soon enough by who looks for them now and then.
        if !commit.changes.is_empty() {
            self.events.notify_one();
        }
        if commit.job_due {
            self.jobs.notify_one();
        }
    }
}

/// The in-process cache as HTTP's byte cache.
pub struct Kept(pub Arc<GenerationCache>);

impl ByteCache for Kept {
    fn look(&self, topic: ports::Topic, scope: Uuid, query: &str) -> Looked {
        let topic = match topic {
            ports::Topic::Rooms => Topic::Rooms,
            ports::Topic::Availability => Topic::Availability,
            ports::Topic::Room => Topic::Room,
            ports::Topic::Profile => Topic::Profile,
            ports::Topic::Settings => Topic::Settings,
            ports::Topic::Flags => Topic::Flags,
        };
        match self.0.look(topic, scope, query) {
            Found::Hit(bytes) => Looked::Hit(bytes),
            Found::Pending(flight) => Looked::Pending(Box::pin(flight.landed())),
            Found::Miss(place) => {
                let cache = Arc::clone(&self.0);
                Looked::Miss(Box::new(move |bytes| cache.store(place, bytes)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which answers of a hostel, and of a record in it, an event outdates: by their own scopes, and of anybody else.
    fn outdated(kind: &str, hostel: Option<HostelId>) -> (Vec<Topic>, Vec<Topic>) {
        let (house, record, elsewhere) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let generations = Generations::default();
        let now = |scope| Topic::ALL.map(|topic| generations.current(topic, scope));
        let before = [house, record, elsewhere].map(now);
        outdate(&generations, kind, record, hostel);
        let after = [house, record, elsewhere].map(now);
        let changed = |scope: usize| {
            Topic::ALL.into_iter().filter(move |topic| before[scope][*topic as usize] != after[scope][*topic as usize])
        };
        (changed(0).chain(changed(1)).collect(), changed(2).collect())
    }

    #[test]
    fn an_event_outdates_what_shows_it_and_nothing_else() {
        let house = Some(HostelId::new(Uuid::from_u128(1)));
        let own = |kind| {
            let (own, others) = outdated(kind, house);
            assert!(others.is_empty(), "{kind} outdates {others:?} of others");
            own
        };
        for kind in ["room.created", "room.updated", "room.deleted"] {
            assert_eq!(own(kind), [Topic::Rooms, Topic::Availability, Topic::Room]);
        }
        // A stay leaves the lists that tell nothing of free beds.
        assert_eq!(own("booking.created"), [Topic::Availability]);
        for kind in ["user.created", "user.updated", "user.deleted", "profile.updated"] {
            assert_eq!(own(kind), [Topic::Profile]);
        }
        assert_eq!(own("settings.updated"), [Topic::Settings]);
        assert_eq!(own("feature_flags.updated"), [Topic::Flags]);
        assert_eq!(own("session.revoked"), []);
    }

    #[test]
    fn what_could_concern_anybody_outdates_everybodys() {
        assert_eq!(outdated("hostel.updated", None).1, [Topic::Profile]);
        assert_eq!(outdated("room.updated", None).1, [Topic::Rooms, Topic::Availability]);
        assert_eq!(outdated("booking.updated", None).1, [Topic::Availability]);
    }
}
