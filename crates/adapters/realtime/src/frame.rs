//! Frames as they go out: header and payload in one piece, made once and shared by every socket they go to. A server's frames
//! are not masked, so the same bytes are good for all of them.

use bytes::{BufMut, Bytes, BytesMut};
use domicile_kernel::{AccountId, Audience, Event, HostelId, Instant};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::ending::Ending;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A ping without a payload.
pub(crate) const PING_FRAME: Bytes = Bytes::from_static(&[PING, 0]);

/// The most bytes a control frame carries.
const CONTROL_BYTES: usize = 125;

fn framed(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(opcode);
    match payload.len() {
        short @ ..=125 => frame.put_u8(short as u8),
        middle @ 126..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(middle as u16);
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}

/// A text frame with a message as JSON.
pub(crate) fn text<T: Serialize>(message: &T) -> Bytes {
    // The messages here are plain structs: they always have a JSON form.
    framed(TEXT, &serde_json::to_vec(message).unwrap_or_default())
}

/// The answer to a ping, with what it carried.
pub(crate) fn pong(payload: &[u8]) -> Bytes {
    framed(PONG, payload.get(..CONTROL_BYTES).unwrap_or(payload))
}

/// A close frame, its reason cut to what a control frame carries.
pub(crate) fn close(ending: &Ending) -> Bytes {
    let mut end = ending.words.len().min(CONTROL_BYTES - 2);
    while !ending.words.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = ending.code.to_be_bytes().to_vec();
    payload.extend_from_slice(ending.words.as_bytes().get(..end).unwrap_or_default());
    framed(CLOSE, &payload)
}

/// The answer to a close frame: the same code, or none.
pub(crate) fn close_back(code: Option<u16>) -> Bytes {
    code.map_or(Bytes::from_static(&[CLOSE, 0]), |code| framed(CLOSE, &code.to_be_bytes()))
}

/// A message of the server that is no event.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ServerMessage<'a> {
    AuthSuccess {
        user_id: AccountId,
        hostel_id: HostelId,
        seq: i64,
        timestamp: Instant,
    },
    Live {
        seq: i64,
    },
    Resync {
        seq: i64,
        message: &'a str,
    },
    Subscribed {
        topic: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
        data: &'a Value,
    },
    Unsubscribed {
        topic: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
    },
    Pong,
    Error {
        code: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        field: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
}

impl ServerMessage<'_> {
    pub(crate) fn frame(&self) -> Bytes {
        text(self)
    }
}

#[derive(Serialize)]
struct EventMessage<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    hostel_id: HostelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<AccountId>,
    data: &'a Value,
    timestamp: Instant,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
}

/// An event, ready to be sent to whoever may see it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Its place in the hostel's log.
    pub(crate) seq: i64,
    /// Who may see it, and what they get; nothing for what is never sent.
    pub(crate) told: Option<(Audience, Bytes)>,
    /// What who watches a room's beds gets.
    pub(crate) beds: Vec<(Uuid, Bytes)>,
}

impl Prepared {
    /// Serialises an event, once. The frame about beds is made only where somebody watches some.
    pub(crate) fn new(hostel: HostelId, event: &Event, with_beds: bool) -> Self {
        let told = match Audience::decode(&event.audience) {
            // It ends sockets and is no news.
            _ if event.kind == SESSION_REVOKED => None,
            None => {
                tracing::error!(event = %event.id, audience = event.audience, "an event for an unknown audience");
                None
            }
            Some(audience) => {
                let message = EventMessage {
                    kind: &event.kind,
                    hostel_id: hostel,
                    user_id: audience.person(),
                    data: &event.data,
                    timestamp: event.at,
                    seq: Some(event.seq),
                };
                Some((audience, text(&message)))
            }
        };
        let beds = if with_beds { beds(hostel, event) } else { Vec::new() };
        Self { seq: event.seq, told, beds }
    }
}

/// The event that ends a session's sockets.
pub(crate) const SESSION_REVOKED: &str = "session.revoked";

/// What a stay's change says of beds, without whose stay or which it is: what it left, `released`, and what it takes now.
fn beds(hostel: HostelId, event: &Event) -> Vec<(Uuid, Bytes)> {
    if !event.kind.starts_with("booking.") {
        return Vec::new();
    }
    let left = event.data.get("previous").and_then(|left| bed(hostel, event, left, Some("released")));
    left.into_iter().chain(bed(hostel, event, &event.data, None)).collect()
}

fn bed(hostel: HostelId, event: &Event, of: &Value, status: Option<&str>) -> Option<(Uuid, Bytes)> {
    let room: Uuid = of.get("room_id")?.as_str()?.parse().ok()?;
    let told = ["room_id", "bed_id", "status", "check_in_date", "check_out_date"];
    let mut data: serde_json::Map<_, _> =
        told.iter().filter_map(|key| Some(((*key).to_owned(), of.get(*key)?.clone()))).collect();
    if let Some(status) = status {
        data.insert("status".to_owned(), status.into());
    }
    let message = EventMessage {
        kind: "room.beds",
        hostel_id: hostel,
        user_id: None,
        data: &data.into(),
        timestamp: event.at,
        seq: Some(event.seq),
    };
    Some((room, text(&message)))
}

/// Somebody came online or went.
pub(crate) fn presence_changed(hostel: HostelId, account: AccountId, online: bool, at: Instant) -> Bytes {
    let data = serde_json::json!({ "user_id": account, "online": online });
    text(&EventMessage {
        kind: "presence.changed",
        hostel_id: hostel,
        user_id: None,
        data: &data,
        timestamp: at,
        seq: None,
    })
}
