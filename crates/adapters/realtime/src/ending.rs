//! Why a socket ends: the close codes, each with words that say what to do.

use std::borrow::Cow;

/// The end of a socket as the other side is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The code of the close frame.
    pub(crate) code: u16,
    /// Its reason.
    pub(crate) words: Cow<'static, str>,
}

macro_rules! endings {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal);+ $(;)?) => {
        impl Ending {
            $($(#[$doc])* pub(crate) const $name: Self = Self { code: $code, words: Cow::Borrowed($words) };)+
        }
    };
}

endings! {
    /// Silence.
    NO_AUTH = 4408, "Send auth first, right after connecting";
    /// A message that cannot be read.
    BINARY = 4400, "Messages are JSON text, not binary";
    /// Well-formed, but not `auth`.
    NOT_YET = 4401, "Send auth before anything else";
    /// A later `auth` as somebody else.
    ANOTHER = 4400, "This socket belongs to another account or hostel: open a new one";
    /// The token's time is over.
    EXPIRED = 4401, "The access token has expired. Refresh it and come back";
    /// The session was ended.
    REVOKED = 4401, "The session was ended. Sign in again";
    /// Not a member, or no longer.
    NOT_A_MEMBER = 4403, "You are not a member of this hostel";
    /// Too slow.
    SLOW = 4008, "Too slow: come back with resume_from";
    /// The server ends.
    RESTART = 1012, "The server restarts: come back with resume_from";
    /// Told to stop and did not.
    FLOOD = 1008, "Too many messages";
    /// Too many sockets of one account.
    TOO_MANY = 1008, "Too many sockets of this account: close another first";
    /// More than may be in one message.
    TOO_LARGE = 1009, "The message is too large";
    /// Not the protocol.
    PROTOCOL = 1002, "The frame breaks the WebSocket protocol";
    /// Not UTF-8.
    NOT_TEXT = 1007, "The text is not UTF-8";
    /// The store does not answer.
    LATER = 1013, "The service is busy: come back in a moment";
    /// No sign of life.
    GONE = 1001, "No answer to pings";
}

impl Ending {
    /// A message that cannot be read, and why.
    pub(crate) fn bad_message(why: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 4400, words: why.into() }
    }

    /// A credential that does not count.
    pub(crate) fn bad_credential(words: String) -> Self {
        Self { code: 4401, words: words.into() }
    }

    /// Whether what still waits must not be sent: their rights are gone, or there is too much of it.
    pub(crate) fn discards(&self) -> bool {
        matches!(self.code, 4401 | 4403 | 4008)
    }
}
