//! Taking payments: the gateway that the settings name, the sandbox's page and notices, and the bursar over all of it.

mod checkout;
mod lookout;
mod notices;
mod store;
mod watched;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use anyhow::Context;
use domicile_billing::{Bursar, ports::Gateways};
use domicile_db::Database;
use domicile_http::ports::Checkout;
use domicile_identity::KeyRing;
use domicile_kernel::Ambient;
use domicile_payments::{
    SecretKey,
    paystack::PaystackGateway,
    sandbox::{SandboxConfig, SandboxGateway},
};
use domicile_pdf::PdfPrinter;
use domicile_telemetry::Meters;
use domicile_workflows::Notices;

pub use self::watched::{Seen, Watched, watch};
use self::{checkout::Page, lookout::Signals, notices::Telling, store::Charges};
use crate::settings::{Provider, SandboxSettings, Settings};

/// Where the sandbox's pages are, below the server's address.
const CHECKOUT: &str = "sandbox/checkout";

/// Where this server answers. It is known once it listens; until then, what the settings say.
#[derive(Clone)]
pub struct Here {
    known: Arc<OnceLock<SocketAddr>>,
    configured: SocketAddr,
}

impl Here {
    fn new(configured: SocketAddr) -> Self {
        Self { known: Arc::default(), configured }
    }

    /// It listens now, on this address.
    pub fn listens_on(&self, address: SocketAddr) {
        // Once: a server has one listener.
        let _ = self.known.set(address);
    }

    /// The address for somebody on this machine, without a `/` at the end.
    #[must_use]
    pub fn url(&self) -> String {
        let mut address = *self.known.get().unwrap_or(&self.configured);
        if address.ip().is_unspecified() {
            let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
            address.set_ip(loopback);
        }
        format!("http://{address}")
    }
}

/// Everything that takes payments.
pub struct Payments {
    /// Makes out bills, takes money, keeps the books.
    pub bursar: Bursar,
    /// The gateway and how it was the last time; none where no payments are taken.
    pub gateway: Option<Arc<Watched>>,
    /// The gateway as Paystack, if it is that.
    pub paystack: Option<Arc<PaystackGateway>>,
    /// Where the server answers.
    pub here: Here,
    sandbox: Option<Sandbox>,
    webhook_base: Option<String>,
}

impl Payments {
    /// The gateway of the settings over the database.
    pub fn open(
        settings: &Settings,
        ambient: &Ambient,
        keys: &KeyRing,
        database: &Database,
        meters: &Meters,
    ) -> anyhow::Result<Self> {
        let wanted = &settings.payments;
        let here = Here::new(settings.listen);
        let (mut sandbox, mut paystack, mut gateway) = (None, None, None);
        match &wanted.provider {
            Provider::None => {}
            Provider::Sandbox(behaviour) => {
                let pages = Pages { public: wanted.public_url.clone(), here: here.clone() };
                let made = open_sandbox(behaviour, pages, ambient, keys, database)?;
                gateway = Some(Watched::over(made.gateway.clone(), Arc::clone(&ambient.clock)));
                sandbox = Some(made);
            }
            Provider::Paystack(config) => {
                let made = PaystackGateway::new((**config).clone(), Arc::clone(&ambient.clock));
                let made = Arc::new(made.context("the client for Paystack")?);
                gateway = Some(Watched::over(made.clone(), Arc::clone(&ambient.clock)));
                paystack = Some(made);
            }
        }
        let gateway = gateway.map(Arc::new);
        let gateways = gateway.iter().fold(Gateways::new(), |gateways, one| gateways.with(one.clone()));
        let printer = PdfPrinter::new().context("the typefaces of receipts")?;
        let stores = (Arc::new(database.clone()), Arc::new(database.clone()));
        let bursar = Bursar::new(stores.0, stores.1, gateways, Arc::new(printer), ambient.clone())
            .returning_to(wanted.return_url.clone())
            .watched_by(Arc::new(Signals(meters.clone())));
        Ok(Self { bursar, gateway, paystack, here, sandbox, webhook_base: wanted.webhook_base.clone() })
    }

    /// The sandbox's page, where there is a sandbox.
    #[must_use]
    pub fn checkout(&self) -> Option<Arc<dyn Checkout>> {
        let sandbox = self.sandbox.as_ref()?;
        Some(Arc::new(Page(Arc::clone(&sandbox.gateway))))
    }

    /// Who tells what the sandbox has to tell, where there is a sandbox.
    pub fn notices(&self) -> anyhow::Result<Option<Arc<dyn Notices>>> {
        let Some(sandbox) = &self.sandbox else { return Ok(None) };
        let telling = Telling::new(Arc::clone(&sandbox.gateway), self.webhook_base.clone(), self.here.clone())?;
        Ok(Some(Arc::new(telling)))
    }

    /// What the sandbox has to tell is told now, also what a process that was killed was about to tell: its lease on that is
    /// void. What both tell has its effect once.
    pub async fn take_over(&self) {
        if let Some(sandbox) = &self.sandbox {
            sandbox.charges.tell_soon().await;
        }
    }
}

/// The sandbox, and where it keeps its charges.
struct Sandbox {
    gateway: Arc<SandboxGateway>,
    charges: Arc<Charges>,
}

/// Where the sandbox's pages are.
struct Pages {
    public: Option<String>,
    here: Here,
}

fn open_sandbox(
    behaviour: &SandboxSettings,
    pages: Pages,
    ambient: &Ambient,
    keys: &KeyRing,
    database: &Database,
) -> anyhow::Result<Sandbox> {
    let key = match &behaviour.secret {
        Some(given) => given.clone(),
        None => SecretKey::new(keys.sandbox_secret().as_str()).context("the sandbox's key")?,
    };
    let base = move || {
        let server = pages.public.clone().unwrap_or_else(|| pages.here.url());
        format!("{server}/{CHECKOUT}")
    };
    let mut config = SandboxConfig::new(key, Arc::new(base));
    config.session = behaviour.session.unwrap_or(config.session);
    (config.delays, config.refunds) = (behaviour.delays, behaviour.refunds);
    let charges = Arc::new(Charges { database: database.clone(), ambient: ambient.clone() });
    let gateway = SandboxGateway::new(config, charges.clone(), Arc::clone(&ambient.clock));
    Ok(Sandbox { gateway: Arc::new(gateway), charges })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_found_on_this_machines_own() {
        let here = Here::new("0.0.0.0:8080".parse().unwrap());
        assert_eq!(here.url(), "http://127.0.0.1:8080");
        here.clone().listens_on("[::]:4711".parse().unwrap());
        assert_eq!(here.url(), "http://[::1]:4711");
    }
}
