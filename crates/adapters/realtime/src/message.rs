//! What a client may say: one type, nothing unknown tolerated, so that a misspelt field is told and not ignored.

use domicile_kernel::HostelId;
use serde::Deserialize;
use uuid::Uuid;

use crate::ports::Credential;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// Who they are, where they want to be, and what they saw last.
    Auth(Auth),
    /// They want to hear more.
    Subscribe(Topic),
    /// They do not any more.
    Unsubscribe(Topic),
    /// A sign of life is wanted.
    Ping,
}

/// The first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// What they show.
    pub credential: Credential,
    /// Where they want to be.
    pub hostel: HostelId,
    /// The last `seq` they saw.
    pub resume_from: Option<i64>,
}

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One booking.
    Booking(Uuid),
    /// The beds of one room.
    RoomBeds(Uuid),
    /// Who is online.
    Presence,
}

impl Topic {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Booking(_) => "booking",
            Self::RoomBeds(_) => "room.beds",
            Self::Presence => "presence",
        }
    }

    /// Of what, where it is of something.
    #[must_use]
    pub const fn id(self) -> Option<Uuid> {
        match self {
            Self::Booking(id) | Self::RoomBeds(id) => Some(id),
            Self::Presence => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Wire {
    Auth {
        token: Option<String>,
        ticket: Option<String>,
        #[serde(alias = "society_id")]
        hostel_id: HostelId,
        resume_from: Option<u64>,
    },
    Subscribe {
        topic: TopicName,
        id: Option<Uuid>,
    },
    Unsubscribe {
        topic: TopicName,
        id: Option<Uuid>,
    },
    Ping {},
}

#[derive(Clone, Copy, Deserialize)]
enum TopicName {
    #[serde(rename = "booking")]
    Booking,
    #[serde(rename = "room.beds")]
    RoomBeds,
    #[serde(rename = "presence")]
    Presence,
}

impl ClientMessage {
    /// Reads a message, or says in words what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = serde_json::from_str(text).map_err(|error| explain(&error))?;
        match wire {
            Wire::Auth { token, ticket, hostel_id, resume_from } => {
                let credential = match (token, ticket) {
                    (Some(token), None) => Credential::Token(without_scheme(token)),
                    (None, Some(ticket)) => Credential::Ticket(ticket),
                    _ => return Err("auth takes either a token or a ticket".to_owned()),
                };
                let resume_from = match resume_from.map(i64::try_from) {
                    None => None,
                    Some(Ok(seq)) => Some(seq),
                    Some(Err(_too_large)) => return Err("resume_from is a seq that was seen".to_owned()),
                };
                Ok(Self::Auth(Auth { credential, hostel: hostel_id, resume_from }))
            }
            Wire::Subscribe { topic, id } => topic_of(topic, id).map(Self::Subscribe),
            Wire::Unsubscribe { topic, id } => topic_of(topic, id).map(Self::Unsubscribe),
            Wire::Ping {} => Ok(Self::Ping),
        }
    }
}

fn topic_of(name: TopicName, id: Option<Uuid>) -> Result<Topic, String> {
    match (name, id) {
        (TopicName::Booking, Some(id)) => Ok(Topic::Booking(id)),
        (TopicName::RoomBeds, Some(id)) => Ok(Topic::RoomBeds(id)),
        (TopicName::Presence, None) => Ok(Topic::Presence),
        (TopicName::Presence, Some(_)) => Err("presence takes no id".to_owned()),
        (TopicName::Booking | TopicName::RoomBeds, None) => Err("this topic needs an id".to_owned()),
    }
}

/// `Bearer` in any case may stand before the token.
fn without_scheme(token: String) -> String {
    match token.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim().to_owned(),
        _ => token,
    }
}

/// Never what was sent, which may hold a token: only the kind of mistake and what was expected.
fn explain(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => "The message is not JSON".to_owned(),
        Category::Data => {
            let words = error.to_string();
            let known = ["missing field `type`", "missing field `topic`", "missing field `hostel_id`"];
            match known.iter().find(|known| words.contains(**known)) {
                Some(missing) => format!("The message is not understood: {missing}"),
                None => "The message is not understood: see the documentation of /ws for types and fields".to_owned(),
            }
        }
    }
}
