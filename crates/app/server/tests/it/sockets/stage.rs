//! A hub that the test plays: every connection that becomes a socket is handed to it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use domicile_http::ports::{Crowded, Newcomer, Sockets};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, sync::mpsc, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where connections arrive.
pub(crate) struct Stage {
    door: mpsc::UnboundedReceiver<Newcomer>,
}

struct Door(Mutex<mpsc::UnboundedSender<Newcomer>>);

impl Sockets for Door {
    fn room_for(&self, _ip: IpAddr) -> Result<(), Crowded> {
        Ok(())
    }

    fn welcome(&self, newcomer: Newcomer) {
        // A test that is over welcomes nobody.
        let _ = self.0.lock().unwrap().send(newcomer);
    }
}

impl Stage {
    pub(crate) fn new() -> (Self, Arc<dyn Sockets>) {
        let (sender, door) = mpsc::unbounded_channel();
        (Self { door }, Arc::new(Door(Mutex::new(sender))))
    }

    /// The next connection, as it came.
    pub(crate) async fn newcomer(&mut self) -> Newcomer {
        timeout(PATIENCE, self.door.recv()).await.expect("somebody connects in time").unwrap()
    }

    /// The next connection, as a socket.
    pub(crate) async fn next(&mut self) -> Guest {
        let newcomer = self.newcomer().await;
        let stream = TcpStream::from_std(newcomer.stream).unwrap();
        let early = newcomer.early.to_vec();
        Guest { socket: WebSocketStream::from_partially_read(stream, early, Role::Server, None).await }
    }
}

/// The server's side of one socket.
pub(crate) struct Guest {
    socket: WebSocketStream<TcpStream>,
}

impl Guest {
    pub(crate) async fn hears(&mut self) -> Value {
        loop {
            let next = timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match next.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn says(&mut self, message: Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(crate) async fn closes(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.socket.close(Some(frame)).await.unwrap();
        while let Ok(Some(Ok(_answer))) = timeout(PATIENCE, self.socket.next()).await {}
    }

    /// Ends without a word, as a process does that is killed.
    pub(crate) fn dies(self) {
        drop(self.socket);
    }
}
