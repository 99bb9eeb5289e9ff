//! What the services of this context are built from: its ports, and the durations of the requirements.

use std::{sync::Arc, time::Duration};

use domicile_kernel::Ambient;

use crate::{
    crypto::{AccessTokens, CodeHasher, PasswordHasher, RefreshTokens},
    ports::{AccessQueries, AccessUows, StandingMemory},
};

/// How long things live, and how often one may guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessConfig {
    /// How long an access token lives: 1 h (J4b).
    pub access_ttl: Duration,
    /// How long a session lives after its last refresh: 7 d (J4b).
    pub refresh_idle: Duration,
    /// How long a session lives at most: 90 d.
    pub refresh_absolute: Duration,
    /// How long the token before the newest still gets the newest again, for parallel tabs: 20 s.
    pub refresh_grace: Duration,
    /// How long a one-time code lives: 10 min.
    pub code_ttl: Duration,
    /// The guess with which a code dies: the fifth (J4a).
    pub code_attempts: i64,
    /// How many codes an account may have on their way for one purpose, each asked for from elsewhere: 5. A code takes at most
    /// twice [`code_attempts`](Self::code_attempts) guesses, so at most 50 reach one account and purpose while they live,
    /// one chance in 20,000 for the codes of one [`code_ttl`](Self::code_ttl). How often codes are made anew is for the
    /// limiter to bound: with 3 asked for in an hour and an address, and one made at registering, it is 40 guesses an
    /// hour, one chance in 25,000.
    pub codes_at_once: usize,
    /// How long a ticket for a socket lives: 30 s (A2).
    pub ticket_ttl: Duration,
    /// How long an ended session is kept for oversight before it is swept: 30 d.
    pub dead_session_ttl: Duration,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_hours(1),
            refresh_idle: Duration::from_hours(7 * 24),
            refresh_absolute: Duration::from_hours(90 * 24),
            refresh_grace: Duration::from_secs(20),
            code_ttl: Duration::from_mins(10),
            code_attempts: 5,
            codes_at_once: 5,
            ticket_ttl: Duration::from_secs(30),
            dead_session_ttl: Duration::from_hours(30 * 24),
        }
    }
}

/// Everything the services need from outside; made once and shared.
#[derive(Clone)]
pub struct Parts {
    /// Where things change.
    pub uows: Arc<dyn AccessUows>,
    /// Where things are read.
    pub queries: Arc<dyn AccessQueries>,
    /// What is remembered of who may come in.
    pub standings: Arc<dyn StandingMemory>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Issues and reads access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// Derives and reads refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokens>,
    /// Hashes one-time codes.
    pub codes: Arc<dyn CodeHasher>,
    /// Time, ids and randomness.
    pub ambient: Ambient,
    /// The durations.
    pub config: AccessConfig,
}
