//! Asking again how somebody stands, when it may have changed, and going by the answer: their socket ends, or its rights
//! change. One socket is asked about by one task at a time, so that no answer overtakes a later one.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Rights,
    ending::Ending,
    hub::House,
    peer::{Member, Peer, Phase},
    ports::{Entered, NotEntered},
    topics,
};

/// So many standings are asked for at a time.
const AT_A_TIME: usize = 32;
/// How long is waited before a store that did not answer is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Asks again how sockets stand, off every hot path, until the house is gone.
pub(crate) async fn ask_again(house: Weak<House>, mut doubtful: mpsc::UnboundedReceiver<Arc<Peer>>) {
    let at_a_time = Arc::new(Semaphore::new(AT_A_TIME));
    while let Some(peer) = doubtful.recv().await {
        let Ok(turn) = Arc::clone(&at_a_time).acquire_owned().await else { return };
        let Some(house) = house.upgrade() else { return };
        tokio::spawn(async move {
            let _turn = turn;
            let settled = AssertUnwindSafe(settle(&house, &peer)).catch_unwind().await.unwrap_or_else(|_panic| {
                tracing::error!(request_id = %peer.request_id, "asking how somebody stands panicked");
                false
            });
            if !settled {
                tokio::time::sleep(PAUSE).await;
                house.ask_about(&peer);
            }
        });
    }
}

/// Asks until nothing changed since the asking; whether an answer was to be had.
async fn settle(house: &House, peer: &Arc<Peer>) -> bool {
    loop {
        // Read first: a change while the store is asked is asked for again.
        let doubts = peer.doubts.load(Ordering::SeqCst);
        let Some(member) = peer.member().filter(|_member| peer.state().phase != Phase::Ending) else {
            // Not in yet, and then whoever lets it in sees the doubt; or no more.
            if is_settled(peer, doubts) {
                return true;
            }
            continue;
        };
        let went_by_it = match house.ports.door.again(member.session, member.account, member.hostel()).await {
            Ok(entered) => keep(peer, &member, &entered),
            Err(NotEntered::Unavailable) => return false,
            Err(NotEntered::BadCredential(..)) => turn_out(house, peer, &member, &Ending::REVOKED),
            Err(NotEntered::NotAMember) => turn_out(house, peer, &member, &Ending::NOT_A_MEMBER),
        };
        // An answer about a sign-in that the socket has left says nothing about the one it is under now.
        if went_by_it && is_settled(peer, doubts) {
            return true;
        }
    }
}

/// Whether no doubt came up since there were so many.
fn is_settled(peer: &Peer, doubts: u32) -> bool {
    peer.doubts.compare_exchange(doubts, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
}

fn keep(peer: &Peer, asked: &Member, entered: &Entered) -> bool {
    {
        let mut state = peer.state();
        let Some(member) = state.member.as_mut().filter(|member| member.session == asked.session) else { return false };
        member.rights = Rights::of(entered.account, &entered.actor);
        member.expires_at = member.expires_at.min(entered.expires_at);
    }
    topics::reconsider(peer);
    true
}

fn turn_out(house: &House, peer: &Peer, asked: &Member, ending: &Ending) -> bool {
    let ended = peer.end_with(asked.session, &house.config, ending, house.millis());
    if ended {
        tracing::debug!(request_id = %peer.request_id, code = ending.code, words = %ending.words, "a socket is ended");
    }
    ended
}
