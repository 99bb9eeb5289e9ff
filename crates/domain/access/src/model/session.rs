//! One sign-in on one device: a family of refresh tokens, of which the newest generation counts (J4b).
//!
//! A token is derived from session and generation, so nothing secret is stored and parallel callers get the same successor.
//! What a token that comes back means is decided by [`Session::judge`] alone.

use std::{net::IpAddr, time::Duration};

use domicile_kernel::{AccountId, Instant, SessionId};
use serde_json::Value;

use super::words;

words! {
    /// Why a session was ended.
    RevokeReason {
        /// Its owner signed out.
        SignedOut = "signed_out",
        /// Its owner ended it from another device.
        EndedByOwner = "ended_by_owner",
        /// The password was changed elsewhere.
        PasswordChanged = "password_changed",
        /// The password was reset by mail.
        PasswordReset = "password_reset",
        /// An old refresh token came back: somebody has a copy.
        TokenReused = "token_reused",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
    }
}

/// One sign-in on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id; stands in both tokens.
    pub id: SessionId,
    /// Whose.
    pub account_id: AccountId,
    /// Which refresh token is the newest; the first is 1.
    pub generation: i64,
    /// When the newest was made.
    pub rotated_at: Instant,
    /// A hash of the newest, for oversight.
    pub token_hash: String,
    /// When the person signed in.
    pub created_at: Instant,
    /// When it was last refreshed.
    pub last_used_at: Instant,
    /// When it ends unless refreshed.
    pub idle_expires_at: Instant,
    /// When it ends in any case.
    pub absolute_expires_at: Instant,
    /// When it was ended before its time.
    pub revoked_at: Option<Instant>,
    /// Why.
    pub revoke_reason: Option<RevokeReason>,
    /// What the client said about the device; at most 2 KiB as JSON.
    pub device_info: Option<Value>,
    /// Where the person signed in from.
    pub ip: Option<IpAddr>,
    /// With which program; at most 512 characters.
    pub user_agent: Option<String>,
}

/// What a presented refresh token means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the newest: the next one is made.
    Rotate,
    /// It was the newest a moment ago (another tab was quicker): the newest is given again, nothing advances.
    SameAgain,
    /// It is older than that: somebody has a copy, and the session must end.
    Reuse,
    /// The session was ended.
    Ended,
    /// The session's time is over.
    Expired,
    /// No such token was ever given out.
    NeverIssued,
}

impl Session {
    /// When the session ends if nothing happens.
    #[must_use]
    pub fn expires_at(&self) -> Instant {
        self.idle_expires_at.min(self.absolute_expires_at)
    }

    /// Whether the session still counts.
    #[must_use]
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && now < self.expires_at()
    }

    /// What a token of generation `presented` means now. `grace` is closed: a token exactly that old is still let through.
    #[must_use]
    pub fn judge(&self, presented: i64, now: Instant, grace: Duration) -> Verdict {
        if self.revoked_at.is_some() {
            return Verdict::Ended;
        }
        if now >= self.expires_at() {
            return Verdict::Expired;
        }
        match self.generation.saturating_sub(presented) {
            ..0 => Verdict::NeverIssued,
            0 => Verdict::Rotate,
            1 if now.since(self.rotated_at) <= grace => Verdict::SameAgain,
            1.. => Verdict::Reuse,
        }
    }

    /// The same session with its next token made; lives `idle` longer, but never past its absolute end.
    #[must_use]
    pub fn rotated(self, now: Instant, idle: Duration, token_hash: String) -> Self {
        Self {
            generation: self.generation + 1,
            rotated_at: now,
            token_hash,
            last_used_at: now,
            idle_expires_at: now.plus(idle).min(self.absolute_expires_at),
            ..self
        }
    }

    /// The same session, ended. Ending an ended one changes nothing.
    #[must_use]
    pub fn revoked(self, now: Instant, reason: RevokeReason) -> Self {
        if self.revoked_at.is_some() {
            return self;
        }
        Self { revoked_at: Some(now), revoke_reason: Some(reason), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(20);

    fn session(generation: i64) -> Session {
        let start = Instant::from_seconds(1_000);
        Session {
            id: SessionId::new(uuid::Uuid::from_u128(1)),
            account_id: AccountId::new(uuid::Uuid::from_u128(2)),
            generation,
            rotated_at: start,
            token_hash: String::new(),
            created_at: start,
            last_used_at: start,
            idle_expires_at: Instant::from_seconds(2_000),
            absolute_expires_at: Instant::from_seconds(3_000),
            revoked_at: None,
            revoke_reason: None,
            device_info: None,
            ip: None,
            user_agent: None,
        }
    }

    #[test]
    fn only_the_newest_token_and_for_a_moment_the_one_before_count() {
        let at = |seconds: i64| Instant::from_seconds(1_000 + seconds);
        let session = session(5);
        for (presented, seconds, verdict) in [
            (5, 0, Verdict::Rotate),
            (5, 900, Verdict::Rotate),
            (4, 0, Verdict::SameAgain),
            (4, 20, Verdict::SameAgain),
            (4, 21, Verdict::Reuse),
            (3, 0, Verdict::Reuse),
            (6, 0, Verdict::NeverIssued),
            (5, 1_000, Verdict::Expired),
        ] {
            assert_eq!(session.judge(presented, at(seconds), GRACE), verdict, "{presented} after {seconds} s");
        }
        let just_past = Instant::from_micros(at(20).micros() + 1);
        assert_eq!(session.judge(4, just_past, GRACE), Verdict::Reuse);
        let ended = session.revoked(at(1), RevokeReason::SignedOut);
        assert_eq!(ended.judge(5, at(2), GRACE), Verdict::Ended);
        assert_eq!(ended.clone().revoked(at(9), RevokeReason::TokenReused), ended);
    }

    #[test]
    fn refreshing_never_lives_past_the_absolute_end() {
        let late = session(1).rotated(Instant::from_seconds(1_990), Duration::from_secs(5_000), "h".to_owned());
        assert_eq!(late.expires_at(), Instant::from_seconds(3_000));
    }
}
