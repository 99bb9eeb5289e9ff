//! A six-digit code on its way to somebody's mailbox, kept only as a keyed hash.

use domicile_kernel::{AccountId, Instant, id_type};

use super::words;

id_type!(
    /// A one-time code's challenge.
    ChallengeId
);

words! {
    /// What a code proves.
    ChallengePurpose {
        /// That the address is the owner's.
        VerifyEmail = "verify_email",
        /// That the owner may choose a new password.
        ResetPassword = "reset_password",
    }
}

/// A one-time code, asked for. An account has at most one for each purpose: a new one replaces the old.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Its id; the hash is bound to it.
    pub id: ChallengeId,
    /// Whose.
    pub account_id: AccountId,
    /// What for.
    pub purpose: ChallengePurpose,
    /// The keyed hash of the code.
    pub code_hash: [u8; 32],
    /// How often somebody guessed, right or wrong.
    pub attempts: i64,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it no longer counts.
    pub expires_at: Instant,
    /// When it was used: it works once.
    pub used_at: Option<Instant>,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenge").field("id", &self.id).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl Challenge {
    /// Whether the code could still be guessed, the number of guesses left aside.
    #[must_use]
    pub fn is_open(&self, now: Instant) -> bool {
        self.used_at.is_none() && now < self.expires_at
    }
}
