//! `domicile listen`: what happens in a hostel, in a terminal, as it happens. A client like any other: it signs in over
//! HTTP, opens a socket, and comes back by itself from where it was when the connection or the server goes away.
//!
//! It speaks plain HTTP and WebSocket: to a server that only answers by TLS, talk from beside it, past the proxy.

mod line;
mod login;

use std::{io::Write as _, time::Duration};

use anyhow::{Context, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Message, client::IntoClientRequest as _, protocol::WebSocketConfig},
};

use crate::cli::Listen;
use login::{Login, Server};

/// The server sends a ping every 25 seconds: after three of them unheard it is not there any more.
const SILENCE: Duration = Duration::from_secs(80);
/// How long connecting, shaking hands and signing in may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pauses between attempts: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(15);

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// Try again: the network, a restart, a token whose time is over.
    Again(String),
    /// There is no point in trying again.
    Never(String),
    /// Nobody reads any more what is printed.
    Unread,
}

/// What to listen to, and how far that has come.
struct Listening {
    server: Server,
    login: Login,
    hostel: String,
    topics: Vec<(String, Option<String>)>,
    as_json: bool,
    /// The number of the last event that was printed, or that the socket started after.
    seq: Option<i64>,
    /// Whether the present connection has signed in once: later answers only prolong it.
    joined: bool,
    pause: Duration,
}

/// Prints events until Ctrl-C, which is the orderly end.
pub async fn listen(flags: Listen) -> anyhow::Result<()> {
    let topics = flags.topic.iter().map(|text| topic(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let (server, login, hostel) = login::resolve(&flags).await?;
    let (as_json, seq) = (flags.json, flags.resume_from);
    let mut listening = Listening { server, login, hostel, topics, as_json, seq, joined: false, pause: FIRST_PAUSE };
    tokio::select! {
        ended = listening.keep_on() => ended,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C could not be waited for")?;
            if let Some(seq) = listening.seq {
                notice(&format!("stopped; --resume-from {seq} goes on from here"));
            }
            Ok(())
        }
    }
}

/// `presence`, `booking:<id>` or `room.beds:<id>`.
fn topic(text: &str) -> anyhow::Result<(String, Option<String>)> {
    let (name, id) = match text.split_once(':') {
        Some((name, id)) => (name, Some(id)),
        None => (text, None),
    };
    match (name, id) {
        ("presence", None) => Ok((name.to_owned(), None)),
        ("booking" | "room.beds", Some(id)) => {
            let id: uuid::Uuid = id.parse().with_context(|| format!("{id} is no id"))?;
            Ok((name.to_owned(), Some(id.to_string())))
        }
        _ => bail!("{text} is no topic; there are presence, booking:<id> and room.beds:<id>"),
    }
}

/// Tells the person at the terminal something that is no event. On the other stream, so that pipes carry events only.
fn notice(text: &str) {
    // Whoever closed it does not want to know.
    let _ = writeln!(std::io::stderr().lock(), "-- {}", line::plain(text));
}

impl Listening {
    async fn keep_on(&mut self) -> anyhow::Result<()> {
        loop {
            match self.once().await {
                End::Unread => return Ok(()),
                End::Never(why) => bail!(line::plain(&why)),
                End::Again(why) => notice(&format!("{why}; again in {:.1} s", self.pause.as_secs_f64())),
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LAST_PAUSE);
        }
    }

    /// One connection, from the handshake to its end.
    async fn once(&mut self) -> End {
        self.joined = false;
        if let Err(end) = self.login.freshen(&self.server).await {
            return end;
        }
        let mut socket = match timeout(PATIENCE, self.connect()).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(end)) => return end,
            Err(_elapsed) => return End::Again(format!("{} does not answer", self.server.base)),
        };
        if let Err(error) = self.sign_in(&mut socket, self.seq).await {
            return lost(&error);
        }
        loop {
            let renewal = self.login.renew_at();
            let renew = async {
                match renewal {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let next = tokio::select! {
                next = timeout(SILENCE, socket.next()) => next,
                () = renew => {
                    // A newer token on the open socket prolongs it.
                    if let Err(end) = self.login.freshen(&self.server).await {
                        return end;
                    }
                    if let Err(error) = self.sign_in(&mut socket, None).await {
                        return lost(&error);
                    }
                    continue;
                }
            };
            let told = match next {
                Err(_elapsed) => End::Again("nothing was heard for too long".to_owned()),
                Ok(None) => End::Again("the connection is gone".to_owned()),
                Ok(Some(Err(error))) => lost(&error),
                Ok(Some(Ok(Message::Close(frame)))) => match frame {
                    Some(frame) => self.closed(frame.code.into(), &frame.reason),
                    None => End::Again("the server closed the socket".to_owned()),
                },
                Ok(Some(Ok(Message::Text(text)))) => match self.heard(&mut socket, &text).await {
                    Some(end) => end,
                    None => continue,
                },
                Ok(Some(Ok(_ping_or_pong))) => continue,
            };
            return told;
        }
    }

    async fn connect(&self) -> Result<WebSocketStream<TcpStream>, End> {
        let there = |error: &dyn std::fmt::Display| End::Again(format!("{} is not there ({error})", self.server.base));
        let stream = TcpStream::connect(&self.server.authority).await.map_err(|error| there(&error))?;
        let request = format!("ws://{}/ws", self.server.authority)
            .into_client_request()
            .map_err(|error| End::Never(format!("{} is no address ({error})", self.server.base)))?;
        let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
        match client_async_with_config(request, stream, Some(config)).await {
            Ok((socket, _answer)) => Ok(socket),
            Err(tungstenite::Error::Http(answer)) => {
                let status = answer.status();
                let told = format!("the server opens no socket ({status})");
                Err(match status.as_u16() {
                    429 | 500..=599 => End::Again(told),
                    _ => End::Never(told),
                })
            }
            Err(error) => Err(there(&error)),
        }
    }

    async fn sign_in(
        &self,
        socket: &mut WebSocketStream<TcpStream>,
        resume_from: Option<i64>,
    ) -> tungstenite::Result<()> {
        let mut message = json!({ "type": "auth", "token": self.login.token(), "hostel_id": self.hostel });
        if let (Some(fields), Some(seq)) = (message.as_object_mut(), resume_from) {
            fields.insert("resume_from".to_owned(), seq.into());
        }
        socket.send(Message::text(message.to_string())).await
    }

    /// What a message means; an end only when nothing can be printed any more, or the connection is gone.
    async fn heard(&mut self, socket: &mut WebSocketStream<TcpStream>, text: &str) -> Option<End> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return Some(End::Never("the server sent what is no JSON".to_owned()));
        };
        let seq = message.get("seq").and_then(Value::as_i64);
        match message.get("type").and_then(Value::as_str).unwrap_or_default() {
            "auth_success" => {
                if std::mem::replace(&mut self.joined, true) {
                    return None;
                }
                self.pause = FIRST_PAUSE;
                self.seq = self.seq.or(seq);
                let from = self.seq.unwrap_or_default();
                notice(&format!("listening to {} at {}, after event {from}", self.hostel, self.server.base));
                for (topic, id) in &self.topics {
                    let mut wish = json!({ "type": "subscribe", "topic": topic });
                    if let (Some(fields), Some(id)) = (wish.as_object_mut(), id) {
                        fields.insert("id".to_owned(), id.clone().into());
                    }
                    if let Err(error) = socket.send(Message::text(wish.to_string())).await {
                        return Some(lost(&error));
                    }
                }
                return None;
            }
            "live" => {
                notice("caught up; live from here");
                self.seq = seq.or(self.seq);
                return None;
            }
            "resync" => {
                notice(
                    "the log no longer reaches back so far: some events are missing here; what stands is in the API",
                );
                self.seq = seq.or(self.seq);
                return None;
            }
            "pong" => return None,
            "error" => {
                let told = |name: &str| line::plain(message.get(name).and_then(Value::as_str).unwrap_or_default());
                notice(&format!("{}: {}", told("code"), told("message")));
                return None;
            }
            _ => {}
        }
        let shown = if self.as_json { line::plain(text) } else { line::of(&message) };
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{shown}").and_then(|()| out.flush()).is_err() {
            return Some(End::Unread);
        }
        self.seq = self.seq.max(seq);
        None
    }

    /// What a close code means for whoever wants to go on.
    fn closed(&mut self, code: u16, reason: &str) -> End {
        let reason = line::plain(reason);
        let told = if reason.is_empty() { format!("closed ({code})") } else { format!("closed ({code}): {reason}") };
        match code {
            // The token: a session that goes on has another.
            4401 if self.login.worn_out() => End::Again(told),
            4400 | 4401 | 4403 => End::Never(told),
            _ => End::Again(told),
        }
    }
}

fn lost(error: &tungstenite::Error) -> End {
    End::Again(format!("the connection is gone ({error})"))
}

/// When to do something that is due a while before a time is over.
fn before(lives: Duration) -> Instant {
    Instant::now() + lives.mul_f64(0.8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_names_what_it_is_about() {
        let id = "0190f5a0-0000-7000-8000-000000000001";
        assert_eq!(topic("presence").unwrap(), ("presence".to_owned(), None));
        assert_eq!(topic(&format!("room.beds:{id}")).unwrap(), ("room.beds".to_owned(), Some(id.to_owned())));
        for bad in ["presence:1", "booking", "booking:x", "rooms:1", ""] {
            assert!(topic(bad).is_err(), "{bad}");
        }
    }
}
