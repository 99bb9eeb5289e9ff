//! What one request was counted under, and what its answer says about that.

use std::{cell::RefCell, net::IpAddr, rc::Rc};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use domicile_access::{Email, policy::Identifier};
use domicile_kernel::{Actor, Code, Detail, HostelId, Instant, address::household};
use futures_util::future::{Ready, ready};
use serde_json::json;

use super::{Quota, Rule, general, rules_of};
use crate::{
    error::ApiError,
    facts::Facts,
    operation::{LimitClass, Operation},
    ports::{Receipt, Standing, Subject},
    shell::Shell,
};

/// What the refused are told, as printed.
const TOO_MANY: &str = "Too many requests. Please try again later.";

/// The counts of one request.
pub(crate) struct Tally {
    shell: Rc<Shell>,
    address: Option<IpAddr>,
    now: Instant,
    noted: RefCell<Vec<Noted>>,
}

/// One rule that the request was counted under, or refused by.
#[derive(Clone, Copy)]
struct Noted {
    rule: Rule,
    quota: Quota,
    standing: Standing,
}

/// Who a rule counts.
#[derive(Clone, Copy)]
enum Counts<'a> {
    Address,
    AddressAnd(&'a str),
    Text(&'a str),
    Account(&'a Actor, Option<HostelId>),
}

impl Tally {
    /// Of a request that was counted nowhere yet.
    pub(crate) fn new(shell: &Rc<Shell>, request: &HttpRequest) -> Self {
        let address = Facts::of(request).and_then(|facts| facts.ip);
        Self { shell: Rc::clone(shell), address, now: shell.ambient.now(), noted: RefCell::default() }
    }

    /// Of a request that left HTTP before a layer of it could count it.
    pub(crate) fn of_upgrade(shell: &Rc<Shell>, address: IpAddr) -> Self {
        Self { shell: Rc::clone(shell), address: Some(address), now: shell.ambient.now(), noted: RefCell::default() }
    }

    /// Counts its address, whatever was asked for.
    pub(crate) fn came(&self) -> Result<(), ApiError> {
        self.count(Rule::Address, Counts::Address).map(|_noted| ())
    }

    /// Counts its address, before anything else is known.
    pub(crate) fn arrived(&self, operation: &Operation) -> Result<(), ApiError> {
        if operation.limit == LimitClass::Exempt {
            return Ok(());
        }
        self.came()
    }

    /// Counts an operation that anybody may ask, by the address.
    pub(crate) fn anybody(&self, operation: &Operation) -> Result<(), ApiError> {
        self.all(operation, Counts::Address)
    }

    /// Counts an operation by whoever asks it, in the hostel they came into.
    pub(crate) fn known(&self, operation: &Operation, actor: &Actor, hostel: Option<HostelId>) -> Result<(), ApiError> {
        self.all(operation, Counts::Account(actor, hostel))
    }

    /// Counts a request that was turned away at the door by its address: the answer is why it was, or that they were too
    /// many.
    pub(crate) fn unknown(&self, operation: &Operation, error: ApiError) -> ApiError {
        if operation.limit == LimitClass::Exempt {
            return error;
        }
        match self.count(general(operation), Counts::Address) {
            Ok(_) => error,
            Err(refused) => refused,
        }
    }

    /// Counts an e-mail address that the body names, wherever it comes from.
    pub(crate) fn email(&self, rule: Rule, typed: Option<&str>) -> Result<(), ApiError> {
        let Some(email) = typed.map(mail) else { return Ok(()) };
        self.count(rule, Counts::Text(&email)).map(|_noted| ())
    }

    /// Counts an e-mail address that the body names together with the address it comes from.
    pub(crate) fn email_from_here(&self, rule: Rule, typed: Option<&str>) -> Result<(), ApiError> {
        let Some(email) = typed.map(mail) else { return Ok(()) };
        self.count(rule, Counts::AddressAnd(&email)).map(|_noted| ())
    }

    /// Counts a try to sign in as a failure, until it turns out to be none: so of many at once no more than may fail get to
    /// try.
    pub(crate) fn try_login(&self, typed: Option<&str>) -> Result<Option<Counted>, ApiError> {
        let Some(typed) = typed else { return Ok(None) };
        let name = match Identifier::detect(typed) {
            Identifier::Email(email) => email.to_string(),
            Identifier::Phone(phone) => phone,
            Identifier::Username(username) => username.key(),
            Identifier::Unknown => typed.trim().to_lowercase(),
        };
        self.count(Rule::LoginFailures, Counts::AddressAnd(&name))
    }

    /// Takes a count out again.
    pub(crate) fn forget(&self, counted: Counted) {
        self.shell.limiter.give_back(counted.0);
        self.noted.borrow_mut().retain(|noted| noted.standing.receipt != counted.0);
    }

    fn all(&self, operation: &Operation, counts: Counts<'_>) -> Result<(), ApiError> {
        if operation.limit == LimitClass::Exempt {
            return Ok(());
        }
        for rule in rules_of(operation) {
            self.count(rule, counts)?;
        }
        Ok(())
    }

    /// Counts one rule; who is refused gets back what other rules counted, but for the one that counts all that arrives.
    fn count(&self, rule: Rule, counts: Counts<'_>) -> Result<Option<Counted>, ApiError> {
        let limits = &self.shell.limits;
        let Some(quota) = limits.quota(rule).filter(|_| limits.enabled) else { return Ok(None) };
        let times = match counts {
            Counts::Address => limits.times_for(self.address),
            Counts::Account(actor, _) => limits.times_as(actor.role()),
            // Behind one address these still tell one person from the next.
            Counts::AddressAnd(_) | Counts::Text(_) => 1,
        };
        let quota = quota.times(times);
        let standing = self.shell.limiter.take(rule.name(), self.subject(counts), quota, self.now);
        let mut noted = self.noted.borrow_mut();
        if standing.allowed {
            noted.push(Noted { rule, quota, standing });
            return Ok(Some(Counted(standing.receipt)));
        }
        for earlier in noted.drain(..).filter(|earlier| earlier.rule != Rule::Address) {
            self.shell.limiter.give_back(earlier.standing.receipt);
        }
        noted.push(Noted { rule, quota, standing });
        self.shell.watch.meters.rate_limited(rule.name());
        Err(refusal(&standing, self.now))
    }

    fn subject<'a>(&self, counts: Counts<'a>) -> Subject<'a> {
        match counts {
            Counts::Address => Subject { numbers: [network(self.address), 0], text: "" },
            Counts::AddressAnd(text) => Subject { numbers: [network(self.address), 0], text },
            Counts::Text(text) => Subject { numbers: [0, 0], text },
            Counts::Account(actor, hostel) => match actor.account() {
                Some(account) => {
                    // The third kind of subject must not meet the first: addresses leave the second number zero.
                    let hostel = hostel.map_or(u128::MAX, |hostel| hostel.uuid().as_u128());
                    Subject { numbers: [account.uuid().as_u128(), hostel], text: "" }
                }
                None => Subject { numbers: [network(self.address), 0], text: "" },
            },
        }
    }

    /// Tells the caller how they stand under the tightest rule that counted them.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let noted = self.noted.borrow();
        let tightest = noted.iter().min_by_key(|noted| {
            let Standing { allowed, remaining, reset, .. } = noted.standing;
            (allowed, remaining, std::cmp::Reverse(reset))
        });
        let Some(Noted { rule, quota, standing }) = tightest else { return };
        let (name, remaining, reset) = (rule.name(), standing.remaining, whole_seconds(standing.reset));
        let wait = seconds_until(standing.reset, self.now);
        let lines = [
            (LIMIT, standing.limit.to_string()),
            (REMAINING, remaining.to_string()),
            (RESET, reset.to_string()),
            (POLICY, format!("\"{name}\";q={};w={}", quota.most, quota.seconds)),
            (RATE_LIMIT, format!("\"{name}\";r={remaining};t={wait}")),
        ];
        for (header, value) in lines {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The headers that a page must be allowed to read.
pub(crate) const TOLD: [HeaderName; 5] = [LIMIT, REMAINING, RESET, POLICY, RATE_LIMIT];

/// One count, for taking it out again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted(Receipt);

/// Counts a request for nothing that there is, by its address.
pub(crate) fn flood(shell: &Rc<Shell>, request: &HttpRequest) -> Result<(), ApiError> {
    Tally::new(shell, request).came()
}

/// The second at which a place is certainly free.
fn whole_seconds(reset: Instant) -> i64 {
    reset.micros().saturating_add(999_999).div_euclid(1_000_000)
}

fn seconds_until(reset: Instant, now: Instant) -> u64 {
    reset.since(now).as_micros().div_ceil(1_000_000) as u64
}

fn refusal(standing: &Standing, now: Instant) -> ApiError {
    let data = json!({
        "retry_after": seconds_until(standing.reset, now).max(1),
        "limit": standing.limit,
        "reset_at": Instant::from_seconds(whole_seconds(standing.reset)),
    });
    ApiError::new(Code::RateLimitExceeded, TOO_MANY).with(Detail::Data(data))
}

/// Where somebody stands in the world, as a number.
fn network(address: Option<IpAddr>) -> u128 {
    match address.map(household) {
        Some(IpAddr::V4(v4)) => v4.to_ipv6_mapped().to_bits(),
        Some(IpAddr::V6(v6)) => v6.to_bits(),
        None => 1,
    }
}

/// An e-mail address as sign-in reads it; one that is none, in the same spelling.
fn mail(typed: &str) -> String {
    Email::parse(typed).map_or_else(|_error| typed.trim().to_ascii_lowercase(), |email| email.to_string())
}

/// The counts of the request, for a handler that knows one more subject.
pub(crate) struct Limited(pub(crate) Rc<Tally>);

impl FromRequest for Limited {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let tally = request.extensions().get::<Rc<Tally>>().cloned();
        ready(tally.map(Self).ok_or_else(|| ApiError::internal("the operation was not admitted").into()))
    }
}
