//! A gateway in this process: it opens charges, shows a checkout page, answers when it is asked, and signs what it tells.
//! From the outside it is one like any other; no money moves.
//!
//! A charge has one outcome, whoever presses what how often, because a button is a change from one version of the charge
//! to the next in the [`SandboxStore`]. What is to be told of it follows from the stored row ([`Notice`]); whoever runs the
//! sandbox posts what [`SandboxGateway::pending_notices`] gives to the webhook route, and says so to
//! [`SandboxGateway::delivered`].

mod charge;
mod gateway;
mod memory;
mod notice;
mod page;
mod refund;
mod store;

use std::{fmt, sync::Arc, time::Duration};

pub use charge::{Action, Pressed, SandboxCharge, SandboxState};
use domicile_kernel::{Clock, StoreError};
pub use memory::MemorySandbox;
pub use notice::Notice;
pub use page::{content_security_policy, page, page_not_found};
pub use refund::{SandboxRefund, SandboxRefundState};
pub use store::{About, NoticeId, RefundWritten, SandboxStore, Untold};

use crate::secret::SecretKey;

/// The header that a notice is signed in.
pub const SIGNATURE_HEADER: &str = "x-sandbox-signature";

/// How often a button is tried again when somebody else was faster. A charge changes its state twice at most.
const TRIES: usize = 8;
/// How many characters of a ticket stand for the reference's proof.
const PROOF_CHARS: usize = 32;

/// Where the checkout pages are, without the ticket: `http://127.0.0.1:8080/sandbox/checkout`. It is asked at each charge,
/// for a server may learn its own port late.
pub type CheckoutBase = Arc<dyn Fn() -> String + Send + Sync>;

/// How a sandbox is set up.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Signs notices and tickets.
    pub key: SecretKey,
    /// Where its pages are.
    pub checkout_base: CheckoutBase,
    /// How long somebody can pay.
    pub session: Duration,
    /// How slow it is.
    pub delays: SandboxDelays,
    /// What becomes of refunds.
    pub refunds: SandboxRefundState,
}

/// How slow the sandbox is, for seeing what happens when a gateway does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxDelays {
    /// Before the answer to opening a charge, which is open by then.
    pub initialize: Duration,
    /// Before the answer about a charge that hangs.
    pub verify_hanging: Duration,
    /// Before the answer to a refund, which is made by then.
    pub refund: Duration,
    /// After how long it says itself that the time is over.
    pub patience: Duration,
}

impl Default for SandboxDelays {
    fn default() -> Self {
        Self {
            initialize: Duration::ZERO,
            verify_hanging: Duration::ZERO,
            refund: Duration::ZERO,
            patience: Duration::from_secs(10),
        }
    }
}

impl SandboxConfig {
    /// Answers at once, half an hour to pay, refunds go through.
    pub fn new(key: SecretKey, checkout_base: CheckoutBase) -> Self {
        Self {
            key,
            checkout_base,
            session: Duration::from_mins(30),
            delays: SandboxDelays::default(),
            refunds: SandboxRefundState::Processed,
        }
    }
}

impl fmt::Debug for SandboxConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxConfig")
            .field("session", &self.session)
            .field("delays", &self.delays)
            .field("refunds", &self.refunds)
            .finish_non_exhaustive()
    }
}

/// The sandbox.
pub struct SandboxGateway {
    config: SandboxConfig,
    store: Arc<dyn SandboxStore>,
    clock: Arc<dyn Clock>,
}

/// A page, ready to be sent as `text/html; charset=utf-8` with [`content_security_policy`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutPage {
    /// Whether the address is a charge's: 200, or 404.
    pub found: bool,
    /// What the button came to; nothing when none was pressed.
    pub pressed: Option<Pressed>,
    /// The page.
    pub html: String,
}

impl SandboxGateway {
    /// Over a store.
    pub fn new(config: SandboxConfig, store: Arc<dyn SandboxStore>, clock: Arc<dyn Clock>) -> Self {
        Self { config, store, clock }
    }

    /// The page at a ticket, which is the last segment of its address.
    pub async fn show(&self, ticket: &str) -> Result<CheckoutPage, StoreError> {
        let Some(charge) = self.charge_of(ticket).await? else { return Ok(CheckoutPage::not_found()) };
        let message = charge.has_expired(self.clock.now()).then_some(Pressed::Expired.message());
        Ok(CheckoutPage { found: true, pressed: None, html: self.page_of(&charge, message) })
    }

    /// What the page's form posted, as it came. A body that presses no button shows the page again.
    pub async fn post(&self, ticket: &str, body: &[u8]) -> Result<CheckoutPage, StoreError> {
        match Action::from_form(body) {
            Some(action) => self.submit(ticket, action).await,
            None => self.show(ticket).await,
        }
    }

    /// Presses a button of the page at a ticket.
    pub async fn submit(&self, ticket: &str, action: Action) -> Result<CheckoutPage, StoreError> {
        for _ in 0..TRIES {
            let Some(charge) = self.charge_of(ticket).await? else { return Ok(CheckoutPage::not_found()) };
            let (next, pressed) = charge::press(&charge, action, self.clock.now());
            let shown = match next {
                Some(next) if self.store.move_charge(&next).await? => next,
                // Somebody was faster. What they left is looked at anew.
                Some(_overtaken) => continue,
                None => charge,
            };
            let html = self.page_of(&shown, Some(pressed.message()));
            return Ok(CheckoutPage { found: true, pressed: Some(pressed), html });
        }
        Err(StoreError::Stale)
    }

    /// What is still to be told, all tellings of at most so many charges and refunds. To be posted in this order to the
    /// webhook route of provider `sandbox`.
    pub async fn pending_notices(&self, at_most: u32) -> Result<Vec<Notice>, StoreError> {
        let rows = self.store.untold(at_most).await?;
        Ok(rows.iter().flat_map(|row| notice::notices(row, &self.config.key)).collect())
    }

    /// Says that a notice was taken. False when that was said before.
    pub async fn delivered(&self, notice: &NoticeId) -> Result<bool, StoreError> {
        self.store.delivered(notice).await
    }

    /// The last segment of the address of a charge's page. Only the sandbox can make one: who knows a reference cannot pay
    /// for it yet.
    pub fn ticket(&self, reference: &str) -> String {
        format!("{reference}~{}", self.proof(reference))
    }

    fn proof(&self, reference: &str) -> String {
        let mut proof = self.config.key.sign(format!("sandbox checkout {reference}").as_bytes());
        proof.truncate(PROOF_CHARS);
        proof
    }

    async fn charge_of(&self, ticket: &str) -> Result<Option<SandboxCharge>, StoreError> {
        let Some((reference, proof)) = ticket.rsplit_once('~') else { return Ok(None) };
        if !same_bytes(proof.as_bytes(), self.proof(reference).as_bytes()) {
            return Ok(None);
        }
        self.store.find_charge(reference).await
    }

    /// The page shows no buttons once the time is over.
    fn page_of(&self, charge: &SandboxCharge, message: Option<&str>) -> String {
        page::page_at(charge, message, charge.has_expired(self.clock.now()))
    }
}

impl CheckoutPage {
    fn not_found() -> Self {
        Self { found: false, pressed: None, html: page_not_found() }
    }
}

/// Compares in a time that does not depend on where the two differ.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}
