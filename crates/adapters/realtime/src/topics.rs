//! What a socket asked to hear beside the events: one booking, the beds of one room, who is online.

use std::{collections::HashSet, sync::Arc};

use domicile_kernel::{Call, Code, Permission, Scope};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    entry,
    frame::ServerMessage,
    hub::House,
    message::Topic,
    peer::{Peer, Phase},
    ports::{NotEntered, Refused},
};

/// A socket's subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    pub(crate) bookings: HashSet<Uuid>,
    pub(crate) rooms: HashSet<Uuid>,
    pub(crate) presence: bool,
}

impl Topics {
    fn len(&self) -> usize {
        self.bookings.len() + self.rooms.len() + usize::from(self.presence)
    }

    fn holds(&self, topic: Topic) -> bool {
        match topic {
            Topic::Booking(id) => self.bookings.contains(&id),
            Topic::RoomBeds(id) => self.rooms.contains(&id),
            Topic::Presence => self.presence,
        }
    }
}

/// Answers a subscription. It counts from before the record is read, so that no change falls between the two.
pub(crate) async fn subscribe(house: Arc<House>, peer: Arc<Peer>, topic: Topic) {
    let Some(fresh) = claim(&house, &peer, topic) else { return };
    match snapshot(&house, &peer, topic).await {
        Ok(Some(data)) => {
            let answer = ServerMessage::Subscribed { topic: topic.name(), id: topic.id(), data: &data };
            peer.send(&house.config, answer.frame(), house.millis());
        }
        // The socket is ending.
        Ok(None) => {}
        Err(refused) => {
            if fresh {
                release(&peer, topic);
            }
            let (code, message) = (refused.code(), refused.to_string());
            tell_error(&house, &peer, code, &message, Some("id"));
        }
    }
}

/// Ends a subscription.
pub(crate) fn unsubscribe(house: &House, peer: &Peer, topic: Topic) {
    release(peer, topic);
    let answer = ServerMessage::Unsubscribed { topic: topic.name(), id: topic.id() };
    peer.send(&house.config, answer.frame(), house.millis());
}

/// Forgets everything a socket subscribed to, when it leaves.
pub(crate) fn forget(peer: &Peer) {
    let (topics, member) = {
        let mut state = peer.state();
        (state.topics.take(), state.member.clone())
    };
    if let (Some(topics), Some(member)) = (topics, member) {
        for _ in &topics.rooms {
            member.hall.watch_beds(false);
        }
        if topics.presence {
            member.hall.watch_presence_no_more(peer.id);
        }
    }
}

/// Without the right to see rooms nobody watches their beds.
pub(crate) fn reconsider(peer: &Peer) {
    let mut state = peer.state();
    let Some(member) = state.member.clone() else { return };
    if member.rights.hold(Permission::RoomsRead) {
        return;
    }
    let Some(topics) = &mut state.topics else { return };
    for _ in std::mem::take(&mut topics.rooms) {
        member.hall.watch_beds(false);
    }
}

/// Whether it is new; nothing when it is refused.
fn claim(house: &House, peer: &Arc<Peer>, topic: Topic) -> Option<bool> {
    let mut state = peer.state();
    let member = state.member.clone()?;
    let topics = state.topics.get_or_insert_default();
    if topics.holds(topic) {
        return Some(false);
    }
    if topics.len() >= house.config.subscriptions {
        drop(state);
        let message = format!("At most {} subscriptions on one socket", house.config.subscriptions);
        tell_error(house, peer, Code::InvalidInput, &message, Some("topic"));
        return None;
    }
    match topic {
        Topic::Booking(id) => {
            topics.bookings.insert(id);
        }
        Topic::RoomBeds(id) => {
            topics.rooms.insert(id);
            member.hall.watch_beds(true);
        }
        Topic::Presence => topics.presence = true,
    }
    Some(true)
}

fn release(peer: &Peer, topic: Topic) {
    let mut state = peer.state();
    let Some(member) = state.member.clone() else { return };
    let Some(topics) = &mut state.topics else { return };
    match topic {
        Topic::Booking(id) => {
            topics.bookings.remove(&id);
        }
        Topic::RoomBeds(id) => {
            if topics.rooms.remove(&id) {
                member.hall.watch_beds(false);
            }
        }
        Topic::Presence => {
            if std::mem::take(&mut topics.presence) {
                drop(state);
                member.hall.watch_presence_no_more(peer.id);
            }
        }
    }
}

/// The record as the caller may read it now; nothing when they are no longer in.
async fn snapshot(house: &House, peer: &Arc<Peer>, topic: Topic) -> Result<Option<Value>, Refused> {
    let Some(member) = peer.member() else { return Ok(None) };
    if topic == Topic::Presence {
        let present = house.presence.snapshot(house, &member.hall).await?;
        member.hall.watch_presence(peer, &present);
        return Ok(serde_json::to_value(present).ok());
    }
    // Asked anew: what was true when the socket came in may be no longer.
    let entered = match house.ports.door.again(member.session, member.account, member.hostel()).await {
        Ok(entered) => entered,
        Err(NotEntered::Unavailable) => return Err(Box::new(Busy)),
        Err(refused) => {
            entry::turn_out(house, peer, refused);
            return Ok(None);
        }
    };
    let mut call = Call::new(entered.actor, Scope::Hostel(member.hostel()), peer.request_id.clone());
    call.flags = entered.flags;
    call.ip = Some(peer.ip);
    let found = match topic {
        Topic::Booking(id) => house.ports.views.booking(&call, id).await?,
        Topic::RoomBeds(id) => house.ports.views.room(&call, id).await?,
        Topic::Presence => Value::Null,
    };
    Ok((peer.state().phase != Phase::Ending).then_some(found))
}

/// Tells of a refusal; the socket stays.
pub(crate) fn tell_error(house: &House, peer: &Peer, code: Code, message: &str, field: Option<&str>) {
    let error = ServerMessage::Error { code: code.as_str(), message, field, retry_after: None };
    peer.send(&house.config, error.frame(), house.millis());
}

/// The store does not answer.
#[derive(Debug)]
struct Busy;

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("The service is busy. Please try again in a moment.")
    }
}

impl std::error::Error for Busy {}

impl domicile_kernel::Fault for Busy {
    fn code(&self) -> Code {
        Code::ServiceUnavailable
    }
}
