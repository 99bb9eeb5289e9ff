//! The task of one socket: sends what waits, reads what comes, does what was asked. Written as a future by hand, so that an
//! idle socket is a few words of memory: what is rare, letting in and subscribing, is boxed while it lasts.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io;

use crate::{
    ending::Ending,
    entry,
    frame::{self, ServerMessage},
    hub::House,
    message::ClientMessage,
    peer::{Peer, Phase, Sent},
    reader::{Incoming, Reader},
    topics,
};

type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One socket's task.
pub(crate) struct Session {
    house: Arc<House>,
    peer: Arc<Peer>,
    reader: Reader,
    /// What was asked and is not done; nothing is read meanwhile.
    doing: Option<Doing>,
}

/// Whether the socket goes on.
enum Turn {
    On,
    Over,
}

impl Session {
    pub(crate) fn new(house: Arc<House>, peer: Arc<Peer>, early: &Bytes) -> Self {
        Self { house, peer, reader: Reader::with(early), doing: None }
    }

    /// Acts on everything that has come in, until there is something to wait for.
    fn hear(&mut self) -> Result<Turn, Ending> {
        while self.doing.is_none() {
            let phase = self.peer.state().phase;
            if phase == Phase::Ending {
                return Ok(self.hear_out());
            }
            let config = &self.house.config;
            let most = if phase == Phase::Stranger { config.first_message_bytes } else { config.message_bytes };
            let Some(incoming) = self.reader.next(most)? else { return Ok(Turn::On) };
            if let Incoming::Close(code) = incoming {
                self.peer.answer_close(code, self.house.millis());
                return Ok(Turn::On);
            }
            let awaited = std::mem::take(&mut self.peer.state().unanswered) > 0;
            // A pong that nobody asked for costs as much as a message.
            let counts = match &incoming {
                Incoming::Text(_) | Incoming::Ping(_) => true,
                Incoming::Pong => !awaited,
                Incoming::Piece | Incoming::Close(_) => false,
            };
            if counts && !self.may_speak()? {
                continue;
            }
            match incoming {
                Incoming::Text(text) => self.act(phase, &text)?,
                Incoming::Ping(payload) => self.peer.send(config, frame::pong(&payload), self.house.millis()),
                Incoming::Pong | Incoming::Piece | Incoming::Close(_) => {}
            }
        }
        Ok(Turn::On)
    }

    /// While it is ending only their close frame is of interest.
    fn hear_out(&mut self) -> Turn {
        loop {
            match self.reader.next(self.house.config.message_bytes) {
                Ok(Some(Incoming::Close(_))) => return Turn::Over,
                Ok(Some(_)) => {}
                Ok(None) => return Turn::On,
                // Their frames cannot be told apart any more: what comes is only drained.
                Err(_) => {
                    self.reader.forget();
                    return Turn::On;
                }
            }
        }
    }

    fn act(&mut self, phase: Phase, text: &str) -> Result<(), Ending> {
        let message = ClientMessage::parse(text).map_err(Ending::bad_message)?;
        let (house, peer) = (Arc::clone(&self.house), Arc::clone(&self.peer));
        match (phase, message) {
            (Phase::Stranger, ClientMessage::Auth(auth)) => {
                peer.state().phase = Phase::AtTheDoor;
                self.doing = Some(Box::pin(entry::enter(house, peer, auth)));
            }
            (Phase::Stranger, _) => return Err(Ending::NOT_YET),
            (_, ClientMessage::Auth(auth)) => self.doing = Some(Box::pin(entry::prolong(house, peer, auth))),
            (_, ClientMessage::Subscribe(topic)) => {
                self.doing = Some(Box::pin(topics::subscribe(house, peer, topic)));
            }
            (_, ClientMessage::Unsubscribe(topic)) => topics::unsubscribe(&house, &peer, topic),
            (_, ClientMessage::Ping) => peer.send(&house.config, ServerMessage::Pong.frame(), house.millis()),
        }
        Ok(())
    }

    /// Counts a message. Over the bound it is ignored, which is told; whoever goes on nevertheless is ended.
    fn may_speak(&self) -> Result<bool, Ending> {
        let config = &self.house.config;
        let now = self.house.millis();
        let (counted, left) = {
            let mut state = self.peer.state();
            let window = config.message_window.as_millis() as u64;
            if now.saturating_sub(state.window) >= window {
                (state.window, state.counted) = (now, 0);
            }
            state.counted += 1;
            (state.counted, (state.window + window).saturating_sub(now))
        };
        if counted <= config.messages {
            return Ok(true);
        }
        if counted > config.messages.saturating_add(config.ignored_messages) {
            return Err(Ending::FLOOD);
        }
        let error = ServerMessage::Error {
            code: domicile_kernel::Code::RateLimitExceeded.as_str(),
            message: "Too many messages: this one was ignored",
            field: None,
            retry_after: Some(left.div_ceil(1000).max(1)),
        };
        self.peer.send(config, error.frame(), now);
        Ok(false)
    }

    /// One turn; what it waits for has its waker when it says so.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.peer.listen(cx);
            let done = match self.doing.as_mut().map(|doing| doing.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => {
                    self.doing = None;
                    true
                }
                Some(Poll::Pending) => false,
                None => true,
            };
            let sent = self.peer.poll_flush(cx, self.house.millis());
            if self.peer.is_over() || sent == Sent::Broken {
                return Poll::Ready(());
            }
            let phase = self.peer.state().phase;
            if phase == Phase::Ending {
                // Nobody waits for what was asked any more.
                self.doing = None;
            } else if !done {
                // What went out may have made room for what is being done.
                if sent == Sent::All {
                    continue;
                }
                return Poll::Pending;
            }
            match self.hear() {
                Ok(Turn::On) => {}
                Ok(Turn::Over) => return Poll::Ready(()),
                Err(ending) => {
                    tracing::debug!(request_id = %self.peer.request_id, code = ending.code, words = %ending.words, "a socket is ended");
                    self.peer.end(&self.house.config, &ending, self.house.millis());
                    self.reader.forget();
                }
            }
            if self.doing.is_some() {
                continue;
            }
            let state = self.peer.state();
            // They asked to end it, and have the answer.
            if state.phase == Phase::Ending && !state.waits() && state.until <= self.house.millis() {
                return Poll::Ready(());
            }
            let waits = state.waits();
            drop(state);
            match self.peer.stream.poll_read_ready(cx) {
                Poll::Pending => {
                    self.reader.rest();
                    // What was queued in this turn has no waker yet.
                    if waits && sent != Sent::Blocked {
                        continue;
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) => match self.reader.fill(&self.peer.stream) {
                    Ok(0) => return Poll::Ready(()),
                    Ok(_) => {}
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                    Err(_) => return Poll::Ready(()),
                },
            }
        }
    }
}

impl Future for Session {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turn(cx)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.doing = None;
        self.house.leave(&self.peer);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_task_of_an_idle_socket_is_small() {
        let bytes = size_of::<super::Session>();
        assert!(bytes <= 160, "{bytes} bytes");
        let bytes = size_of::<crate::peer::Peer>();
        assert!(bytes <= 512, "{bytes} bytes");
    }
}
