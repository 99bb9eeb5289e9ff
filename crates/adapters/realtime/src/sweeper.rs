//! What is due by time, looked at for all sockets by one task, so that none needs a timer of its own.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{
    ending::Ending,
    frame::PING_FRAME,
    hub::House,
    peer::{Peer, Phase},
};

/// After so many sockets the sweeper lets others have a turn.
const BREATH: usize = 1_000;

/// Sweeps until the house is gone.
pub(crate) async fn run(house: Weak<House>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(house) = house.upgrade() else { return };
        for (nth, peer) in house.everybody().into_iter().enumerate() {
            look_at(&house, &peer);
            if nth % BREATH == BREATH - 1 {
                tokio::task::yield_now().await;
            }
        }
        house.close_empty_halls();
    }
}

/// What is due.
enum Due {
    Nothing,
    Ping,
    Drop,
    End(Ending),
}

fn look_at(house: &House, peer: &Arc<Peer>) {
    match due(house, peer) {
        Due::Nothing => {}
        Due::Ping => peer.send(&house.config, PING_FRAME, house.millis()),
        Due::Drop => peer.drop_now(),
        Due::End(ending) => {
            tracing::debug!(request_id = %peer.request_id, code = ending.code, words = %ending.words, "a socket is ended");
            peer.end(&house.config, &ending, house.millis());
        }
    }
}

fn due(house: &House, peer: &Peer) -> Due {
    let config = &house.config;
    let now = house.millis();
    let past = |since: u64, patience: Duration| now.saturating_sub(since) >= patience.as_millis() as u64;
    let mut state = peer.state();
    let stuck = state.is_stuck(config.replay_patience, now);
    match state.phase {
        Phase::Ending if now >= state.until => return Due::Drop,
        Phase::Ending | Phase::AtTheDoor => return Due::Nothing,
        Phase::Stranger if past(peer.opened, config.auth_patience) => return Due::End(Ending::NO_AUTH),
        Phase::Stranger => return Due::Nothing,
        Phase::CatchingUp | Phase::Live => {}
    }
    if state.member.as_ref().is_some_and(|member| house.ports.clock.now() >= member.expires_at) {
        return Due::End(Ending::EXPIRED);
    }
    if state.phase == Phase::CatchingUp {
        // It reads, or is read for, at its own pace; only who takes nothing at all is given up.
        state.pinged = now;
        if stuck {
            house.count_slow();
            return Due::End(Ending::SLOW);
        }
        return Due::Nothing;
    }
    if past(state.pinged, config.ping_every) {
        if state.unanswered >= config.unanswered_pings {
            return Due::End(Ending::GONE);
        }
        state.unanswered += 1;
        state.pinged = now;
        return Due::Ping;
    }
    Due::Nothing
}
