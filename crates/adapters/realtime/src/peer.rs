//! One socket as the rest sees it: who it is, what waits for it, whether it is ending. Whoever has something for it writes it
//! at once, from their own task; only what the kernel does not take waits here, and the socket's own task sends it on.

use std::{
    collections::VecDeque,
    io::IoSlice,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use domicile_kernel::{AccountId, HostelId, Instant, RequestId, SessionId};
use futures_util::task::AtomicWaker;
use tokio::{io, net::TcpStream};

use crate::{
    RealtimeConfig, Rights,
    ending::Ending,
    frame::{self, Prepared},
    hall::Hall,
    topics::Topics,
};

/// Milliseconds since the hub was made.
pub(crate) type Millis = u64;

/// So many frames go out in one call.
const TOGETHER: usize = 64;

/// One socket.
pub(crate) struct Peer {
    pub(crate) id: u64,
    pub(crate) ip: IpAddr,
    pub(crate) request_id: RequestId,
    pub(crate) opened: Millis,
    pub(crate) stream: TcpStream,
    /// The socket's own task.
    task: AtomicWaker,
    /// Nothing more can be done for it.
    over: AtomicBool,
    /// How often its standing came into doubt since it was last settled.
    pub(crate) doubts: AtomicU32,
    state: Mutex<State>,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Has said nothing.
    Stranger,
    /// Its credential is looked at.
    AtTheDoor,
    /// Gets what it missed.
    CatchingUp,
    /// Gets what happens.
    Live,
    /// Gets a close frame, and then nothing.
    Ending,
}

/// Whose socket it is, once that is known.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) hall: Arc<Hall>,
    pub(crate) account: AccountId,
    pub(crate) session: SessionId,
    pub(crate) rights: Rights,
    pub(crate) expires_at: Instant,
}

impl Member {
    pub(crate) fn hostel(&self) -> HostelId {
        self.hall.hostel
    }
}

/// What changes in the life of a socket.
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) member: Option<Member>,
    /// The last event it was given, or passed by.
    pub(crate) cursor: i64,
    pub(crate) topics: Option<Box<Topics>>,
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    /// The first frame of the queue has begun to go out.
    begun: bool,
    /// The kernel takes no more for now: the socket's task waits for it.
    blocked: bool,
    /// When something last went out, or nothing waited.
    moved: Millis,
    /// When it is dropped, whatever it does, once it is ending.
    pub(crate) until: Millis,
    pub(crate) pinged: Millis,
    pub(crate) unanswered: u8,
    /// The window in which messages are counted, and how many they were.
    pub(crate) window: Millis,
    pub(crate) counted: u32,
}

/// What came of an attempt to send what waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing waited.
    Nothing,
    /// All of it.
    All,
    /// The task will be woken when more can go.
    Blocked,
    /// The connection is no more.
    Broken,
}

impl Peer {
    pub(crate) fn new(id: u64, stream: TcpStream, ip: IpAddr, request_id: RequestId, now: Millis) -> Self {
        Self {
            id,
            ip,
            request_id,
            opened: now,
            stream,
            task: AtomicWaker::new(),
            over: AtomicBool::new(false),
            doubts: AtomicU32::new(0),
            state: Mutex::new(State::new(now)),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called by its own task at the beginning of each turn.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Lets go of it now.
    pub(crate) fn drop_now(&self) {
        self.over.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether it was promised every event, and some of them have come from the log or from the follower.
    pub(crate) fn relies_on_the_log(&self) -> bool {
        matches!(self.state().phase, Phase::CatchingUp | Phase::Live)
    }

    pub(crate) fn member(&self) -> Option<Member> {
        self.state().member.clone()
    }

    /// Tells it events, if it is live: those behind its cursor that it may see. Never waits. Whether it fell behind by it.
    pub(crate) fn deliver(&self, config: &RealtimeConfig, events: &[Prepared], now: Millis) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Live {
            return false;
        }
        let was_blocked = state.blocked;
        for event in events {
            let kept_up = state.tell(&self.stream, config, event);
            if !kept_up {
                self.end_in(&mut state, config, &Ending::SLOW, now);
                return true;
            }
        }
        self.push_rest(&mut state, was_blocked);
        false
    }

    /// Sends one frame. A queue over its bound ends the socket.
    pub(crate) fn send(&self, config: &RealtimeConfig, frame: Bytes, now: Millis) {
        let mut state = self.state();
        if state.phase == Phase::Ending {
            return;
        }
        let was_blocked = state.blocked;
        if state.put(&self.stream, config, frame) {
            self.push_rest(&mut state, was_blocked);
        } else {
            self.end_in(&mut state, config, &Ending::SLOW, now);
        }
    }

    /// Sends one frame that is never too much: there is one of it in a socket's life.
    pub(crate) fn say(&self, frame: Bytes) {
        let mut state = self.state();
        if state.phase != Phase::Ending {
            state.enqueue(frame);
            self.push_out(&mut state);
        }
    }

    /// Sends one frame of many to a socket that catches up: pending while enough waits already. Polled by its own task,
    /// which sends in between.
    pub(crate) fn poll_send(&self, frame: &mut Option<Bytes>) -> Poll<()> {
        let mut state = self.state();
        if state.phase == Phase::Ending {
            return Poll::Ready(());
        }
        if state.queue.len() >= TOGETHER || state.queued_bytes >= 256 * 1024 {
            return Poll::Pending;
        }
        if let Some(frame) = frame.take() {
            state.enqueue(frame);
        }
        Poll::Ready(())
    }

    /// Ends it: a close frame goes out, and the other side has a while to answer it.
    pub(crate) fn end(&self, config: &RealtimeConfig, ending: &Ending, now: Millis) {
        self.end_in(&mut self.state(), config, ending, now);
    }

    /// Ends it with a sign-in, unless it goes on under another by now; whether it does not.
    pub(crate) fn end_with(&self, session: SessionId, config: &RealtimeConfig, ending: &Ending, now: Millis) -> bool {
        let mut state = self.state();
        let moved_on = state.member.as_ref().is_some_and(|member| member.session != session);
        if !moved_on {
            self.end_in(&mut state, config, ending, now);
        }
        !moved_on
    }

    fn end_in(&self, state: &mut State, config: &RealtimeConfig, ending: &Ending, now: Millis) {
        if state.phase == Phase::Ending {
            return;
        }
        if ending.discards() {
            state.discard();
        }
        self.finish(state, frame::close(ending), config.close_patience, now);
    }

    /// Ends it because they asked to: the close frame is answered, and there is nothing to wait for.
    pub(crate) fn answer_close(&self, code: Option<u16>, now: Millis) {
        let mut state = self.state();
        if state.phase != Phase::Ending {
            state.discard();
            self.finish(&mut state, frame::close_back(code), Duration::ZERO, now);
        }
    }

    fn finish(&self, state: &mut State, close: Bytes, patience: Duration, now: Millis) {
        state.phase = Phase::Ending;
        state.until = now + patience.as_millis() as Millis;
        state.enqueue(close);
        self.push_out(state);
        self.task.wake();
    }

    /// Sends what is left after frames were put. When the kernel had enough in the middle of them, nobody waits yet for it
    /// to take more: the socket's task must.
    fn push_rest(&self, state: &mut State, was_blocked: bool) {
        if state.blocked && !was_blocked {
            self.task.wake();
        } else {
            self.push_out(state);
        }
    }

    /// Sends what waits if the kernel takes it, and wakes the socket's task for the rest.
    fn push_out(&self, state: &mut State) {
        if state.blocked || state.queue.is_empty() {
            return;
        }
        match state.flush(&self.stream) {
            Sent::Nothing | Sent::All => {}
            Sent::Blocked => self.task.wake(),
            Sent::Broken => self.drop_now(),
        }
    }

    /// Its own task sends what waits, and is woken when more can go.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>, now: Millis) -> Sent {
        let mut went = Sent::Nothing;
        loop {
            {
                let mut state = self.state();
                if state.queue.is_empty() {
                    state.blocked = false;
                    return went;
                }
            }
            match self.stream.poll_write_ready(cx) {
                Poll::Pending => return Sent::Blocked,
                Poll::Ready(Err(_)) => return Sent::Broken,
                Poll::Ready(Ok(())) => {}
            }
            let mut state = self.state();
            let before = state.queued_bytes;
            let sent = state.flush(&self.stream);
            if state.queued_bytes < before {
                state.moved = now;
            }
            match sent {
                Sent::Nothing | Sent::All => went = Sent::All,
                Sent::Broken => return Sent::Broken,
                // It is no longer ready now: asked again, it says when it will be.
                Sent::Blocked => {}
            }
        }
    }
}

impl State {
    fn new(now: Millis) -> Self {
        Self {
            phase: Phase::Stranger,
            member: None,
            cursor: 0,
            topics: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            begun: false,
            blocked: false,
            moved: now,
            until: Millis::MAX,
            pinged: now,
            unanswered: 0,
            window: now,
            counted: 0,
        }
    }

    /// Queues or sends what one event is to this socket; false when it cannot keep up.
    fn tell(&mut self, stream: &TcpStream, config: &RealtimeConfig, event: &Prepared) -> bool {
        if event.seq <= self.cursor {
            return true;
        }
        self.cursor = event.seq;
        let Some(member) = &self.member else { return true };
        if let Some((audience, frame)) = &event.told
            && member.rights.may_see(audience)
            && !self.put(stream, config, frame.clone())
        {
            return false;
        }
        event.beds.iter().all(|(room, frame)| {
            let watched = self.topics.as_ref().is_some_and(|topics| topics.rooms.contains(room));
            !watched || self.put(stream, config, frame.clone())
        })
    }

    /// Queues a frame, sending what waits when that is much; false when too much waits.
    fn put(&mut self, stream: &TcpStream, config: &RealtimeConfig, frame: Bytes) -> bool {
        self.enqueue(frame);
        if self.queue.len() >= TOGETHER && !self.blocked {
            // A broken connection shows again when its task writes.
            self.flush(stream);
        }
        self.queue.len() <= config.queue_frames && self.queued_bytes <= config.queue_bytes
    }

    fn enqueue(&mut self, frame: Bytes) {
        self.queued_bytes += frame.len();
        self.queue.push_back(frame);
    }

    /// Forgets what waits, but for the rest of a frame that has begun to go out.
    fn discard(&mut self) {
        self.queue.truncate(usize::from(self.begun));
        self.queued_bytes = self.queue.iter().map(Bytes::len).sum();
    }

    /// Sends until nothing waits or the kernel takes no more.
    fn flush(&mut self, stream: &TcpStream) -> Sent {
        if self.queue.is_empty() {
            return Sent::Nothing;
        }
        while !self.queue.is_empty() {
            let written = match self.queue.front() {
                Some(only) if self.queue.len() == 1 => stream.try_write(only),
                _ => {
                    let mut slices = [IoSlice::new(&[]); TOGETHER];
                    let mut count = 0;
                    for (slice, frame) in slices.iter_mut().zip(&self.queue) {
                        *slice = IoSlice::new(frame);
                        count += 1;
                    }
                    stream.try_write_vectored(slices.get(..count).unwrap_or_default())
                }
            };
            match written {
                Ok(0) => return Sent::Broken,
                Ok(bytes) => self.went(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Sent::Blocked;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        self.blocked = false;
        if self.queue.capacity() > TOGETHER / 2 {
            // An idle socket holds no memory for a queue that it once had.
            self.queue = VecDeque::new();
        }
        Sent::All
    }

    /// So many bytes went out.
    fn went(&mut self, mut bytes: usize) {
        self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
        self.begun = false;
        while let Some(front) = self.queue.front_mut() {
            if bytes < front.len() {
                self.begun = bytes > 0 || self.begun;
                front.advance(bytes);
                return;
            }
            bytes -= front.len();
            self.queue.pop_front();
        }
    }

    pub(crate) fn waits(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether what waits has not moved for so long. Looked at in every sweep: the time in which nothing waited, however
    /// long the log was read meanwhile, is not held against the socket.
    pub(crate) fn is_stuck(&mut self, patience: Duration, now: Millis) -> bool {
        if self.queue.is_empty() {
            self.moved = now;
        }
        now.saturating_sub(self.moved) >= patience.as_millis() as Millis && self.waits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_the_log_is_not_stuck_and_whoever_takes_nothing_is() {
        let patience = Duration::from_secs(30);
        let mut state = State::new(0);
        // Nothing waits while the log is read for a minute.
        assert!(!state.is_stuck(patience, 60_000));
        state.enqueue(Bytes::from_static(b"a page"));
        assert!(!state.is_stuck(patience, 60_500));
        assert!(!state.is_stuck(patience, 89_999));
        assert!(state.is_stuck(patience, 90_000));
    }
}
