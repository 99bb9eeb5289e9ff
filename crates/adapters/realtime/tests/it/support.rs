//! A hub on fake ports, and clients of it.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use domicile_kernel::{
    AccountId, Actor, Audience, Call, Clock, Code, Event, EventId, Fault, Flags, HostelId, Instant, Permission,
    RequestId, Role, SessionId, StoreError, Who, ports::fixed::FixedClock,
};
use domicile_realtime::{
    Newcomer, Ports, Realtime, RealtimeConfig,
    ports::{Credential, Door, Entered, EventLog, NotEntered, Presence, PresenceBook, Present, Reach, Refused, Views},
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role as Side},
};
use uuid::Uuid;

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn hostel(n: u128) -> HostelId {
    HostelId::new(Uuid::from_u128(0x1000 + n))
}

pub(crate) fn account(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(0x2000 + n))
}

pub(crate) fn session(n: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(0x3000 + n))
}

/// Lets in who shows `t<n>` as account and session n, or `t<n>@<m>` as account n by session m, if they are members.
#[derive(Default)]
pub(crate) struct FakeDoor {
    pub(crate) roles: Mutex<HashMap<(AccountId, HostelId), Role>>,
    pub(crate) ended: Mutex<HashSet<SessionId>>,
    pub(crate) expires_at: Mutex<Option<Instant>>,
    pub(crate) away: AtomicBool,
    /// Keeps whoever knocks waiting, after it was decided.
    pub(crate) slow: Mutex<Duration>,
    /// The same for who is asked about again.
    pub(crate) slow_again: Mutex<Duration>,
    /// Panics when it is next asked about somebody again.
    pub(crate) falls: AtomicBool,
    pub(crate) knocks: AtomicU64,
}

impl FakeDoor {
    pub(crate) fn admit(&self, n: u128, hostel: HostelId, role: Role) {
        self.roles.lock().unwrap().insert((account(n), hostel), role);
    }

    pub(crate) fn expel(&self, n: u128, hostel: HostelId) {
        self.roles.lock().unwrap().remove(&(account(n), hostel));
    }

    fn stand(&self, session: SessionId, account: AccountId, hostel: HostelId) -> Result<Entered, NotEntered> {
        if self.away.load(Ordering::SeqCst) {
            return Err(NotEntered::Unavailable);
        }
        if self.ended.lock().unwrap().contains(&session) {
            return Err(NotEntered::BadCredential(Code::TokenRevoked, "Token has been revoked".to_owned()));
        }
        let role = *self.roles.lock().unwrap().get(&(account, hostel)).ok_or(NotEntered::NotAMember)?;
        #[expect(clippy::disallowed_methods, reason = "a test")]
        let actor = Actor::vouched_for(Who::Account { id: account, session, role: Some(role) });
        let expires_at = self.expires_at.lock().unwrap().unwrap_or(Instant::from_seconds(i64::from(u32::MAX)));
        Ok(Entered { actor, flags: Flags::all(), hostel, session, account, expires_at })
    }
}

#[async_trait]
impl Door for FakeDoor {
    async fn enter(
        &self,
        credential: Credential,
        hostel: HostelId,
        _ip: IpAddr,
        _request_id: &RequestId,
    ) -> Result<Entered, NotEntered> {
        self.knocks.fetch_add(1, Ordering::SeqCst);
        let bad = || NotEntered::BadCredential(Code::InvalidToken, "The access token is not valid".to_owned());
        let (Credential::Token(text) | Credential::Ticket(text)) = credential;
        let (n, m) = text.strip_prefix('t').map(|rest| rest.split_once('@').unwrap_or((rest, rest))).ok_or_else(bad)?;
        let (Ok(n), Ok(m)) = (n.parse(), m.parse()) else { return Err(bad()) };
        let stands = self.stand(session(m), account(n), hostel);
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        stands
    }

    async fn again(&self, session: SessionId, account: AccountId, hostel: HostelId) -> Result<Entered, NotEntered> {
        let stands = self.stand(session, account, hostel);
        let slow = *self.slow_again.lock().unwrap();
        self.knocks.fetch_add(1, Ordering::SeqCst);
        assert!(!self.falls.swap(false, Ordering::SeqCst), "on purpose");
        tokio::time::sleep(slow).await;
        stands
    }
}

/// A log in memory.
#[derive(Default)]
pub(crate) struct FakeLog {
    events: Mutex<HashMap<HostelId, Vec<Event>>>,
    kept_from: Mutex<HashMap<HostelId, i64>>,
    pub(crate) away: AtomicBool,
    pub(crate) reads: AtomicU64,
    /// While it is true, whoever has read is not answered.
    pub(crate) holds: AtomicBool,
}

impl FakeLog {
    /// Something happens: it is in the log from now on, and told to nobody.
    pub(crate) fn happen(&self, hostel: HostelId, kind: &str, audience: Audience, data: Value) -> Event {
        let mut all = self.events.lock().unwrap();
        let events = all.entry(hostel).or_default();
        let seq = events.len() as i64 + 1;
        let id = data.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()).unwrap_or(Uuid::nil());
        let event = Event {
            id: EventId::new(Uuid::from_u128(seq as u128)),
            position: seq,
            seq,
            kind: kind.to_owned(),
            version: 1,
            hostel_id: Some(hostel),
            audience: audience.encode(),
            aggregate: "thing".to_owned(),
            aggregate_id: id,
            aggregate_version: 1,
            actor: "somebody".to_owned(),
            at: Instant::from_seconds(1_800_000_000),
            request_id: "req_1".to_owned(),
            trace: None,
            data,
        };
        events.push(event.clone());
        event
    }

    pub(crate) fn forget_before(&self, hostel: HostelId, seq: i64) {
        self.kept_from.lock().unwrap().insert(hostel, seq);
    }
}

#[async_trait]
impl EventLog for FakeLog {
    async fn after(&self, hostel: HostelId, seq: i64, most: u64) -> Result<Vec<Event>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Transient("away".into()));
        }
        let from = self.kept_from.lock().unwrap().get(&hostel).copied().unwrap_or(1).max(seq + 1);
        let read = {
            let all = self.events.lock().unwrap();
            let events = all.get(&hostel).map_or(&[][..], Vec::as_slice);
            events.iter().skip(from as usize - 1).take(most as usize).cloned().collect()
        };
        while self.holds.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(read)
    }

    async fn reach(&self, hostel: HostelId) -> Result<Reach, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Transient("away".into()));
        }
        let head = self.events.lock().unwrap().get(&hostel).map_or(0, Vec::len) as i64;
        let from = self.kept_from.lock().unwrap().get(&hostel).copied().unwrap_or(1);
        let reach = Reach { oldest: if from > head { 0 } else { from }, head };
        tokio::task::yield_now().await;
        Ok(reach)
    }
}

/// Every room is there for who may read rooms; bookings are there for who may read all.
pub(crate) struct FakeViews;

#[derive(Debug)]
struct No(Code);

impl std::fmt::Display for No {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("No")
    }
}

impl std::error::Error for No {}

impl Fault for No {
    fn code(&self) -> Code {
        self.0
    }
}

#[async_trait]
impl Views for FakeViews {
    async fn booking(&self, call: &Call, id: Uuid) -> Result<Value, Refused> {
        if id == Uuid::nil() {
            return Err(Box::new(No(Code::NotFound)));
        }
        call.require(Permission::BookingsReadAll).map_err(|_refusal| No(Code::Forbidden))?;
        Ok(json!({ "id": id, "hostel_id": call.hostel }))
    }

    async fn room(&self, call: &Call, id: Uuid) -> Result<Value, Refused> {
        call.require(Permission::RoomsRead).map_err(|refusal| Box::new(refusal) as Refused)?;
        Ok(json!({ "id": id }))
    }
}

impl From<No> for Refused {
    fn from(no: No) -> Self {
        Box::new(no)
    }
}

type Row = (HostelId, AccountId, Uuid);

/// Who is online, in memory.
#[derive(Default)]
pub(crate) struct FakeBook {
    pub(crate) rows: Mutex<HashMap<Row, (Instant, Instant)>>,
    pub(crate) away: AtomicBool,
    /// Panics when something is next written down.
    pub(crate) note_falls: AtomicBool,
    /// Panics when it is next read.
    pub(crate) who_falls: AtomicBool,
}

#[async_trait]
impl PresenceBook for FakeBook {
    async fn note(&self, node: Uuid, changes: &[Presence], now: Instant) -> Result<(), StoreError> {
        assert!(!self.note_falls.swap(false, Ordering::SeqCst), "on purpose");
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Transient("away".into()));
        }
        let mut rows = self.rows.lock().unwrap();
        for change in changes {
            let key = (change.hostel, change.account, node);
            match change.since {
                Some(since) => rows.insert(key, (since, now)),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }

    async fn confirm(&self, node: Uuid, now: Instant) -> Result<u64, StoreError> {
        let mut rows = self.rows.lock().unwrap();
        let own = rows.iter_mut().filter(|((_, _, of), _)| *of == node);
        Ok(own.map(|(_, (_, seen))| *seen = now).count() as u64)
    }

    async fn who(&self, hostel: HostelId, since: Instant) -> Result<Vec<Present>, StoreError> {
        assert!(!self.who_falls.swap(false, Ordering::SeqCst), "on purpose");
        let rows = self.rows.lock().unwrap();
        let mut all: HashMap<AccountId, Instant> = HashMap::new();
        for ((of, account, _), (from, seen)) in rows.iter() {
            if *of == hostel && *seen >= since {
                let earliest = all.entry(*account).or_insert(*from);
                *earliest = (*earliest).min(*from);
            }
        }
        let mut all: Vec<Present> = all.into_iter().map(|(user_id, since)| Present { user_id, since }).collect();
        all.sort_unstable_by_key(|present| present.user_id);
        Ok(all)
    }

    async fn remove(&self, node: Option<Uuid>, before: Instant) -> Result<(), StoreError> {
        self.rows.lock().unwrap().retain(|(_, _, of), (_, seen)| Some(*of) != node && *seen >= before);
        Ok(())
    }
}

/// A clock that may panic once.
pub(crate) struct FakeClock {
    shows: Arc<FixedClock>,
    pub(crate) falls: AtomicBool,
}

impl Clock for FakeClock {
    fn now(&self) -> Instant {
        assert!(!self.falls.swap(false, Ordering::SeqCst), "on purpose");
        self.shows.now()
    }
}

/// A hub and what it stands on.
pub(crate) struct World {
    pub(crate) realtime: Realtime,
    pub(crate) door: Arc<FakeDoor>,
    pub(crate) log: Arc<FakeLog>,
    pub(crate) book: Arc<FakeBook>,
    pub(crate) clock: Arc<FixedClock>,
    /// The same, as the hub sees it.
    pub(crate) hands: Arc<FakeClock>,
    pub(crate) node: Uuid,
    listener: TcpListener,
}

impl World {
    /// With the defaults, but for a quick sweeper.
    pub(crate) fn new() -> Self {
        Self::with(|_as_it_is| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut RealtimeConfig)) -> Self {
        let world = Self::not_following(change);
        world.realtime.following();
        world
    }

    pub(crate) fn not_following(change: impl FnOnce(&mut RealtimeConfig)) -> Self {
        let mut config = RealtimeConfig {
            sweep_every: Duration::from_millis(10),
            presence_flush: Duration::from_millis(10),
            presence_poll: Duration::from_millis(20),
            ..RealtimeConfig::default()
        };
        change(&mut config);
        let (door, log, book) = (Arc::default(), Arc::default(), Arc::default());
        let (clock, node) = (FixedClock::at("2026-11-21T10:00:00Z"), Uuid::from_u128(0xAAAA));
        let hands = Arc::new(FakeClock { shows: clock.clone(), falls: AtomicBool::new(false) });
        let ports = Ports {
            door: Arc::clone(&door) as Arc<dyn Door>,
            log: Arc::clone(&log) as Arc<dyn EventLog>,
            views: Arc::new(FakeViews),
            presence: Arc::clone(&book) as Arc<dyn PresenceBook>,
            clock: Arc::clone(&hands) as Arc<dyn Clock>,
            node,
        };
        let realtime = Realtime::start(config, ports, &tokio::runtime::Handle::current());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { realtime, door, log, book, clock, hands, node, listener }
    }

    /// A bare connection behind its handshake.
    pub(crate) async fn raw(&self) -> TcpStream {
        self.raw_with(b"").await
    }

    pub(crate) async fn raw_with(&self, early: &[u8]) -> TcpStream {
        let stream = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = self.listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        self.welcome(accepted, early);
        stream
    }

    /// A connection through which little goes at a time.
    pub(crate) async fn narrow(&self) -> TcpStream {
        const BYTES: u32 = 16 * 1024;
        let [ours, theirs] = [TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap()];
        ours.set_send_buffer_size(BYTES).unwrap();
        theirs.set_recv_buffer_size(BYTES).unwrap();
        ours.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let ours = ours.listen(1).unwrap();
        let (accepted, stream) = tokio::join!(ours.accept(), theirs.connect(ours.local_addr().unwrap()));
        self.welcome(accepted.unwrap().0.into_std().unwrap(), b"");
        stream.unwrap()
    }

    fn welcome(&self, accepted: std::net::TcpStream, early: &[u8]) {
        self.realtime.welcome(Newcomer {
            stream: accepted,
            early: Bytes::copy_from_slice(early),
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: RequestId::accept("req_test").unwrap(),
        });
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::over(self.raw().await).await
    }

    /// A socket of somebody who is in.
    pub(crate) async fn member(&self, n: u128, hostel: HostelId) -> Client {
        let mut client = self.connect().await;
        client.auth(n, hostel).await;
        client
    }

    /// Tells events as the follower does.
    pub(crate) async fn publish(&self, events: &[Event]) {
        self.realtime.publish(events).await;
    }

    /// Something public happens and is told at once.
    pub(crate) async fn news(&self, hostel: HostelId, n: i64) -> Event {
        let event = self.log.happen(hostel, "room.updated", Audience::Hostel, json!({ "n": n }));
        self.publish(std::slice::from_ref(&event)).await;
        event
    }
}

/// Waits until something is true.
pub(crate) async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_elapsed| panic!("not in time: {what}"));
}

/// A client.
pub(crate) struct Client(pub(crate) WebSocketStream<TcpStream>);

impl Client {
    pub(crate) async fn over(stream: TcpStream) -> Self {
        Self(WebSocketStream::from_raw_socket(stream, Side::Client, None).await)
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Signs in and swallows `auth_success`; its `seq`.
    pub(crate) async fn auth(&mut self, n: u128, hostel: HostelId) -> i64 {
        self.send(json!({ "type": "auth", "token": format!("Bearer t{n}"), "hostel_id": hostel })).await;
        let answer = self.next().await;
        assert_eq!(answer["type"], "auth_success", "{answer}");
        answer["seq"].as_i64().unwrap()
    }

    pub(crate) async fn message(&mut self) -> Message {
        let next = tokio::time::timeout(DEADLINE, self.0.next()).await.expect("a message in time");
        next.expect("not the end").unwrap()
    }

    /// The next message as JSON.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} came instead of a message"),
            }
        }
    }

    /// The code and reason of the close frame; whatever comes before it is handed over.
    pub(crate) async fn closed(&mut self, mut before: impl FnMut(Value)) -> (u16, String) {
        loop {
            match self.message().await {
                Message::Text(text) => before(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => {
                    let frame = frame.expect("a code");
                    return (frame.code.into(), frame.reason.to_string());
                }
                _ => {}
            }
        }
    }

    /// That nothing comes before the answer to a ping.
    pub(crate) async fn hears_nothing(&mut self) {
        self.send(json!({ "type": "ping" })).await;
        assert_eq!(self.next().await, json!({ "type": "pong" }));
    }
}

/// A frame as a client sends it: masked, its first byte as given.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x1f, 0x2e, 0x3d, 0x4c];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..=125 => frame.push(0x80 | short as u8),
        middle @ ..=0xffff => {
            frame.push(0x80 | 0x7e);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 0x7f);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Sends bytes as they are; the other side may have gone.
pub(crate) async fn pour(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok()
}

/// Numbers that look random and come again with the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
