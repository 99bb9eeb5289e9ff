//! A six-digit code on its way to somebody's mailbox, kept only as a keyed hash, and which of the codes on their way a guess
//! is judged against: so that nobody burns a code that somebody else asked for.

use core::net::IpAddr;

use domicile_kernel::{AccountId, Instant, address::household, id_type};

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

/// Where a code was asked for, or a guess comes from: an IPv4 address, or the /64 of an IPv6 one, for within it a household
/// and an attacker alike choose their addresses freely.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedFrom(String);

impl AskedFrom {
    /// Nowhere that is known. A code that somebody else had sent, such as an invitation, is asked for from here.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// The place of an address; nowhere when there is none.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        let place = address.map(|address| match household(address) {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(network) => format!("{network}/64"),
        });
        Self(place.unwrap_or_default())
    }

    /// As it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text: an address, a network, or nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose tries at a code a guess is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// Of those who guess from where the code was asked for.
    Own,
    /// Of everybody else together.
    Foreign,
}

/// A one-time code, asked for. An account has at most one for each purpose and place that it was asked from.
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
    /// Where it was asked for.
    pub asked_from: AskedFrom,
    /// How often somebody guessed from there, right or wrong.
    pub attempts: i64,
    /// How often somebody guessed from elsewhere.
    pub foreign_attempts: i64,
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

/// What a guess is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// This code, with these tries.
    Challenge(&'a Challenge, Tries),
    /// Codes are on their way, but no try is left at any.
    Exhausted,
    /// None is.
    None,
}

/// Which of an account's codes for one purpose (newest first) a guess from a place is judged against (J4a).
///
/// The code asked for from there, if one is open: it has `most` tries of its own, which nobody elsewhere can use up. Otherwise
/// the newest one that is neither dead nor out of the `most` tries that all others share: people ask at home and type on the
/// bus. So each code takes at most `2 × most` guesses, and with at most `n` codes open an account and purpose takes at most
/// `2 × most × n` in a code's lifetime.
#[must_use]
pub fn target<'a>(codes: &'a [Challenge], from: &AskedFrom, most: i64, now: Instant) -> Target<'a> {
    let mut open = codes.iter().filter(|code| code.is_open(now)).peekable();
    if open.peek().is_none() {
        return Target::None;
    }
    if let Some(own) = open.clone().find(|code| code.asked_from == *from) {
        return if own.attempts < most { Target::Challenge(own, Tries::Own) } else { Target::Exhausted };
    }
    // One that its asker guessed dead is dead for everybody.
    match open.find(|code| code.attempts < most && code.foreign_attempts < most) {
        Some(foreign) => Target::Challenge(foreign, Tries::Foreign),
        None => Target::Exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_seconds(1_000);

    fn code(id: u128, from: &str, attempts: i64, foreign_attempts: i64) -> Challenge {
        Challenge {
            id: ChallengeId::new(uuid::Uuid::from_u128(id)),
            account_id: AccountId::new(uuid::Uuid::from_u128(1)),
            purpose: ChallengePurpose::VerifyEmail,
            code_hash: [0; 32],
            asked_from: AskedFrom::stored(from.to_owned()),
            attempts,
            foreign_attempts,
            created_at: NOW,
            expires_at: Instant::from_seconds(2_000),
            used_at: None,
        }
    }

    #[test]
    fn a_guess_is_judged_by_the_code_of_its_own_place() {
        let from = |place: &str| AskedFrom::stored(place.to_owned());
        let codes = [code(3, "c", 0, 5), code(2, "b", 5, 0), code(1, "a", 4, 5)];
        assert_eq!(target(&codes, &from("a"), 5, NOW), Target::Challenge(&codes[2], Tries::Own));
        assert_eq!(target(&codes, &from("b"), 5, NOW), Target::Exhausted);
        assert_eq!(target(&codes, &from("x"), 5, NOW), Target::Exhausted);
        let with_room = [codes[0].clone(), codes[1].clone(), code(1, "a", 4, 4), code(0, "d", 0, 0)];
        assert_eq!(target(&with_room, &from("x"), 5, NOW), Target::Challenge(&with_room[2], Tries::Foreign));
        assert_eq!(target(&[], &from("a"), 5, NOW), Target::None);
        assert_eq!(target(&codes, &from("a"), 5, Instant::from_seconds(2_000)), Target::None);
    }

    #[test]
    fn an_address_stands_for_its_network() {
        let of = |text: &str| AskedFrom::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2:3::4"), of("2001:db8:1:3:3::4"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_eq!(of("192.0.2.7").as_str(), "192.0.2.7");
        assert_eq!(AskedFrom::of(None), AskedFrom::nowhere());
    }
}
