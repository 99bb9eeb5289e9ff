//! The live connection joined to what it stands on: admission, the event log, the records behind subscriptions, who is
//! online, and the way sockets come in. And the watch over sessions that were ended elsewhere.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domicile_access::{
    Admissions,
    ports::StandingMemory as _,
    usecases::admission::{Admission, AdmissionError, HostelRequirement},
};
use domicile_booking::FrontDesk;
use domicile_cache::Standings;
use domicile_db::Database;
use domicile_http::ports::{Crowded, Newcomer, RefusalSink as _, Refused, Sockets};
use domicile_kernel::{
    AccountId, Call, Clock, Code, Event, Fault as _, HostelId, Instant, Refusal, RequestId, Scope, SessionId,
    StoreError, fault::Kind,
};
use domicile_realtime::{
    NoRoom, Ports, Realtime,
    ports::{
        Credential, Door, Entered, EventLog, NotEntered, Presence, PresenceBook, Present, Reach, Refused as NotShown,
        Views,
    },
};
use serde_json::Value;
use tokio::{sync::Notify, time::Instant as Stopwatch};
use uuid::Uuid;

use crate::{
    background::{Stop, stopped},
    gate::Notes,
    house::House,
};

/// The hub of this process, on the runtime this is called on.
#[must_use]
pub fn realtime(house: &House, notes: Arc<Notes>) -> Realtime {
    let ports = Ports {
        door: Arc::new(Doorkeeper { admissions: house.admissions.clone(), notes }),
        log: Arc::new(Log(house.database.clone())),
        views: Arc::new(Records(house.front_desk.clone())),
        presence: Arc::new(Register(house.database.clone())),
        clock: Arc::clone(&house.ambient.clock),
        node: house.ambient.ids.uuid(),
    };
    Realtime::start(house.settings.realtime.clone(), ports, &tokio::runtime::Handle::current())
}

/// Admission as the hub's door. What the audit trail wants to know of requests it wants to know of sockets (J17, W6).
struct Doorkeeper {
    admissions: Admissions,
    notes: Arc<Notes>,
}

/// How the way in is called in the audit trail, as among the operations.
const OPERATION: &str = "live.socket";

fn entered(admission: Admission, hostel: HostelId) -> Result<Entered, NotEntered> {
    let who = (admission.actor.account(), admission.actor.session());
    let (Some(account), Some(session)) = who else { return Err(NotEntered::NotAMember) };
    Ok(Entered {
        flags: admission.flags,
        expires_at: admission.expires_at,
        actor: admission.actor,
        hostel,
        session,
        account,
    })
}

fn not_entered(error: AdmissionError) -> NotEntered {
    match error.kind() {
        Kind::Unauthenticated => NotEntered::BadCredential(error.code(), error.to_string()),
        Kind::Forbidden | Kind::NotFound | Kind::Invalid => NotEntered::NotAMember,
        _ => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a socket could not be let in");
            NotEntered::Unavailable
        }
    }
}

#[async_trait]
impl Door for Doorkeeper {
    async fn enter(
        &self,
        credential: Credential,
        hostel: HostelId,
        ip: IpAddr,
        request_id: &RequestId,
    ) -> Result<Entered, NotEntered> {
        let call = |actor| Call { ip: Some(ip), ..Call::new(actor, Scope::Hostel(hostel), request_id.clone()) };
        let admission = match credential {
            Credential::Token(token) => {
                let asked = HostelRequirement::Required(Some(hostel));
                let admission = self.admissions.admit(Some(&token), asked).await;
                if let Err(AdmissionError::Refused(Refusal::NotAMember)) = &admission
                    && let Ok(known) = self.admissions.admit(Some(&token), HostelRequirement::NotNeeded).await
                {
                    let refused = Refused { operation: OPERATION, code: Code::Forbidden, required: None, target: None };
                    self.notes.refused(&call(known.actor), refused);
                }
                admission
            }
            Credential::Ticket(ticket) => self.admissions.redeem(&ticket, hostel).await,
        };
        if let Ok(admission) = &admission
            && admission.entered_as_super_admin
        {
            self.notes.entered(&call(admission.actor.clone()), OPERATION);
        }
        admission.map_err(not_entered).and_then(|admission| entered(admission, hostel))
    }

    async fn again(&self, session: SessionId, account: AccountId, hostel: HostelId) -> Result<Entered, NotEntered> {
        let admission = self.admissions.readmit(session, account, hostel).await;
        admission.map_err(not_entered).and_then(|admission| entered(admission, hostel))
    }
}

/// The database as the hub's log.
struct Log(Database);

#[async_trait]
impl EventLog for Log {
    async fn after(&self, hostel: HostelId, seq: i64, most: u64) -> Result<Vec<Event>, StoreError> {
        self.0.events_of(hostel, seq, most).await
    }

    async fn reach(&self, hostel: HostelId) -> Result<Reach, StoreError> {
        let (oldest, head) = self.0.reach_of(hostel).await?;
        Ok(Reach { oldest, head })
    }
}

/// The front desk as what subscriptions show.
struct Records(FrontDesk);

#[async_trait]
impl Views for Records {
    async fn booking(&self, call: &Call, id: Uuid) -> Result<Value, NotShown> {
        let view = self.0.booking(call, id.into()).await.map_err(|error| Box::new(error) as NotShown)?;
        Ok(serde_json::to_value(view).unwrap_or_default())
    }

    async fn room(&self, call: &Call, id: Uuid) -> Result<Value, NotShown> {
        let view = self.0.room(call, id.into()).await.map_err(|error| Box::new(error) as NotShown)?;
        Ok(serde_json::to_value(view).unwrap_or_default())
    }
}

/// The database as where it is written down who is online.
struct Register(Database);

#[async_trait]
impl PresenceBook for Register {
    async fn note(&self, node: Uuid, changes: &[Presence], now: Instant) -> Result<(), StoreError> {
        let changes: Vec<_> = changes.iter().map(|change| (change.hostel, change.account, change.since)).collect();
        self.0.note_presence(node, &changes, now).await
    }

    async fn confirm(&self, node: Uuid, now: Instant) -> Result<u64, StoreError> {
        self.0.confirm_presence(node, now).await
    }

    async fn who(&self, hostel: HostelId, since: Instant) -> Result<Vec<Present>, StoreError> {
        let present = self.0.present_in(hostel, since).await?;
        Ok(present.into_iter().map(|(user_id, since)| Present { user_id, since }).collect())
    }

    async fn remove(&self, node: Option<Uuid>, before: Instant) -> Result<(), StoreError> {
        self.0.remove_presence(node, before).await
    }
}

/// The hub as where HTTP sends what has become a socket.
pub struct Harbour(pub Realtime);

impl Sockets for Harbour {
    fn room_for(&self, ip: IpAddr) -> Result<(), Crowded> {
        self.0.room_for(ip).map_err(|full| match full {
            NoRoom::Strangers => Crowded::Address { retry_after: 5 },
            NoRoom::Full | NoRoom::Closing => Crowded::Node { retry_after: 5 },
        })
    }

    fn welcome(&self, newcomer: Newcomer) {
        let Newcomer { stream, early, ip, request_id } = newcomer;
        self.0.welcome(domicile_realtime::Newcomer { stream, early, ip, request_id });
    }
}

/// How often it is asked which sessions were ended.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long an ended session is known to be dealt with: longer than the question looks back.
const DEALT_WITH: Duration = Duration::from_mins(2);

/// How far the follower is known to have read the log to its end.
#[derive(Debug, Default)]
pub struct CaughtUp(Mutex<Option<Stopwatch>>);

impl CaughtUp {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::now());
    }

    /// Whether it was at the end a short while ago: then what other nodes changed is known here, too.
    fn lately(&self) -> bool {
        let at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < FOLLOWED)
    }
}

/// How long ago the follower may have been at the end of the log for what is remembered of people to be trusted.
const FOLLOWED: Duration = Duration::from_secs(1);

/// Asks the database again and again which sessions were ended, by whatever node, until told to end. This alone keeps the
/// promise that an ended session is refused within a second and its sockets close within two; wake-ups only make it sooner.
pub async fn watch_sessions(
    database: Database,
    standings: Arc<Standings>,
    live: Realtime,
    caught_up: Arc<CaughtUp>,
    clock: Arc<dyn Clock>,
    mut stop: Stop,
) {
    let mut dealt: HashMap<SessionId, Instant> = HashMap::new();
    // When it was last asked and answered: after an outage the question reaches back over it.
    let mut since = clock.now();
    loop {
        let check = standings.check();
        let now = clock.now();
        match database.revoked_since(since).await {
            Ok(ended) => {
                since = now;
                let lately: HashSet<SessionId> = ended.iter().map(|(session, ..)| *session).collect();
                for session in &lately {
                    if !dealt.contains_key(session) {
                        standings.forget_session(*session);
                        live.session_ended(*session);
                    }
                }
                dealt.extend(lately.into_iter().map(|session| (session, now)));
                dealt.retain(|_, at| now.since(*at) < DEALT_WITH);
                // Roles and memberships come by the log; while it is not read, every request asks for its own.
                if caught_up.lately() {
                    standings.checked(check);
                }
            }
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "it cannot be asked which sessions were ended; until it can, every request asks for its own"
            ),
        }
        tokio::select! {
            () = tokio::time::sleep(ASK_EVERY) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// How long telling rests, at most.
const TELLING_RESTS: Duration = Duration::from_millis(8);

/// How long to rest after telling events took so long. Telling thousands takes every core, from those who are told as well;
/// after a rest as long as the work the others have had their turn, and what happened meanwhile goes out in one piece.
/// Telling a few takes no time worth a rest.
fn rest_after(told: Duration) -> Option<Duration> {
    (told >= Duration::from_millis(1)).then(|| told.min(TELLING_RESTS))
}

/// Follows the log from its present end until told to end: outdates what other nodes' events made old, and tells events to
/// sockets, in this order, so that who asks because of an event sees what it says.
pub async fn follow(
    database: Database,
    after: Arc<crate::bridges::AfterCommit>,
    live: Realtime,
    heard: Arc<Notify>,
    caught_up: Arc<CaughtUp>,
    mut stop: Stop,
) {
    const POLL: Duration = Duration::from_millis(500);
    const MOST: u64 = 500;
    let failed = |error: &StoreError| {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the event log cannot be read; the follower will try again"
        );
    };
    let mut position = loop {
        match database.last_position().await {
            Ok(position) => break position,
            Err(error) => failed(&error),
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = stopped(&mut stop) => return,
        }
    };
    // One that begins anew has passed events by: what they made old is forgotten, whatever it was.
    after.outdate_all();
    live.following();
    loop {
        match database.events_after(position, MOST).await {
            Ok(events) => {
                for event in &events {
                    after.outdate(&event.kind, event.aggregate_id, event.hostel_id);
                    position = event.position;
                }
                let began = Stopwatch::now();
                live.publish(&events).await;
                if let Some(rest) = rest_after(began.elapsed()) {
                    tokio::time::sleep(rest).await;
                }
                if events.len() as u64 == MOST && !*stop.borrow() {
                    continue;
                }
                caught_up.now();
            }
            Err(error) => failed(&error),
        }
        tokio::select! {
            () = heard.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            () = stopped(&mut stop) => return,
        }
    }
}
