//! The hub: every socket of this process, and the way an event takes to them. An event is serialised once; the sockets of a
//! large hostel are served by as many tasks as there are cores, each socket always in the order of `seq`.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use domicile_kernel::{AccountId, Clock, Event, HostelId, RequestId, SessionId};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::{Semaphore, mpsc, watch},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    RealtimeConfig,
    ending::Ending,
    frame::{Prepared, SESSION_REVOKED},
    hall::{Follows, Hall},
    peer::{Millis, Peer},
    ports::{Door, EventLog, PresenceBook, Views},
    presence::{self, Attendance},
    roll::Roll,
    running::keep_running,
    session::Session,
    standing,
    strangers::Strangers,
    sweeper, topics,
};

/// So many sockets are served before others have a turn.
const BREATH: usize = 256;
/// In how many steps, and over how long, every socket is told of a restart.
const PARTING: (u32, Duration) = (20, Duration::from_millis(50));

/// What the hub is given.
#[derive(Clone)]
pub struct Ports {
    /// Who may come in.
    pub door: Arc<dyn Door>,
    /// What happened.
    pub log: Arc<dyn EventLog>,
    /// The records behind subscriptions.
    pub views: Arc<dyn Views>,
    /// Who is online.
    pub presence: Arc<dyn PresenceBook>,
    /// What time it is: for timestamps and the end of tokens.
    pub clock: Arc<dyn Clock>,
    /// This process, among others on the same database.
    pub node: Uuid,
}

/// A socket whose handshake is done.
#[derive(Debug)]
pub struct Newcomer {
    /// The connection, non-blocking, with the 101 sent.
    pub stream: std::net::TcpStream,
    /// What was read behind the handshake already.
    pub early: Bytes,
    /// Where it comes from, as far as it can be trusted.
    pub ip: IpAddr,
    /// How its handshake was known.
    pub request_id: RequestId,
}

/// Why there is no room for another socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Too many sockets of this address have not signed in yet.
    Strangers,
    /// The process has as many sockets as it takes.
    Full,
    /// The process is about to end.
    Closing,
}

/// Whose standing may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerned {
    /// One person's, everywhere.
    Account(AccountId),
    /// Everybody's in a hostel.
    Hostel(HostelId),
}

/// What the hub counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Sockets now.
    pub connections: u64,
    /// Those of them that are signed in.
    pub members: u64,
    /// Sockets ended because they could not keep up, since the start.
    pub slow: u64,
    /// Events told, since the start.
    pub events: u64,
}

/// The live connection of one process. Cloning shares it.
#[derive(Clone)]
pub struct Realtime {
    house: Arc<House>,
}

/// What every part works with.
pub(crate) struct House {
    pub(crate) config: RealtimeConfig,
    pub(crate) ports: Ports,
    pub(crate) roll: Roll,
    pub(crate) strangers: Strangers,
    pub(crate) presence: Attendance,
    /// How many may read the log at a time.
    pub(crate) replays: Semaphore,
    /// Whether the follower knows from where on it tells events.
    pub(crate) following: watch::Sender<bool>,
    /// Grows whenever somebody's standing may have changed.
    pub(crate) doubts: AtomicU64,
    runtime: Handle,
    started: Instant,
    halls: Mutex<HashMap<HostelId, Arc<Hall>>>,
    peers: Mutex<HashMap<u64, Arc<Peer>>>,
    connections: AtomicU64,
    last_id: AtomicU64,
    slow: AtomicU64,
    told: AtomicU64,
    closing: AtomicBool,
    doubtful: mpsc::UnboundedSender<Arc<Peer>>,
    publishing: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Realtime {
    /// The hub on a runtime, with the tasks that it needs. They end when the last clone is dropped.
    #[must_use]
    pub fn start(config: RealtimeConfig, ports: Ports, runtime: &Handle) -> Self {
        let (doubtful, asked) = mpsc::unbounded_channel();
        let house = Arc::new(House {
            replays: Semaphore::new(config.replays.max(1)),
            presence: Attendance::of(ports.node),
            roll: Roll::default(),
            strangers: Strangers::default(),
            following: watch::Sender::new(false),
            doubts: AtomicU64::new(0),
            runtime: runtime.clone(),
            started: Instant::now(),
            halls: Mutex::default(),
            peers: Mutex::default(),
            connections: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            told: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            doubtful,
            publishing: tokio::sync::Mutex::new(()),
            config,
            ports,
        });
        let weak = || Arc::downgrade(&house);
        let (sweep, flush, heartbeat, poll) = {
            let config = &house.config;
            (config.sweep_every, config.presence_flush, config.presence_heartbeat, config.presence_poll)
        };
        let of = weak();
        runtime.spawn(keep_running("sweeper", move || sweeper::run(Weak::clone(&of), sweep)));
        let of = weak();
        runtime.spawn(keep_running("presence", move || presence::keep(Weak::clone(&of), flush, heartbeat)));
        let of = weak();
        runtime.spawn(keep_running("presence watch", move || presence::watch(Weak::clone(&of), poll)));
        runtime.spawn(standing::ask_again(weak(), asked));
        Self { house }
    }

    /// Whether another socket of an address may come. Asked before the handshake is answered.
    pub fn room_for(&self, ip: IpAddr) -> Result<(), NoRoom> {
        if self.house.closing.load(Ordering::Acquire) {
            Err(NoRoom::Closing)
        } else if self.house.connections.load(Ordering::Relaxed) >= self.house.config.sockets {
            Err(NoRoom::Full)
        } else if self.house.strangers.of(ip) >= self.house.config.strangers_per_address {
            Err(NoRoom::Strangers)
        } else {
            Ok(())
        }
    }

    /// Takes a socket over. May be called from any thread.
    pub fn welcome(&self, newcomer: Newcomer) {
        let _entered = self.house.runtime.enter();
        let stream = match newcomer.stream.set_nodelay(true).and_then(|()| TcpStream::from_std(newcomer.stream)) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(request_id = %newcomer.request_id, error = &error as &dyn std::error::Error, "a socket cannot be taken over");
                return;
            }
        };
        let house = &self.house;
        let id = house.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let peer = Arc::new(Peer::new(id, stream, newcomer.ip, newcomer.request_id, house.millis()));
        house.connections.fetch_add(1, Ordering::Relaxed);
        house.strangers.come(newcomer.ip);
        lock(&house.peers).insert(id, Arc::clone(&peer));
        // Whoever comes while everybody is sent away is sent away too.
        if house.closing.load(Ordering::Acquire) {
            peer.end(&house.config, &Ending::RESTART, house.millis());
        }
        house.runtime.spawn(Session::new(Arc::clone(house), peer, &newcomer.early));
    }

    /// The follower of the log knows from where on it tells events; until then nobody is let in. A follower that begins
    /// anew elsewhere has passed events by: those who are live are sent away, to come back for them,
    /// and so are those who still read the log, for they may have read it before what was passed by was there.
    pub fn following(&self) {
        if self.house.following.send_replace(true) {
            tracing::warn!("the follower began anew: sockets are sent away to come back for what it passed by");
            for peer in self.house.everybody().iter().filter(|peer| peer.relies_on_the_log()) {
                peer.end(&self.house.config, &Ending::RESTART, self.house.millis());
            }
        }
    }

    /// Tells events, in the order of the log: called by its one follower. Returns when every socket has them, or has them
    /// waiting.
    pub async fn publish(&self, events: &[Event]) {
        let _turn = self.house.publishing.lock().await;
        let mut order: Vec<HostelId> = Vec::new();
        let mut by_hostel: HashMap<HostelId, Vec<&Event>> = HashMap::new();
        for event in events {
            let Some(hostel) = event.hostel_id else { continue };
            by_hostel.entry(hostel).or_insert_with(|| {
                order.push(hostel);
                Vec::new()
            });
            by_hostel.entry(hostel).or_default().push(event);
        }
        for hostel in order {
            let (Some(hall), Some(events)) = (self.house.hall_if_there(hostel), by_hostel.get(&hostel)) else {
                continue;
            };
            let spans = spans_of(events);
            self.house.tell(&hall, events).await;
            drop(spans);
        }
        for event in events {
            self.changed(&event.kind, event.aggregate_id);
        }
    }

    /// What a change means for the standing of sockets: by the type of its event, and what it happened to. Called for each
    /// event that is told, which is how this process hears of other nodes' changes, and by who knows of one sooner.
    pub fn changed(&self, kind: &str, aggregate: Uuid) {
        match kind.split_once('.') {
            _ if kind == SESSION_REVOKED => self.session_ended(SessionId::new(aggregate)),
            Some(("user", _)) => self.standing_changed(Concerned::Account(AccountId::new(aggregate))),
            Some(("hostel", _)) => self.standing_changed(Concerned::Hostel(HostelId::new(aggregate))),
            _ => {}
        }
    }

    /// Ends the sockets of a session that was ended.
    pub fn session_ended(&self, session: SessionId) {
        self.house.doubts.fetch_add(1, Ordering::SeqCst);
        for peer in self.house.roll.of_session(session) {
            peer.end_with(session, &self.house.config, &Ending::REVOKED, self.house.millis());
        }
    }

    /// Asks again how those concerned stand, and goes by the answer: ends their sockets or changes their rights.
    pub fn standing_changed(&self, concerned: Concerned) {
        self.house.doubts.fetch_add(1, Ordering::SeqCst);
        let peers = match concerned {
            Concerned::Account(account) => self.house.roll.of_account(account),
            Concerned::Hostel(hostel) => {
                let mut all = self.house.roll.all();
                all.retain(|peer| peer.member().is_some_and(|member| member.hostel() == hostel));
                all
            }
        };
        for peer in &peers {
            self.house.doubt(peer);
        }
    }

    /// Sends every socket away because the process ends, over about a second, and takes no new ones.
    pub async fn close_all(&self) {
        self.house.closing.store(true, Ordering::Release);
        let (steps, pause) = PARTING;
        let everybody = self.house.everybody();
        for some in everybody.chunks(everybody.len().div_ceil(steps as usize).max(1)) {
            for peer in some {
                peer.end(&self.house.config, &Ending::RESTART, self.house.millis());
            }
            tokio::time::sleep(pause).await;
        }
        if let Err(error) = self.house.presence.close(&self.house).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "who was online here could not be removed");
        }
    }

    /// How many sockets there are.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.house.connections.load(Ordering::Relaxed)
    }

    /// What was counted.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            connections: self.connections(),
            members: self.house.roll.count(),
            slow: self.house.slow.load(Ordering::Relaxed),
            events: self.house.told.load(Ordering::Relaxed),
        }
    }
}

impl House {
    /// Milliseconds since the start, for patience of all kinds.
    pub(crate) fn millis(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    pub(crate) fn everybody(&self) -> Vec<Arc<Peer>> {
        lock(&self.peers).values().cloned().collect()
    }

    /// A hostel's hall, made if it is not there.
    pub(crate) fn hall(&self, hostel: HostelId) -> Arc<Hall> {
        Arc::clone(lock(&self.halls).entry(hostel).or_insert_with(|| Arc::new(Hall::new(hostel))))
    }

    pub(crate) fn hall_if_there(&self, hostel: HostelId) -> Option<Arc<Hall>> {
        lock(&self.halls).get(&hostel).cloned()
    }

    pub(crate) fn halls(&self) -> Vec<Arc<Hall>> {
        lock(&self.halls).values().cloned().collect()
    }

    /// Forgets halls that nobody is in or about to enter.
    pub(crate) fn close_empty_halls(&self) {
        lock(&self.halls).retain(|_, hall| Arc::strong_count(hall) > 1);
    }

    /// Has a socket's standing asked for again.
    pub(crate) fn doubt(&self, peer: &Arc<Peer>) {
        // Whoever is in doubt already is asked about until no doubt is newer than the answer.
        if peer.doubts.fetch_add(1, Ordering::SeqCst) == 0 {
            self.ask_about(peer);
        }
    }

    pub(crate) fn ask_about(&self, peer: &Arc<Peer>) {
        // Nobody asks any more only when the house is going down.
        let _ = self.doubtful.send(Arc::clone(peer));
    }

    /// Forgets a socket. Called once, by its task as it ends.
    pub(crate) fn leave(&self, peer: &Arc<Peer>) {
        topics::forget(peer);
        match peer.member() {
            None => self.strangers.leave(peer.ip),
            Some(member) => {
                member.hall.leave(peer.id);
                self.roll.remove(peer.id, member.account, member.session);
                self.presence.departed(&member.hall, member.account);
            }
        }
        lock(&self.peers).remove(&peer.id);
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn count_slow(&self) {
        self.slow.fetch_add(1, Ordering::Relaxed);
    }

    async fn tell(self: &Arc<Self>, hall: &Arc<Hall>, events: &[&Event]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let (live, follows) = hall.advance(first.seq, last.seq);
        if follows == Follows::WithAGap {
            tracing::error!(hostel_id = %hall.hostel, seq = first.seq, "events were passed by: sockets are sent away to come back for them");
            for peer in live.iter() {
                peer.end(&self.config, &Ending::RESTART, self.millis());
            }
            return;
        }
        if live.is_empty() {
            return;
        }
        let with_beds = hall.beds_are_watched();
        let prepared: Arc<Vec<Prepared>> =
            Arc::new(events.iter().map(|event| Prepared::new(hall.hostel, event, with_beds)).collect());
        self.told.fetch_add(prepared.len() as u64, Ordering::Relaxed);
        let parts = if live.len() > self.config.fan_out_at {
            std::thread::available_parallelism().map_or(2, usize::from)
        } else {
            1
        };
        let share = live.len().div_ceil(parts).max(1);
        let mut others = Vec::new();
        for from in (share..live.len()).step_by(share) {
            let (house, live, prepared) = (Arc::clone(self), Arc::clone(&live), Arc::clone(&prepared));
            others.push(self.runtime.spawn(async move { house.serve(&live, from, share, &prepared).await }));
        }
        self.serve(&live, 0, share, &prepared).await;
        for other in others {
            // One that panicked has told about it; the sockets it left out see a gap and nobody else.
            if other.await.is_err() {
                for peer in live.iter().filter(|peer| peer.state().cursor < last.seq) {
                    peer.end(&self.config, &Ending::RESTART, self.millis());
                }
            }
        }
    }

    /// Serves one share of a hostel's sockets.
    async fn serve(&self, live: &[Arc<Peer>], from: usize, share: usize, events: &[Prepared]) {
        for (nth, peer) in live.iter().skip(from).take(share).enumerate() {
            if peer.deliver(&self.config, events, self.millis()) {
                self.count_slow();
                tracing::debug!(request_id = %peer.request_id, "a socket could not keep up");
            }
            if nth % BREATH == BREATH - 1 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// The spans of events on their way to sockets, each in the trace of what it happened in; they end when they are dropped.
fn spans_of(events: &[&Event]) -> Vec<tracing::Span> {
    if !domicile_telemetry::sending() {
        return Vec::new();
    }
    let of = |event: &&Event| {
        let span = tracing::debug_span!("live", event = event.kind, seq = event.seq);
        domicile_telemetry::follow(&span, event.trace.as_deref());
        span.in_scope(|| ());
        span
    };
    events.iter().map(of).collect()
}
