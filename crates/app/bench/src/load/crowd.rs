//! Many sockets in one event loop, and the requests that make something happen for them to hear of.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::{Domain, Socket as RawSocket, Type};

use super::{
    answer::Answer,
    frames::{self, Frame},
    wire::Wire,
};

/// How many sockets are let in at the same time: fewer than a server lets wait at its door from one address.
const AT_THE_DOOR: usize = 64;
/// From how many addresses of this machine they come, so that no address runs out of ports.
const ADDRESSES: usize = 200;
/// How long nothing may happen while sockets are let in.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long is waited for more, after everything was triggered and while nothing more is heard.
const LAST_EVENTS: Duration = Duration::from_secs(10);
/// Where the tokens of triggers begin.
const TRIGGERS: usize = 1 << 32;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// `/ws` of the product.
    Domicile,
    /// Engine.IO 4 over a WebSocket.
    SocketIo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Handshake,
    Joining,
    Live,
}

struct Socket {
    stream: TcpStream,
    state: State,
    /// The beginning of a frame whose end has not come yet.
    pending: Vec<u8>,
}

/// The sockets.
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    sockets: Vec<Socket>,
    address: SocketAddr,
    speech: Speech,
    join: Box<dyn Fn(usize) -> String>,
    live: usize,
}

/// Requests at a fixed pace, whether the ones before are answered or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Triggers {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) period: Duration,
    pub(crate) count: usize,
}

/// What is triggered, and what is made of what is heard.
pub(crate) trait Trigger {
    /// Appends the request number `n`; false when it has to wait for an answer first.
    fn request(&mut self, n: usize, out: &mut Vec<u8>) -> bool;
    /// It was due and was sent.
    fn sent(&mut self, n: usize, due: Instant, at: Instant);
    /// It was answered.
    fn answered(&mut self, n: usize, answer: &Answer, at: Instant) -> anyhow::Result<()>;
    /// A socket heard something.
    fn heard(&mut self, socket: usize, payload: &[u8], at: Instant);
    /// Whether everything that is to be heard was heard.
    fn complete(&self) -> bool;
}

impl Crowd {
    /// Nobody yet. `join` is what a socket says of itself, by its number, as JSON.
    pub(crate) fn new(
        address: SocketAddr,
        speech: Speech,
        join: impl Fn(usize) -> String + 'static,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(4_096),
            buffer: vec![0; 256 * 1024],
            sockets: Vec::new(),
            address,
            speech,
            join: Box::new(join),
            live: 0,
        })
    }

    /// Lets sockets in until there are so many; how many a second came.
    pub(crate) fn grow(&mut self, to: usize) -> anyhow::Result<f64> {
        let (begin, before) = (Instant::now(), self.live);
        let mut heard = (Instant::now(), self.live);
        while self.live < to {
            while self.sockets.len() < to && self.sockets.len() - self.live < AT_THE_DOOR {
                self.open()?;
            }
            self.turn(Duration::from_millis(100), &mut |_, _, _| ())?;
            if self.live > heard.1 {
                heard = (Instant::now(), self.live);
            } else if heard.0.elapsed() > PATIENCE {
                bail!("only {} of {to} sockets came in", self.live);
            }
        }
        Ok((self.live - before) as f64 / begin.elapsed().as_secs_f64().max(0.001))
    }

    /// Listens for a while, answering pings.
    pub(crate) fn listen(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.turn(left.min(Duration::from_millis(100)), &mut |_, _, _| ())?;
        }
        Ok(())
    }

    /// Makes things happen at their pace, and listens until all was heard or the last events have had their time.
    pub(crate) fn drive(&mut self, triggers: Triggers, trigger: &mut dyn Trigger) -> anyhow::Result<()> {
        let mut wires = (0..triggers.connections)
            .map(|number| {
                let token = Token(TRIGGERS + number);
                Ok((Wire::connect(triggers.address, self.poll.registry(), token, true)?, 0))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let begin = Instant::now();
        let due = |n: usize| begin + triggers.period.mul_f64(n as f64);
        // When something happened last: a server that is slow is waited for, one that is stuck is not.
        let (mut next, mut last) = (0, Instant::now());
        loop {
            let now = Instant::now();
            'due: while next < triggers.count && due(next) <= now {
                // In turns: a server ends a connection that nobody uses.
                let (later, first) = wires.split_at_mut(next % triggers.connections.max(1));
                let mut in_turn = first.iter_mut().chain(later);
                let Some((wire, number)) = in_turn.find(|(wire, _)| wire.sent.is_none()) else { break };
                let mut possible = true;
                let at = wire.send(|out| possible = trigger.request(next, out))?;
                if !possible {
                    wire.sent = None;
                    break 'due;
                }
                *number = next;
                trigger.sent(next, due(next), at);
                next += 1;
            }
            let answered = wires.iter().all(|(wire, _)| wire.sent.is_none());
            let done = next == triggers.count && answered;
            if done && (trigger.complete() || last.elapsed() > LAST_EVENTS) {
                return Ok(());
            }
            if last.elapsed() > PATIENCE {
                bail!("{next} of {} requests were sent, not all were answered, and nothing happens", triggers.count);
            }
            let wait = if next < triggers.count { due(next).saturating_duration_since(now) } else { LAST_EVENTS };
            let ready = self.turn(wait.min(Duration::from_millis(20)), &mut |socket, payload, at| {
                last = at;
                trigger.heard(socket, payload, at);
            })?;
            for token in ready {
                let Some((wire, number)) = wires.get_mut(token - TRIGGERS) else { continue };
                wire.flush()?;
                if wire.sent.is_some()
                    && let Some((answer, _)) = wire.receive(&mut self.buffer)?
                {
                    last = Instant::now();
                    trigger.answered(*number, &answer, last)?;
                }
            }
        }
    }

    /// A connection from the next of our addresses, on its way.
    fn open(&mut self) -> anyhow::Result<()> {
        let number = self.sockets.len();
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 1, (1 + number % ADDRESSES) as u8));
        let raw = RawSocket::new(Domain::IPV4, Type::STREAM, None).context(
            "no more sockets: this needs `ulimit -n` of the number of sockets and a few hundred more, also for the server",
        )?;
        raw.set_nonblocking(true)?;
        raw.set_tcp_nodelay(true)?;
        raw.bind(&SocketAddr::new(from, 0).into())?;
        match raw.connect(&self.address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error).context("a socket could not connect"),
        }
        let mut stream = TcpStream::from_std(raw.into());
        self.poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        self.sockets.push(Socket { stream, state: State::Connecting, pending: Vec::new() });
        Ok(())
    }

    /// Waits once and takes in what came. The tokens of triggers that something came for are handed back.
    fn turn(&mut self, wait: Duration, heard: &mut dyn FnMut(usize, &[u8], Instant)) -> anyhow::Result<Vec<usize>> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Vec::new()),
            Err(error) => return Err(error).context("the sockets cannot be waited for"),
        }
        let mut triggers = Vec::new();
        for event in &self.events {
            let number = event.token().0;
            if number >= TRIGGERS {
                triggers.push(number);
                continue;
            }
            let Some(socket) = self.sockets.get_mut(number) else { continue };
            if socket.state == State::Connecting && event.is_writable() {
                if let Some(error) = socket.stream.take_error()? {
                    return Err(error).context("a socket could not connect");
                }
                let path = match self.speech {
                    Speech::Domicile => "/ws",
                    Speech::SocketIo => "/socket.io/?EIO=4&transport=websocket",
                };
                let handshake = format!(
                    "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                    self.address
                );
                socket.say(handshake.as_bytes())?;
                socket.state = State::Handshake;
            }
            if event.is_readable() || event.is_read_closed() {
                let was = socket.state;
                socket.take_in(number, self.speech, &*self.join, &mut self.buffer, heard)?;
                if was != State::Live && socket.state == State::Live {
                    self.live += 1;
                }
            }
        }
        Ok(triggers)
    }
}

impl Socket {
    /// Small things only: what the other side always has room for.
    fn say(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let count = self.stream.write(bytes).context("a socket could not be written to")?;
        if count < bytes.len() {
            bail!("a socket took only a part of {} bytes", bytes.len());
        }
        Ok(())
    }

    fn take_in(
        &mut self,
        number: usize,
        speech: Speech,
        join: &dyn Fn(usize) -> String,
        buffer: &mut [u8],
        heard: &mut dyn FnMut(usize, &[u8], Instant),
    ) -> anyhow::Result<()> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => bail!("the server dropped socket {number} without a word, in the state {:?}", self.state),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a socket could not be read"),
            };
            let all = count == buffer.len();
            let bytes = buffer.get(..count).unwrap_or_default();
            if self.pending.is_empty() {
                let used = self.understand(number, speech, join, bytes, heard)?;
                self.pending.extend_from_slice(bytes.get(used..).unwrap_or_default());
            } else {
                let mut whole = std::mem::take(&mut self.pending);
                whole.extend_from_slice(bytes);
                let used = self.understand(number, speech, join, &whole, heard)?;
                if used < whole.len() {
                    whole.drain(..used);
                    self.pending = whole;
                }
            }
            // Less than there was room for is all there is.
            if !all {
                return Ok(());
            }
        }
    }

    /// Reads whole frames; how many bytes they were.
    fn understand(
        &mut self,
        number: usize,
        speech: Speech,
        join: &dyn Fn(usize) -> String,
        bytes: &[u8],
        heard: &mut dyn FnMut(usize, &[u8], Instant),
    ) -> anyhow::Result<usize> {
        let mut at = 0;
        if matches!(self.state, State::Connecting | State::Handshake) {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                bail!("the server refused a socket: {}", String::from_utf8_lossy(bytes));
            }
            at = end + 4;
            self.state = State::Joining;
            if speech == Speech::Domicile {
                self.say(&frames::text(&join(number)))?;
            }
        }
        while let Some((frame, length)) = bytes.get(at..).and_then(frames::first) {
            at += length;
            match frame {
                Frame::Ping(payload) => self.say(&frames::pong(payload))?,
                Frame::Close(code) => {
                    bail!("the server closed socket {number} with {code}, in the state {:?}", self.state)
                }
                Frame::Text(payload) => match (speech, self.state) {
                    (Speech::Domicile, State::Live) => heard(number, payload, Instant::now()),
                    (Speech::SocketIo, State::Live) if payload.starts_with(b"42") => {
                        heard(number, payload, Instant::now());
                    }
                    (Speech::SocketIo, State::Live) if payload.starts_with(b"2") => self.say(&frames::text("3"))?,
                    (Speech::SocketIo, State::Joining) if payload.starts_with(b"0") => {
                        self.say(&frames::text(&format!("40{}", join(number))))?;
                    }
                    (Speech::SocketIo, State::Joining) if payload.starts_with(b"40") => self.state = State::Live,
                    (Speech::Domicile, State::Joining)
                        if memchr::memmem::find(payload, b"\"auth_success\"").is_some() =>
                    {
                        self.state = State::Live;
                    }
                    (_, state) => {
                        bail!("the server said, in the state {state:?}: {}", String::from_utf8_lossy(payload))
                    }
                },
                Frame::Other => {}
            }
        }
        Ok(at)
    }
}
