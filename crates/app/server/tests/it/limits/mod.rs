//! Who may ask how often (J5, F40): each printed rule on the whole application, over HTTP, by a clock that the test moves.

mod attack;
mod printed;
mod sharing;

use std::time::Duration;

use crate::support::{Asked, NOW, On, TestApp, Told};
use domicile_server::settings::Settings;

/// With limits on, as printed, behind a proxy that is trusted.
pub(crate) fn limited(settings: &mut Settings) {
    settings.rate_limits.enabled = true;
    settings.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
}

impl TestApp {
    /// On SQLite, with limits as printed, behind a proxy that is trusted.
    async fn limited() -> Self {
        Self::start_with_settings(On::Sqlite, limited).await
    }
}

impl Asked {
    /// From an address, as the proxy tells.
    fn from(self, ip: &str) -> Self {
        self.header("x-forwarded-for", ip)
    }
}

impl Told {
    /// Whether a limit refused it.
    fn is_too_many(&self) -> bool {
        self.status == 429 && self.code() == "RATE_LIMIT_EXCEEDED"
    }

    fn number(&self, header: &str) -> i64 {
        self.header(header).parse().unwrap_or_else(|_| panic!("{header} of {:?}", self.headers))
    }
}

pub(crate) fn seconds(of: &str) -> i64 {
    of.parse::<domicile_kernel::Instant>().unwrap().seconds()
}

/// Asks until the rule refuses: exactly so many pass, the headers count down truthfully, one too many is told when to
/// come back, and then, not a second before, it is let in again.
pub(crate) async fn holds(app: &TestApp, rule: &str, most: i64, window: i64, ask: impl AsyncFn() -> Told) {
    let policy = format!("\"{rule}\";q={most};w={window}");
    let now = app.house.ambient.now().seconds();
    for left in (0..most).rev() {
        let told = ask().await;
        assert!(!told.is_too_many(), "{rule} with {left} left: {}", told.text);
        assert_eq!(told.header("ratelimit-policy"), policy, "{}", told.text);
        assert_eq!((told.number("x-ratelimit-limit"), told.number("x-ratelimit-remaining")), (most, left), "{rule}");
        assert_eq!(told.number("x-ratelimit-reset"), now + window, "{rule}");
        assert_eq!(told.header("ratelimit"), format!("\"{rule}\";r={left};t={window}"));
        assert_eq!(told.header("retry-after"), "");
    }
    let refused = ask().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(refused.header("ratelimit-policy"), policy);
    assert_eq!((refused.number("x-ratelimit-remaining"), refused.number("retry-after")), (0, window), "{rule}");
    assert_eq!(refused.data()["retry_after"], window);
    assert_eq!(refused.data()["limit"], most);
    assert_eq!(seconds(refused.data()["reset_at"].as_str().unwrap()), now + window);
    app.clock.advance(Duration::from_secs(window as u64 - 1));
    let waiting = ask().await.refuses(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(waiting.number("retry-after"), 1, "{rule}");
    app.clock.advance(Duration::from_secs(1));
    let again = ask().await;
    assert!(!again.is_too_many(), "{rule} did not open again: {}", again.text);
    assert_eq!(again.number("x-ratelimit-remaining"), most - 1, "{rule}");
}

#[test]
fn the_clock_of_these_tests_stands_where_they_think() {
    assert_eq!(seconds(NOW), 1_768_905_000);
}
