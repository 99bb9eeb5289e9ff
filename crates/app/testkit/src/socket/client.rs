//! A client that behaves, by a WebSocket library.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
        protocol::WebSocketConfig,
    },
};

use super::{PATIENCE, Told, address_of, within};

/// Read buffers as small as they go: a test may hold thousands of clients.
const BUFFER: usize = 4 * 1024;

/// What came over a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Got {
    /// A message of the protocol.
    Message(Value),
    /// A ping frame; it has been answered.
    Ping,
    /// The server closed it, with code and reason.
    Closed(u16, String),
    /// The connection went away without a close frame.
    Gone,
}

/// A client of `/ws` that keeps to the rules, except where a test asks for something else.
#[derive(Debug)]
pub struct Client {
    stream: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects to `/ws` of a server whose address is written `http://127.0.0.1:port`.
    ///
    /// # Panics
    /// When the handshake is refused.
    pub async fn connect(base: &str) -> Self {
        match Self::try_connect(base, &[]).await {
            Ok(client) => client,
            Err(told) => panic!("the handshake was refused with {}: {}", told.status, told.body),
        }
    }

    /// Connects with further headers, such as `("Origin", "https://app.example.org")`; the refusal when it is refused.
    ///
    /// # Panics
    /// When the server cannot be reached at all.
    pub async fn try_connect(base: &str, headers: &[(&str, &str)]) -> Result<Self, Told> {
        let address = address_of(base);
        let mut request = format!("ws://{address}/ws").into_client_request().expect("an address of a test is sound");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
        }
        let stream = within(PATIENCE, "a connection", TcpStream::connect(address)).await.expect("the server is there");
        stream.set_nodelay(true).expect("a fresh connection takes options");
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
        match within(PATIENCE, "the handshake", client_async_with_config(request, stream, Some(config))).await {
            Ok((stream, _answer)) => Ok(Self { stream }),
            Err(tungstenite::Error::Http(answer)) => Err(Told {
                status: answer.status().as_u16(),
                headers: answer
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into()))
                    .collect(),
                body: String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned(),
            }),
            Err(other) => panic!("the handshake failed: {other}"),
        }
    }

    /// Connects to a server that may be gone, or go in the middle of it; none when there is no socket in the end.
    pub async fn attempt(base: &str) -> Option<Self> {
        let address = address_of(base);
        let request = format!("ws://{address}/ws").into_client_request().expect("an address of a test is sound");
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await.ok()?.ok()?;
        stream.set_nodelay(true).ok()?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
        let (stream, _answer) =
            timeout(PATIENCE, client_async_with_config(request, stream, Some(config))).await.ok()?.ok()?;
        Some(Self { stream })
    }

    /// Connects and signs in: the usual beginning.
    ///
    /// # Panics
    /// When either is refused.
    pub async fn enter(base: &str, token: &str, hostel: &str) -> Self {
        let mut client = Self::connect(base).await;
        client.auth(token, hostel, None).await;
        client
    }

    /// Signs in with an access token, optionally from a place in the log on; answers `auth_success`.
    ///
    /// # Panics
    /// When anything else comes.
    pub async fn auth(&mut self, token: &str, hostel: &str, resume_from: Option<i64>) -> Value {
        self.send(&auth(token, hostel, resume_from)).await;
        let answer = self.message().await;
        assert_eq!(kind(&answer), "auth_success", "{answer}");
        answer
    }

    /// Sends a message of the protocol.
    ///
    /// # Panics
    /// When the connection no longer takes it.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    /// Sends any text in one frame.
    ///
    /// # Panics
    /// When the connection no longer takes it.
    pub async fn send_text(&mut self, text: &str) {
        let sent = within(PATIENCE, "room to send", self.stream.send(Message::text(text))).await;
        sent.expect("the connection takes a message");
    }

    /// Sends bytes past the protocol's framing, such as what [`frame`] makes; false when the connection no longer takes
    /// them, as happens when the server has closed it already.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> bool {
        within(PATIENCE, "room to send", self.stream.get_mut().write_all(bytes)).await.is_ok()
    }

    /// Subscribes to a topic (`booking`, `room.beds` with an id, `presence` without); answers what came back, which is
    /// `subscribed` or `error`. Events that come between are lost: subscribe before causing any.
    ///
    /// # Panics
    /// When nothing comes back in time.
    pub async fn subscribe(&mut self, topic: &str, id: Option<&str>) -> Value {
        self.topic("subscribe", topic, id).await;
        self.until(|message| kind(message) == "subscribed" || kind(message) == "error").await.pop().unwrap_or_default()
    }

    /// Gives a topic back; answers what came back.
    ///
    /// # Panics
    /// When nothing comes back in time.
    pub async fn unsubscribe(&mut self, topic: &str, id: Option<&str>) -> Value {
        self.topic("unsubscribe", topic, id).await;
        self.until(|message| kind(message) == "unsubscribed" || kind(message) == "error")
            .await
            .pop()
            .unwrap_or_default()
    }

    async fn topic(&mut self, word: &str, topic: &str, id: Option<&str>) {
        let mut message = json!({ "type": word, "topic": topic });
        if let (Some(fields), Some(id)) = (message.as_object_mut(), id) {
            fields.insert("id".to_owned(), id.into());
        }
        self.send(&message).await;
    }

    /// What comes next within a time; nothing when nothing does. Pings are answered and told like anything else.
    pub async fn within(&mut self, patience: Duration) -> Option<Got> {
        let Ok(next) = timeout(patience, self.stream.next()).await else { return None };
        Some(match next {
            None => Got::Gone,
            Some(Ok(Message::Text(text))) => {
                Got::Message(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
            }
            Some(Ok(Message::Close(frame))) => {
                // The answer to the close frame is still to be sent; the server may be gone already.
                let _ = timeout(PATIENCE, self.stream.flush()).await;
                match frame {
                    Some(frame) => Got::Closed(frame.code.into(), frame.reason.to_string()),
                    None => Got::Closed(1005, String::new()),
                }
            }
            Some(Ok(Message::Ping(_))) => {
                let _ = timeout(PATIENCE, self.stream.flush()).await;
                Got::Ping
            }
            Some(Ok(other)) => panic!("the server sent {other:?}"),
            Some(Err(
                tungstenite::Error::ConnectionClosed
                | tungstenite::Error::AlreadyClosed
                | tungstenite::Error::Io(_)
                | tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake),
            )) => Got::Gone,
            Some(Err(error)) => panic!("the server broke the protocol: {error}"),
        })
    }

    /// What comes next, pings aside.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn next(&mut self) -> Got {
        self.next_by(Instant::now() + PATIENCE).await
    }

    async fn next_by(&mut self, deadline: Instant) -> Got {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.within(left).await {
                Some(Got::Ping) => {}
                Some(got) => return got,
                None => panic!("nothing came over the socket in time"),
            }
        }
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes in time, or the socket ends.
    pub async fn message(&mut self) -> Value {
        self.message_by(Instant::now() + PATIENCE).await
    }

    async fn message_by(&mut self, deadline: Instant) -> Value {
        match self.next_by(deadline).await {
            Got::Message(message) => message,
            other => panic!("a message was expected, and this came: {other:?}"),
        }
    }

    /// Messages up to and including the first that fits.
    ///
    /// # Panics
    /// When none fits in time, or the socket ends; what came is shown.
    pub async fn until(&mut self, fits: impl FnMut(&Value) -> bool) -> Vec<Value> {
        self.until_in(PATIENCE, fits).await
    }

    /// The same with another patience, for the whole of it.
    ///
    /// # Panics
    /// When none fits in time, or the socket ends; what came is shown.
    pub async fn until_in(&mut self, patience: Duration, mut fits: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + patience;
        let mut came: Vec<Value> = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.within(left).await {
                Some(Got::Message(message)) => {
                    let found = fits(&message);
                    came.push(message);
                    if found {
                        return came;
                    }
                }
                Some(Got::Ping) => {}
                Some(end) => panic!("the socket ended with {end:?} after {}", told(&came)),
                None => panic!("what was waited for did not come; this came: {}", told(&came)),
            }
        }
    }

    /// The next message of a type, such as `booking.approved`; others before it are passed over.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn of_type(&mut self, name: &str) -> Value {
        self.until(|message| kind(message) == name).await.pop().unwrap_or_default()
    }

    /// A ping of the protocol (a message, no frame) and everything that comes before its answer. What the server put
    /// into this socket's queue before it read the ping is in it, so an empty answer means that nothing was queued.
    ///
    /// # Panics
    /// When the answer does not come in time.
    pub async fn drain(&mut self) -> Vec<Value> {
        self.send(&json!({ "type": "ping" })).await;
        let mut came = self.until(|message| kind(message) == "pong").await;
        came.pop();
        came
    }

    /// Waits for the end: code and reason of the close frame. Messages before it are passed over.
    ///
    /// # Panics
    /// When the socket stays open, or ends without a close frame.
    pub async fn closed(&mut self) -> (u16, String) {
        self.closed_in(PATIENCE).await
    }

    /// The same with another patience.
    ///
    /// # Panics
    /// When the socket stays open for so long, or ends without a close frame.
    pub async fn closed_in(&mut self, patience: Duration) -> (u16, String) {
        let deadline = Instant::now() + patience;
        let mut last = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.within(left).await {
                Some(Got::Closed(code, reason)) => return (code, reason),
                Some(Got::Message(message)) => last = Some(message),
                Some(Got::Ping) => {}
                Some(Got::Gone) => panic!("the connection went away without a close frame, after {last:?}"),
                None => panic!("the socket stayed open; the last message was {last:?}"),
            }
        }
    }

    /// Closes in order, as a browser does that leaves the page, and waits for the server's side.
    pub async fn leave(mut self) {
        // A server that is gone already has closed too.
        let _ = timeout(PATIENCE, self.stream.close(None)).await;
        while let Ok(Some(Ok(_message))) = timeout(PATIENCE, self.stream.next()).await {}
    }

    /// Ends the connection without a word, as a phone does that loses its network: the kernel sends a reset.
    pub fn vanish(self) {
        // What is still to be sent is thrown away, which makes the end a reset.
        let _ = self.stream.get_ref().set_zero_linger();
    }
}

/// What a message says that it is.
#[must_use]
pub fn kind(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn told(came: &[Value]) -> String {
    let lines: Vec<String> = came.iter().rev().take(20).rev().map(Value::to_string).collect();
    format!("{} messages, the last of them [{}]", came.len(), lines.join(", "))
}

/// The first message of a socket.
#[must_use]
pub fn auth(token: &str, hostel: &str, resume_from: Option<i64>) -> Value {
    let mut message = json!({ "type": "auth", "token": format!("Bearer {token}"), "hostel_id": hostel });
    if let (Some(fields), Some(seq)) = (message.as_object_mut(), resume_from) {
        fields.insert("resume_from".to_owned(), seq.into());
    }
    message
}
