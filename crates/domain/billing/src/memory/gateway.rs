//! A gateway in memory, which does what a test tells it: the payer pays or is declined when the test says so, answers get
//! lost before or after the effect, and what it reports can be made to lie.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use domicile_kernel::{Currency, Money};

use crate::ports::{
    AccountDetails, ChargeReport, ChargeStatus, Checkout, Domain, GatewayError, NewCharge, NewRefund, PaymentGateway,
    RefundReport, RefundStatus, Unreadable, WebhookEvent, WebhookKind,
};

/// What goes wrong with the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The question is lost: nothing was done.
    LostBefore,
    /// The answer is lost: it was done.
    LostAfter,
    /// It refuses, in these words.
    Refuses(String),
    /// It answers something that cannot be understood, having done it.
    Garbled,
}

/// How refunds go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundMode {
    /// At once.
    AtOnce,
    /// Slowly: until the test says otherwise.
    Slowly,
    /// Not at all.
    Fails,
    /// Only to an account that somebody names.
    NeedsAttention,
}

/// A gateway that does what it is told.
pub struct MemoryGateway {
    name: &'static str,
    state: Mutex<State>,
}

struct State {
    charges: BTreeMap<String, ChargeReport>,
    refunds: BTreeMap<String, RefundReport>,
    troubles: VecDeque<Trouble>,
    troubles_with: VecDeque<(&'static str, Trouble)>,
    mode: RefundMode,
    session: Duration,
    forgetful: bool,
    illiterate: bool,
    calls: BTreeMap<&'static str, usize>,
    meanwhile: VecDeque<(&'static str, Meanwhile)>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

impl MemoryGateway {
    /// One that works, under a name.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let state = State {
            charges: BTreeMap::new(),
            refunds: BTreeMap::new(),
            troubles: VecDeque::new(),
            troubles_with: VecDeque::new(),
            mode: RefundMode::AtOnce,
            session: Duration::from_mins(30),
            forgetful: false,
            illiterate: false,
            calls: BTreeMap::new(),
            meanwhile: VecDeque::new(),
        };
        Self { name, state: Mutex::new(state) }
    }

    /// The payer pays. False when there is no such charge.
    pub fn pay(&self, reference: &str) -> bool {
        self.report(reference, |charge| charge.status = ChargeStatus::Success)
    }

    /// The payer is declined.
    pub fn decline(&self, reference: &str) -> bool {
        self.report(reference, |charge| {
            charge.status = ChargeStatus::Failed;
            charge.message = Some("Declined".to_owned());
        })
    }

    /// Changes what the gateway reports of a charge.
    pub fn report(&self, reference: &str, change: impl FnOnce(&mut ChargeReport)) -> bool {
        self.state().charges.get_mut(reference).map(change).is_some()
    }

    /// What goes wrong with the next call that is not the reading of a webhook.
    pub fn trouble(&self, trouble: Trouble) {
        self.state().troubles.push_back(trouble);
    }

    /// What goes wrong with the next call of one kind, named as in [`calls`](Self::calls).
    pub fn trouble_with(&self, what: &'static str, trouble: Trouble) {
        self.state().troubles_with.push_back((what, trouble));
    }

    /// What happens while the answer to the next call of one kind is on its way.
    pub fn meanwhile(&self, what: &'static str, happens: impl FnOnce() + Send + 'static) {
        self.state().meanwhile.push_back((what, Box::new(happens)));
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut state = self.state();
        state.troubles.clear();
        state.troubles_with.clear();
    }

    /// How refunds go from now on.
    pub fn refunds_go(&self, mode: RefundMode) {
        self.state().mode = mode;
    }

    /// How a refund went, by our reference of it.
    pub fn settle_refund(&self, reference: &str, status: RefundStatus) -> bool {
        self.state().refunds.get_mut(reference).map(|refund| refund.status = status).is_some()
    }

    /// The references of the refunds that are not over.
    #[must_use]
    pub fn open_refunds(&self) -> Vec<String> {
        let over = [RefundStatus::Processed, RefundStatus::Failed];
        let state = self.state();
        let open = state.refunds.iter().filter(|(_, refund)| !over.contains(&refund.status));
        open.map(|(reference, _)| reference.clone()).collect()
    }

    /// It tells a checkout's address only once.
    pub fn forget_checkouts(&self) {
        self.state().forgetful = true;
    }

    /// Whether it can read no webhook any more, as after a change of their shape.
    pub fn cannot_read(&self, illiterate: bool) {
        self.state().illiterate = illiterate;
    }

    /// How often something was asked of it: `initialize`, `verify`, `refund`, `find_refund`, `retry_refund`.
    #[must_use]
    pub fn calls(&self, what: &'static str) -> usize {
        self.state().calls.get(what).copied().unwrap_or(0)
    }

    /// The references of the charges it knows.
    #[must_use]
    pub fn references(&self) -> Vec<String> {
        self.state().charges.keys().cloned().collect()
    }

    /// How much it holds for the house: paid charges without refunds that went through.
    #[must_use]
    pub fn holds(&self) -> i64 {
        let state = self.state();
        let taken = state.charges.values().filter(|charge| charge.status == ChargeStatus::Success);
        let back = state.refunds.values().filter(|refund| refund.status == RefundStatus::Processed);
        let sum = |amounts: &mut dyn Iterator<Item = Money>| amounts.map(Money::amount_minor).sum::<i64>();
        sum(&mut taken.map(|charge| charge.amount)) - sum(&mut back.map(|refund| refund.amount))
    }

    /// A webhook that tells how a charge stands, signed: the signature and the body. None when there is no such charge.
    #[must_use]
    pub fn webhook(&self, reference: &str) -> Option<(String, Vec<u8>)> {
        let report = self.state().charges.get(reference).cloned()?;
        let dedupe_key = format!("charge:{reference}:{:?}:{}", report.status, report.amount.amount_minor());
        let (reference, kind) = (Some(reference.to_owned()), WebhookKind::Charge(report));
        Some(self.sign(&WebhookEvent { kind, reference, dedupe_key }))
    }

    /// A webhook that tells how a refund stands. None when there is no such refund.
    #[must_use]
    pub fn refund_webhook(&self, charge: &str, refund: &str) -> Option<(String, Vec<u8>)> {
        let report = self.state().refunds.get(refund).cloned()?;
        let dedupe_key = format!("refund:{refund}:{:?}", report.status);
        let kind = WebhookKind::Refund { refund_reference: Some(refund.to_owned()), report };
        Some(self.sign(&WebhookEvent { kind, reference: Some(charge.to_owned()), dedupe_key }))
    }

    /// Any webhook, signed.
    #[must_use]
    pub fn sign(&self, event: &WebhookEvent) -> (String, Vec<u8>) {
        let body = serde_json::to_vec(event).unwrap_or_default();
        (signature(&body), body)
    }

    /// The signature of any body.
    #[must_use]
    pub fn signature_of(body: &[u8]) -> String {
        signature(body)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something, and lets happen to it what the test wants.
    fn answer<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut State) -> Result<T, GatewayError>,
    ) -> Result<T, GatewayError> {
        let (answer, meanwhile) = self.answer_now(what, act);
        if let Some(happens) = meanwhile {
            happens();
        }
        answer
    }

    fn answer_now<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut State) -> Result<T, GatewayError>,
    ) -> (Result<T, GatewayError>, Option<Meanwhile>) {
        let mut state = self.state();
        *state.calls.entry(what).or_insert(0) += 1;
        let happens = state.meanwhile.iter().position(|(of, _)| *of == what);
        let meanwhile = happens.and_then(|at| state.meanwhile.remove(at)).map(|(_, happens)| happens);
        let named = state.troubles_with.iter().position(|(of, _)| *of == what);
        let trouble = match named.and_then(|at| state.troubles_with.remove(at)) {
            Some((_, trouble)) => Some(trouble),
            None => state.troubles.pop_front(),
        };
        let answer = match trouble {
            None => act(&mut state),
            Some(Trouble::LostBefore) => Err(GatewayError::Timeout),
            Some(Trouble::LostAfter) => act(&mut state).and(Err(GatewayError::Timeout)),
            Some(Trouble::Garbled) => {
                act(&mut state).and(Err(GatewayError::Malformed { what: "data.id is a list".to_owned() }))
            }
            Some(Trouble::Refuses(message)) => Err(GatewayError::Refused { code: "refused".to_owned(), message }),
        };
        (answer, meanwhile)
    }
}

fn checkout(reference: &str) -> Checkout {
    Checkout { authorization_url: format!("memory:checkout/{reference}"), access_code: None }
}

/// No signature to rely on outside a test: FNV-1a over the body, behind a word.
fn signature(body: &[u8]) -> String {
    let hash = body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[async_trait]
impl PaymentGateway for MemoryGateway {
    fn provider(&self) -> &'static str {
        self.name
    }

    fn domain(&self) -> Domain {
        Domain::Test
    }

    fn session_length(&self) -> Duration {
        self.state().session
    }

    fn takes(&self, currency: Currency) -> bool {
        currency != Currency::EUR
    }

    async fn initialize(&self, charge: &NewCharge) -> Result<Checkout, GatewayError> {
        self.answer("initialize", |state| {
            if state.charges.contains_key(&charge.reference) {
                return Err(GatewayError::DuplicateReference);
            }
            let report = ChargeReport {
                reference: charge.reference.clone(),
                status: ChargeStatus::Pending,
                amount: charge.amount,
                requested: None,
                domain: Domain::Test,
                gateway_id: Some(format!("m-{}", state.charges.len())),
                fees: None,
                paid_at: None,
                message: None,
            };
            state.charges.insert(charge.reference.clone(), report);
            Ok(checkout(&charge.reference))
        })
    }

    async fn verify(&self, reference: &str) -> Result<ChargeReport, GatewayError> {
        self.answer("verify", |state| state.charges.get(reference).cloned().ok_or(GatewayError::Unknown))
    }

    fn checkout_of(&self, reference: &str) -> Option<Checkout> {
        let state = self.state();
        (!state.forgetful && state.charges.contains_key(reference)).then(|| checkout(reference))
    }

    async fn refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        self.answer("refund", |state| {
            let status = match state.mode {
                RefundMode::AtOnce => RefundStatus::Processed,
                RefundMode::Slowly => RefundStatus::Pending,
                RefundMode::Fails => RefundStatus::Failed,
                RefundMode::NeedsAttention => RefundStatus::NeedsAttention,
            };
            // A provider without a key of its own: a second call with the same reference is a second refund.
            let again = state.refunds.contains_key(&refund.reference);
            let key = if again { format!("{}-again", refund.reference) } else { refund.reference.clone() };
            let gateway_id = Some(format!("r-{}", state.refunds.len()));
            let report = RefundReport { status, amount: refund.amount, gateway_id, message: None };
            state.refunds.insert(key, report.clone());
            Ok(report)
        })
    }

    async fn find_refund(&self, refund: &NewRefund) -> Result<RefundReport, GatewayError> {
        self.answer("find_refund", |state| state.refunds.get(&refund.reference).cloned().ok_or(GatewayError::Unknown))
    }

    async fn retry_refund(&self, gateway_id: &str, _to: &AccountDetails) -> Result<RefundReport, GatewayError> {
        self.answer("retry_refund", |state| {
            let mut refunds = state.refunds.values_mut();
            let refund = refunds.find(|refund| refund.gateway_id.as_deref() == Some(gateway_id));
            let refund = refund.ok_or(GatewayError::Unknown)?;
            refund.status = RefundStatus::Processed;
            Ok(refund.clone())
        })
    }

    fn authenticate(&self, signed: Option<&str>, body: &[u8]) -> bool {
        signed == Some(signature(body).as_str())
    }

    fn read(&self, body: &[u8]) -> Result<WebhookEvent, Unreadable> {
        let read: Result<WebhookEvent, _> = serde_json::from_slice(body);
        let unreadable =
            |what, reference| Unreadable { what, dedupe_key: format!("unreadable:{}", signature(body)), reference };
        match read {
            Ok(event) if self.state().illiterate => {
                Err(unreadable("the field `kind` is in another shape".to_owned(), event.reference))
            }
            read => read.map_err(|error| unreadable(format!("not an event: {error}"), None)),
        }
    }

    fn signature_header(&self) -> &'static str {
        "x-memory-signature"
    }
}
