//! Letting a socket in, and giving it what it missed: from the log, page by page, until there is nothing behind its cursor
//! that was told already; then it is live. What was told before it was live it has from the log, what is told after it gets
//! as it happens: no gap. Whatever is not behind its cursor is not sent again: no duplicate.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use domicile_kernel::{Event, StoreError};

use crate::{
    Rights,
    ending::Ending,
    frame::{Prepared, ServerMessage},
    hall::Hall,
    hub::House,
    message::Auth,
    peer::{Member, Peer, Phase},
    ports::{Entered, NotEntered},
    topics,
};

/// How often the log is read in vain for what was told already before it is given up.
const VAIN: u32 = 20;

/// Looks at a credential and lets the socket in.
pub(crate) async fn enter(house: Arc<House>, peer: Arc<Peer>, auth: Auth) {
    let patience = house.config.door_patience;
    // Before the follower knows from where on it tells events, nobody can be promised all of them.
    let mut following = house.following.subscribe();
    if !matches!(tokio::time::timeout(patience, following.wait_for(|following| *following)).await, Ok(Ok(_))) {
        return end(&house, &peer, &Ending::LATER);
    }
    let doubts = house.doubts.load(Ordering::SeqCst);
    let asked = house.ports.door.enter(auth.credential, auth.hostel, peer.ip, &peer.request_id);
    let entered = match tokio::time::timeout(patience, asked).await {
        Ok(Ok(entered)) => entered,
        Ok(Err(refused)) => return turn_out(&house, &peer, refused),
        Err(_elapsed) => return end(&house, &peer, &Ending::LATER),
    };
    if house.ports.clock.now() >= entered.expires_at {
        return end(&house, &peer, &Ending::EXPIRED);
    }
    if !house.roll.add(&peer, entered.account, entered.session, house.config.sockets_per_account) {
        return end(&house, &peer, &Ending::TOO_MANY);
    }
    let hall = house.hall(entered.hostel);
    let (account, session) = (entered.account, entered.session);
    let became = {
        let mut state = peer.state();
        // From here on it is found when its session ends.
        let ending = state.phase == Phase::Ending;
        if !ending {
            state.member = Some(Member {
                hall: Arc::clone(&hall),
                account,
                session,
                rights: Rights::of(account, &entered.actor),
                expires_at: entered.expires_at,
            });
            state.phase = Phase::CatchingUp;
        }
        !ending
    };
    if !became {
        return house.roll.remove(peer.id, account, session);
    }
    house.strangers.leave(peer.ip);
    house.presence.arrived(&hall, account, house.ports.clock.now());
    // Whoever's standing changed while the door was asked was not found then.
    if house.doubts.load(Ordering::SeqCst) != doubts {
        house.doubt(&peer);
    }
    if let Err(error) = catch_up(&house, &peer, &hall, auth.resume_from).await {
        tracing::warn!(request_id = %peer.request_id, error = &error as &dyn std::error::Error, "missed events cannot be read");
        end(&house, &peer, &Ending::LATER);
    }
}

/// A later `auth`: the same person in the same hostel with a newer credential.
pub(crate) async fn prolong(house: Arc<House>, peer: Arc<Peer>, auth: Auth) {
    let Some(member) = peer.member() else { return };
    if auth.hostel != member.hostel() {
        return end(&house, &peer, &Ending::ANOTHER);
    }
    let doubts = house.doubts.load(Ordering::SeqCst);
    let asked = house.ports.door.enter(auth.credential, auth.hostel, peer.ip, &peer.request_id);
    let entered = match tokio::time::timeout(house.config.door_patience, asked).await {
        Ok(Ok(entered)) => entered,
        Ok(Err(refused)) => return turn_out(&house, &peer, refused),
        Err(_elapsed) => return end(&house, &peer, &Ending::LATER),
    };
    if entered.account != member.account {
        return end(&house, &peer, &Ending::ANOTHER);
    }
    let cursor = {
        let mut state = peer.state();
        let Some(now) = &mut state.member else { return };
        now.rights = Rights::of(entered.account, &entered.actor);
        now.expires_at = entered.expires_at;
        now.session = entered.session;
        state.cursor
    };
    if entered.session != member.session {
        house.roll.change_session(&peer, member.session, entered.session);
    }
    if house.doubts.load(Ordering::SeqCst) != doubts {
        house.doubt(&peer);
    }
    topics::reconsider(&peer);
    let words = success(&house, &entered, cursor);
    peer.send(&house.config, words, house.millis());
}

/// Ends the socket of somebody who is not, or no longer, let in.
pub(crate) fn turn_out(house: &House, peer: &Peer, refused: NotEntered) {
    let ending = match refused {
        NotEntered::BadCredential(_, words) => Ending::bad_credential(words),
        NotEntered::NotAMember => Ending::NOT_A_MEMBER,
        NotEntered::Unavailable => Ending::LATER,
    };
    end(house, peer, &ending);
}

fn end(house: &House, peer: &Peer, ending: &Ending) {
    tracing::debug!(request_id = %peer.request_id, code = ending.code, words = %ending.words, "a socket is not let in");
    peer.end(&house.config, ending, house.millis());
}

fn success(house: &House, entered: &Entered, seq: i64) -> Bytes {
    let words = ServerMessage::AuthSuccess {
        user_id: entered.account,
        hostel_id: entered.hostel,
        seq,
        timestamp: house.ports.clock.now(),
    };
    words.frame()
}

fn welcome(house: &House, member: &Member, seq: i64) -> Bytes {
    let words = ServerMessage::AuthSuccess {
        user_id: member.account,
        hostel_id: member.hostel(),
        seq,
        timestamp: house.ports.clock.now(),
    };
    words.frame()
}

async fn catch_up(
    house: &House,
    peer: &Arc<Peer>,
    hall: &Arc<Hall>,
    resume_from: Option<i64>,
) -> Result<(), StoreError> {
    let Some(member) = peer.member() else { return Ok(()) };
    let log = &house.ports.log;
    let Some(from) = resume_from else {
        if hall.join_now(peer, |head| welcome(house, &member, head)) {
            return Ok(());
        }
        // Nothing was told here since the start: only the log knows the head.
        let head = {
            let _turn = house.replays.acquire().await;
            log.reach(hall.hostel).await?.head
        };
        peer.say(welcome(house, &member, head));
        return follow(house, peer, hall, head, false).await;
    };
    peer.say(welcome(house, &member, from));
    if hall.head() == Some(from) && hall.join(peer, from, Some(live(from))) {
        return Ok(());
    }
    follow(house, peer, hall, from, true).await
}

fn live(seq: i64) -> Bytes {
    ServerMessage::Live { seq }.frame()
}

/// Reads the log from a cursor on until the socket is live. Whoever resumes is told when that is, and when the log does not
/// reach back to them.
async fn follow(house: &House, peer: &Arc<Peer>, hall: &Arc<Hall>, from: i64, resumes: bool) -> Result<(), StoreError> {
    let log = &house.ports.log;
    let most = house.config.replay_page;
    let mut cursor = from;
    let mut vain = 0;
    // Whoever does not resume has just read the head; nobody needs to read behind it unless something was told since.
    let mut read_first = resumes;
    loop {
        if !read_first {
            let words = resumes.then(|| live(cursor));
            if hall.join(peer, cursor, words) {
                return Ok(());
            }
        }
        let page = {
            let _turn = house.replays.acquire().await;
            log.after(hall.hostel, cursor, most).await?
        };
        match page.first() {
            Some(first) if first.seq == cursor.saturating_add(1) => {
                vain = 0;
                read_first = page.len() as u64 >= most;
                cursor = replay(peer, hall, page).await;
            }
            _ => {
                // Nothing to read, or not from here on: up to date, out of reach, or not of this log.
                let reach = {
                    let _turn = house.replays.acquire().await;
                    log.reach(hall.hostel).await?
                };
                let reaches_back = (1..=cursor.saturating_add(1)).contains(&reach.oldest);
                let read_on = reach.head > cursor && reaches_back && vain < VAIN;
                let up_to_date = reach.head == cursor && (vain < VAIN || hall.head().is_none_or(|head| head <= cursor));
                if read_on || up_to_date {
                    vain += 1;
                    if vain > 1 {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                } else {
                    cursor = reach.head.max(hall.head().unwrap_or(0));
                    vain = 0;
                    let message = "The log does not reach back to what you saw last: read afresh what you show";
                    peer.say(ServerMessage::Resync { seq: cursor, message }.frame());
                }
                read_first = read_on;
            }
        }
    }
}

/// Sends the events of a page that the socket may see now, as fast as it takes them; the last `seq` of the page.
async fn replay(peer: &Arc<Peer>, hall: &Hall, page: Vec<Event>) -> i64 {
    let mut last = 0;
    for event in page {
        last = event.seq;
        let prepared = Prepared::new(hall.hostel, &event, false);
        drop(event);
        let Some((audience, frame)) = prepared.told else { continue };
        // Judged by their rights of now, which may change on the way.
        if peer.member().is_some_and(|member| member.rights.may_see(&audience)) {
            let mut frame = Some(frame);
            poll_fn(|_cx| peer.poll_send(&mut frame)).await;
        }
    }
    last
}
