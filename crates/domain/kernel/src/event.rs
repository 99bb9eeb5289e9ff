//! What happened, told to the outside. An event is written in the transaction of its change and delivered at least once,
//! in the order of `seq` for one hostel (B4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    id::{AccountId, EventId, HostelId},
    permission::Permission,
    time::Instant,
};

/// Whom an event concerns; decided by the domain that records it, in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the hostel.
    Hostel,
    /// Whoever holds the permission there.
    Permission(Permission),
    /// One person, and whoever holds the permission in the hostel.
    Person(AccountId, Permission),
    /// One person only.
    Account(AccountId),
}

impl Audience {
    /// As it is stored: `hostel`, `permission:<p>`, `person:<id>:<p>`, `account:<id>`.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Hostel => "hostel".to_owned(),
            Self::Permission(permission) => format!("permission:{}", permission.as_str()),
            Self::Person(id, permission) => format!("person:{id}:{}", permission.as_str()),
            Self::Account(id) => format!("account:{id}"),
        }
    }

    /// Reads what [`Audience::encode`] wrote.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let permission = |name: &str| Permission::ALL.iter().copied().find(|p| p.as_str() == name);
        match text.split_once(':') {
            None => (text == "hostel").then_some(Self::Hostel),
            Some(("permission", name)) => permission(name).map(Self::Permission),
            Some(("account", id)) => id.parse().ok().map(Self::Account),
            Some(("person", rest)) => {
                let (id, name) = rest.split_once(':')?;
                Some(Self::Person(id.parse().ok()?, permission(name)?))
            }
            Some(_) => None,
        }
    }

    /// The one person the event is private to, if it is.
    #[must_use]
    pub const fn person(&self) -> Option<AccountId> {
        match self {
            Self::Person(id, _) | Self::Account(id) => Some(*id),
            Self::Hostel | Self::Permission(_) => None,
        }
    }
}

/// An event as a domain records it; the unit of work adds who, when and which request.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// Its id, which never changes again.
    pub id: EventId,
    /// Past tense, as the documents print it: `booking.approved`.
    pub kind: &'static str,
    /// The version of the shape of `data`.
    pub version: u16,
    /// Whom it concerns.
    pub audience: Audience,
    /// What it happened to: `booking`, `room`, …
    pub aggregate: &'static str,
    /// Its id.
    pub aggregate_id: uuid::Uuid,
    /// Its version after the change.
    pub aggregate_version: i64,
    /// When.
    pub at: Instant,
    /// The public view, without personal fields; at most 16 KiB as JSON.
    pub data: Value,
}

/// The most bytes the JSON of an event's `data` may have.
pub const MAX_DATA_BYTES: usize = 16 * 1024;

/// An event of the log, numbered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same id on every delivery.
    pub id: EventId,
    /// Its place among all events of the installation, from 1, without a gap.
    pub position: i64,
    /// Its place among the events of its hostel, from 1, without a gap.
    pub seq: i64,
    /// Past tense, such as `booking.approved`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of the shape of `data`.
    pub version: u16,
    /// The tenant it happened in; none for what concerns the installation.
    pub hostel_id: Option<HostelId>,
    /// Whom it concerns, encoded.
    pub audience: String,
    /// What it happened to.
    pub aggregate: String,
    /// Its id.
    pub aggregate_id: uuid::Uuid,
    /// Its version after the change.
    pub aggregate_version: i64,
    /// Who did it.
    pub actor: String,
    /// When.
    pub at: Instant,
    /// Which request caused it.
    pub request_id: String,
    /// The trace it belongs to.
    pub trace: Option<String>,
    /// The public view.
    pub data: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_survives_storage() {
        let id = AccountId::new(uuid::Uuid::from_u128(7));
        for audience in [
            Audience::Hostel,
            Audience::Permission(Permission::BookingsReadAll),
            Audience::Person(id, Permission::BookingsReadAll),
            Audience::Account(id),
        ] {
            assert_eq!(Audience::decode(&audience.encode()), Some(audience));
        }
        assert_eq!(Audience::decode("everybody"), None);
        assert_eq!(Audience::decode("permission:fly"), None);
    }
}
