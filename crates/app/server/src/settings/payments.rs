//! Who takes payments: the section `[payments]`.

use std::time::Duration;

use anyhow::{Context, bail};
use domicile_payments::{
    SecretKey,
    paystack::PaystackConfig,
    sandbox::{SandboxDelays, SandboxRefundState},
};
use reqwest::Url;
use serde::Deserialize;

use super::Profile;

/// The section as it was given.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GivenPayments {
    provider: Option<String>,
    public_url: Option<String>,
    return_url: Option<String>,
    webhook_base: Option<String>,
    paystack_secret_key: Option<String>,
    paystack_base_url: Option<String>,
    paystack_session_minutes: Option<u64>,
    sandbox_secret: Option<String>,
    sandbox_session_minutes: Option<u64>,
    sandbox_initialize_ms: Option<u64>,
    sandbox_hanging_ms: Option<u64>,
    sandbox_refund_ms: Option<u64>,
    sandbox_patience_ms: Option<u64>,
    sandbox_refunds: Option<String>,
}

impl std::fmt::Debug for GivenPayments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenPayments").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// Who takes payments.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Nobody: beginning to pay is refused.
    None,
    /// A gateway in this process that moves no money.
    Sandbox(SandboxSettings),
    /// Paystack.
    Paystack(Box<PaystackConfig>),
}

/// How the sandbox behaves.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// What it signs with; derived from the key ring when absent.
    pub secret: Option<SecretKey>,
    /// How long somebody can pay; the sandbox's own when absent.
    pub session: Option<Duration>,
    /// How slow it is.
    pub delays: SandboxDelays,
    /// What becomes of refunds.
    pub refunds: SandboxRefundState,
}

/// How payments are taken.
#[derive(Debug, Clone)]
pub struct PaymentSettings {
    /// By whom.
    pub provider: Provider,
    /// Where the browsers of payers reach this server; where it listens when absent. Without a `/` at the end.
    pub public_url: Option<String>,
    /// Where payers come back to.
    pub return_url: Option<String>,
    /// Where the sandbox posts its notices; where the server listens when absent. Without a `/` at the end.
    pub webhook_base: Option<String>,
}

impl GivenPayments {
    pub(super) fn resolve(self, profile: Profile) -> anyhow::Result<PaymentSettings> {
        let key = self.paystack_secret_key.clone().filter(|key| !key.is_empty());
        let provider = match (self.provider.as_deref(), profile) {
            (Some("none"), _) => Provider::None,
            (Some("sandbox"), Profile::Local) => Provider::Sandbox(self.sandbox()?),
            (Some("sandbox"), Profile::Production) => bail!(
                "payments.provider is sandbox, with which everybody pays without money; the production profile refuses it"
            ),
            (Some("paystack"), _) => {
                let Some(key) = key else {
                    bail!("payments.provider is paystack, which needs payments.paystack_secret_key")
                };
                Provider::Paystack(Box::new(self.paystack(key)?))
            }
            (Some(other), _) => bail!("payments.provider must be sandbox, paystack or none, not {other}"),
            // Taking play money because of a forgotten word is worse than not starting.
            (None, _) if key.is_some() => {
                bail!("payments.paystack_secret_key is given; set payments.provider to paystack, too")
            }
            (None, Profile::Local) => Provider::Sandbox(self.sandbox()?),
            (None, Profile::Production) => Provider::None,
        };
        Ok(PaymentSettings {
            provider,
            public_url: self.public_url.map(|url| base(&url)).transpose().context("payments.public_url")?,
            return_url: self.return_url.map(|url| page(&url)).transpose().context("payments.return_url")?,
            webhook_base: self.webhook_base.map(|url| base(&url)).transpose().context("payments.webhook_base")?,
        })
    }

    fn sandbox(&self) -> anyhow::Result<SandboxSettings> {
        let usual = SandboxDelays::default();
        let ms = |given: Option<u64>, usual: Duration| given.map_or(usual, Duration::from_millis);
        // No call to a gateway takes longer than twenty seconds.
        let patience = between("payments.sandbox_patience_ms", self.sandbox_patience_ms, 1, 20_000)?;
        let session = between("payments.sandbox_session_minutes", self.sandbox_session_minutes, 1, 1_440)?;
        let refunds = self.sandbox_refunds.as_deref().unwrap_or("processed");
        let Some(refunds) = SandboxRefundState::parse(refunds) else {
            bail!("payments.sandbox_refunds must be processed, pending, failed or needs-attention, not {refunds}")
        };
        let secret = self.sandbox_secret.clone().filter(|secret| !secret.is_empty());
        Ok(SandboxSettings {
            secret: secret.map(SecretKey::new).transpose().context("payments.sandbox_secret")?,
            session: session.map(|minutes| Duration::from_secs(minutes * 60)),
            delays: SandboxDelays {
                initialize: ms(self.sandbox_initialize_ms, usual.initialize),
                verify_hanging: ms(self.sandbox_hanging_ms, usual.verify_hanging),
                refund: ms(self.sandbox_refund_ms, usual.refund),
                patience: ms(patience, usual.patience),
            },
            refunds,
        })
    }

    fn paystack(&self, key: String) -> anyhow::Result<PaystackConfig> {
        let mut config = PaystackConfig::new(key).context("payments.paystack_secret_key")?;
        if let Some(url) = &self.paystack_base_url {
            config = config.at(url).context("payments.paystack_base_url")?;
        }
        let session = between("payments.paystack_session_minutes", self.paystack_session_minutes, 1, 10_080)?;
        if let Some(minutes) = session {
            config = config.with_session(Duration::from_secs(minutes * 60));
        }
        Ok(config)
    }
}

/// A number within bounds, if one was given.
fn between(name: &str, given: Option<u64>, least: u64, most: u64) -> anyhow::Result<Option<u64>> {
    match given {
        Some(number) if !(least..=most).contains(&number) => {
            bail!("{name} must be between {least} and {most}, not {number}")
        }
        _ => Ok(given),
    }
}

/// The address of a page.
fn page(text: &str) -> anyhow::Result<String> {
    let sound = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if sound { Ok(text.to_owned()) } else { bail!("must be an address such as https://house.example, not {text}") }
}

/// The beginning of addresses.
fn base(text: &str) -> anyhow::Result<String> {
    if text.contains(['?', '#']) {
        bail!("must be an address without query and fragment, not {text}");
    }
    Ok(page(text)?.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(given: GivenPayments, profile: Profile) -> Result<PaymentSettings, String> {
        given.resolve(profile).map_err(|error| format!("{error:#}"))
    }

    fn given(provider: &str) -> GivenPayments {
        GivenPayments { provider: Some(provider.to_owned()), ..GivenPayments::default() }
    }

    const KEY: &str = "sk_test_0123456789abcdef";

    #[test]
    fn a_machine_of_ones_own_plays_and_production_takes_nothing_until_told_by_whom() {
        let usual = GivenPayments::default;
        assert!(matches!(resolved(usual(), Profile::Local).unwrap().provider, Provider::Sandbox(_)));
        assert!(matches!(resolved(usual(), Profile::Production).unwrap().provider, Provider::None));
        assert!(matches!(resolved(given("none"), Profile::Local).unwrap().provider, Provider::None));
    }

    #[test]
    fn play_money_is_refused_in_production() {
        assert!(resolved(given("sandbox"), Profile::Local).is_ok());
        assert!(resolved(given("sandbox"), Profile::Production).unwrap_err().contains("without money"));
    }

    #[test]
    fn paystack_and_its_key_come_together_and_no_message_shows_the_key() {
        assert!(resolved(given("paystack"), Profile::Production).unwrap_err().contains("paystack_secret_key"));
        let key = || Some(KEY.to_owned());
        let alone = GivenPayments { paystack_secret_key: key(), ..GivenPayments::default() };
        let error = resolved(alone.clone(), Profile::Local).unwrap_err();
        assert!(error.contains("payments.provider") && !error.contains(KEY));
        assert!(!format!("{alone:?}").contains(KEY));
        let both = GivenPayments { paystack_secret_key: key(), ..given("paystack") };
        let settings = resolved(both, Profile::Production).unwrap();
        assert!(matches!(settings.provider, Provider::Paystack(_)));
        assert!(!format!("{settings:?}").contains(KEY));
        let public =
            GivenPayments { paystack_secret_key: Some("pk_test_0123456789abcdef".to_owned()), ..given("paystack") };
        let error = resolved(public, Profile::Production).unwrap_err();
        assert!(error.contains("sk_live_") && !error.contains("0123456789"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_name() {
        assert!(resolved(given("stripes"), Profile::Local).unwrap_err().contains("not stripes"));
        let bad = |change: fn(&mut GivenPayments)| {
            let mut given = GivenPayments::default();
            change(&mut given);
            resolved(given, Profile::Local).unwrap_err()
        };
        assert!(bad(|g| g.public_url = Some("house.example".to_owned())).contains("public_url"));
        assert!(bad(|g| g.public_url = Some("https://house.example/?x=1".to_owned())).contains("public_url"));
        assert!(bad(|g| g.return_url = Some("javascript:alert(1)".to_owned())).contains("return_url"));
        assert!(bad(|g| g.webhook_base = Some("ftp://x".to_owned())).contains("webhook_base"));
        let error = bad(|g| g.sandbox_secret = Some("too short".to_owned()));
        assert!(error.contains("sandbox_secret") && !error.contains("too short"), "{error}");
        assert!(bad(|g| g.sandbox_refunds = Some("lost".to_owned())).contains("sandbox_refunds"));
        let given = GivenPayments { public_url: Some("https://house.example/".to_owned()), ..GivenPayments::default() };
        let settings = resolved(given, Profile::Local).unwrap();
        assert_eq!(settings.public_url.as_deref(), Some("https://house.example"));
    }
}
