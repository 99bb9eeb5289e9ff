//! What a client of Paystack is built from.

use std::{net::IpAddr, time::Duration};

use domicile_kernel::Currency;
use reqwest::Url;

use crate::secret::{SecretKey, SecretKeyError};

/// Paystack's own address.
pub const PAYSTACK_URL: &str = "https://api.paystack.co";
/// The currencies that Paystack documents. An account has some of them.
const CURRENCIES: [&str; 5] = ["GHS", "KES", "NGN", "USD", "ZAR"];
/// How long a whole call may take at most, so that two of them stay within what the port allows.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// How a client of Paystack is set up. `Debug` does not show the key.
#[derive(Debug, Clone)]
pub struct PaystackConfig {
    pub(super) key: SecretKey,
    pub(super) base: Url,
    pub(super) live: bool,
    pub(super) connect: Duration,
    pub(super) total: Duration,
    pub(super) session: Duration,
    pub(super) currencies: Vec<Currency>,
}

/// Why a client of Paystack cannot be set up. Shows neither key nor address.
#[derive(Debug, thiserror::Error)]
pub enum PaystackSetupError {
    /// The key is no secret key of Paystack's.
    #[error("Paystack's secret key begins with sk_live_ or sk_test_; a public key (pk_) does not do")]
    Key(#[source] Option<SecretKeyError>),
    /// The address is none that a key may be sent to.
    #[error("Paystack's address is https://…, without user, query or fragment; http:// only for this machine itself")]
    Address,
    /// The client could not be built: mostly, the machine has no certificates to trust.
    #[error("the client for Paystack could not be built; are the machine's CA certificates installed?")]
    Client(#[source] reqwest::Error),
}

impl PaystackConfig {
    /// For a secret key, at Paystack's own address: five seconds to connect, ten for a whole call, an hour to pay, and every
    /// currency that Paystack documents.
    pub fn new(key: impl Into<String>) -> Result<Self, PaystackSetupError> {
        let key = SecretKey::new(key).map_err(|error| PaystackSetupError::Key(Some(error)))?;
        let live = key.expose().starts_with("sk_live_");
        if !live && !key.expose().starts_with("sk_test_") {
            return Err(PaystackSetupError::Key(None));
        }
        Ok(Self {
            key,
            base: address(PAYSTACK_URL)?,
            live,
            connect: Duration::from_secs(5),
            total: LONGEST_CALL,
            session: Duration::from_hours(1),
            currencies: CURRENCIES.iter().filter_map(|code| Currency::parse(code).ok()).collect(),
        })
    }

    /// At another address, such as a server of one's own in tests.
    pub fn at(self, url: &str) -> Result<Self, PaystackSetupError> {
        Ok(Self { base: address(url)?, ..self })
    }

    /// With other limits on how long connecting and a whole call may take; never more than ten seconds.
    #[must_use]
    pub fn with_patience(self, connect: Duration, total: Duration) -> Self {
        let total = total.min(LONGEST_CALL);
        Self { connect: connect.min(total), total, ..self }
    }

    /// With what the account's payment session timeout is set to. Holds on beds last at least as long.
    #[must_use]
    pub fn with_session(self, session: Duration) -> Self {
        Self { session, ..self }
    }

    /// With the currencies that the account has.
    #[must_use]
    pub fn with_currencies(self, currencies: Vec<Currency>) -> Self {
        Self { currencies, ..self }
    }

    /// Whether the key moves real money.
    pub fn is_live(&self) -> bool {
        self.live
    }
}

/// The key goes to this address, so it goes encrypted, or not further than this machine.
fn address(text: &str) -> Result<Url, PaystackSetupError> {
    // The parser's error would quote the address.
    let url = Url::parse(text).map_err(|_unreadable| PaystackSetupError::Address)?;
    let host = url.host_str().unwrap_or_default();
    let here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && !url.cannot_be_a_base();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
    if plain && safe && !host.is_empty() { Ok(url) } else { Err(PaystackSetupError::Address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_test_0123456789abcdef";

    #[test]
    fn only_a_secret_key_will_do() {
        assert!(!PaystackConfig::new(KEY).unwrap().is_live());
        assert!(PaystackConfig::new("sk_live_0123456789abcdef").unwrap().is_live());
        for bad in
            ["", "pk_test_0123456789abcdef", "sk_prod_0123456789abcdef", "sk_test_", "sk_test_0123456789\r\nX: y"]
        {
            let error = PaystackConfig::new(bad).unwrap_err();
            assert!(matches!(error, PaystackSetupError::Key(_)), "{bad:?}");
            assert!(bad.len() < 9 || !format!("{error} {error:?}").contains(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_key_goes_only_where_nobody_listens() {
        for good in ["https://api.paystack.co", "http://127.0.0.1:9", "http://localhost:9/base/", "http://[::1]:9"] {
            assert!(PaystackConfig::new(KEY).unwrap().at(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.paystack.co",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "https://user:hunter2@api.paystack.co",
            "https://api.paystack.co?x=1",
            "ftp://127.0.0.1",
            "file:///etc",
            "data:,x",
            "api.paystack.co",
            "",
        ] {
            let error = PaystackConfig::new(KEY).unwrap().at(bad).unwrap_err();
            assert!(matches!(error, PaystackSetupError::Address), "{bad}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn the_configuration_does_not_show_the_key() {
        assert!(!format!("{:?}", PaystackConfig::new(KEY).unwrap()).contains("0123456789"));
    }
}
