//! A client on the bare connection, without a WebSocket library.

use std::{net::SocketAddr, time::Instant};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{PATIENCE, address_of, auth, handshake, text_frame, within, words::parse};

/// An answer in HTTP, read by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// The headers as they came, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, as far as `content-length` says that there is one.
    pub body: String,
}

impl Told {
    /// The first header of this name (small letters).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A connection without a WebSocket library: it sends what it is told and reads only when it is told to. With a small
/// receive buffer and no reading it is the slow consumer.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    /// Read and not yet used.
    buffer: Vec<u8>,
}

impl Raw {
    /// Connects; `receive_buffer` is the kernel's, in bytes (it takes at least about 2 KiB). None leaves it as it is.
    ///
    /// # Panics
    /// When the server is not there.
    pub async fn connect(base: &str, receive_buffer: Option<u32>) -> Self {
        let address = address_of(base);
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .expect("a socket can be made");
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size).expect("a fresh socket takes options");
        }
        let stream = within(PATIENCE, "a connection", socket.connect(address)).await.expect("the server is there");
        stream.set_nodelay(true).expect("a fresh connection takes options");
        Self { stream, buffer: Vec::new() }
    }

    /// Connects, shakes hands and signs in, all in one write, and reads nothing: not even the answer to the handshake.
    ///
    /// # Panics
    /// When the server is not there.
    pub async fn never_reading(base: &str, token: &str, hostel: &str) -> Self {
        let mut raw = Self::connect(base, Some(2_048)).await;
        let mut bytes = handshake("/ws", &[]).into_bytes();
        bytes.extend(text_frame(&auth(token, hostel, None).to_string()));
        assert!(raw.send(&bytes).await, "the server takes the first message");
        raw
    }

    /// Connects and shakes hands.
    ///
    /// # Panics
    /// When the handshake is refused.
    pub async fn open(base: &str) -> Self {
        let mut raw = Self::connect(base, None).await;
        assert!(raw.send(handshake("/ws", &[]).as_bytes()).await, "the server takes the handshake");
        let answer = raw.answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        raw
    }

    /// Sends bytes; false when the connection no longer takes them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        within(PATIENCE, "room to send", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Sends nothing more, but can still read: half the connection is closed.
    pub async fn end_sending(&mut self) {
        // A connection that is gone has ended its sending.
        let _ = self.stream.shutdown().await;
    }

    /// Reads one answer in HTTP.
    ///
    /// # Panics
    /// When none comes in time, or what comes is no HTTP.
    pub async fn answer(&mut self) -> Told {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "the connection ended before an answer: {}", self.so_far());
        };
        let rest = self.buffer.split_off(end + 4);
        let head = String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest)).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut told = Told { status, headers, body: String::new() };
        let length = told.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.buffer.len() < length {
            assert!(self.more().await, "the connection ended within a body: {}", self.so_far());
        }
        let rest = self.buffer.split_off(length);
        told.body = String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest)).into_owned();
        told
    }

    /// Reads one frame: its first byte and its payload. None when the connection ended.
    ///
    /// # Panics
    /// When none comes in time, or a frame of the server is masked.
    pub async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, payload, used)) = parse(&self.buffer) {
                self.buffer.drain(..used);
                return Some((first, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Waits for the close frame, passing over what is before it: its code (1005 without one) and reason. None when the
    /// connection ended without.
    ///
    /// # Panics
    /// When it stays open.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        while let Some((first, payload)) = self.read_frame().await {
            if first & 0x0f == 8 {
                return Some(match payload.split_first_chunk::<2>() {
                    Some((code, reason)) => (u16::from_be_bytes(*code), String::from_utf8_lossy(reason).into_owned()),
                    None => (1005, String::new()),
                });
            }
        }
        None
    }

    /// Reads and throws away until the connection ends.
    ///
    /// # Panics
    /// When it stays open.
    pub async fn ended(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.more().await {
            self.buffer.clear();
            assert!(Instant::now() < deadline, "the connection stayed open");
        }
    }

    /// Reads what is there; false when the connection ended.
    async fn more(&mut self) -> bool {
        let mut chunk = [0; 4_096];
        match within(PATIENCE, "bytes", self.stream.read(&mut chunk)).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.buffer.extend(chunk.iter().take(read));
                true
            }
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

/// Sends bytes on a connection of their own and reads one answer in HTTP.
///
/// # Panics
/// When the server is not there, or does not answer.
pub async fn ask(base: &str, request: &str) -> Told {
    let mut raw = Raw::connect(base, None).await;
    assert!(raw.send(request.as_bytes()).await, "the server takes the request");
    raw.answer().await
}
