//! So many in so long, as configuration writes it: `5/15m`.

use std::{fmt, str::FromStr, time::Duration};

/// How a quota is written.
pub(super) const FORM: &str = "a quota such as 5/15m (s, m, h or d; 24 days at most) or off";

/// The longest window: stamps are told in 32 bits of milliseconds.
const LONGEST_SECONDS: u32 = 24 * 86_400;

/// So many requests in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many pass.
    pub most: u32,
    /// The length of the window, in seconds.
    pub seconds: u32,
}

impl Quota {
    /// So many in so many seconds.
    #[must_use]
    pub const fn new(most: u32, seconds: u32) -> Self {
        Self { most, seconds }
    }

    /// The length of the window.
    #[must_use]
    pub const fn window(self) -> Duration {
        Duration::from_secs(self.seconds as u64)
    }

    /// So many times as many.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self { most: self.most.saturating_mul(times), ..self }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (most, seconds) = (self.most, self.seconds);
        let (each, unit) = [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(each, _)| seconds % each == 0)
            .unwrap_or((1, 's'));
        write!(f, "{most}/{}{unit}", seconds / each)
    }
}

impl FromStr for Quota {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (most, window) = text.trim().split_once('/').ok_or(())?;
        let most = most.trim().parse().ok().filter(|most| *most > 0).ok_or(())?;
        let window = window.trim();
        let mut chars = window.chars();
        let each: u32 = match chars.next_back() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(()),
        };
        let number: u32 = chars.as_str().parse().map_err(|_error| ())?;
        let seconds = number.checked_mul(each).filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds)).ok_or(())?;
        Ok(Self { most, seconds })
    }
}

/// A key of the section `rate_limits` that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotALimit(String);

impl NotALimit {
    pub(super) fn new(key: &str, text: &str, want: &str) -> Self {
        Self(format!("rate_limits.{key} must be {want}, not {text}"))
    }

    pub(super) fn unknown(key: &str) -> Self {
        Self(format!("rate_limits.{key} is not known"))
    }
}
