//! Who may ask how often (J5, F40): the printed rules, what configuration makes of them, and which rules an operation
//! falls under. Counting is the port [`Limiter`](crate::ports::Limiter); one request's part in it is the `Tally`.
//!
//! A request is counted three times over, each time as soon as its subject is known: by its address before anything is
//! looked up, by its account once that is known (without one by its address again, under the rule of its method), and by
//! what its body names, an e-mail or a login, once that is read. Who is refused by one rule is counted by no other but the
//! first.

mod quota;
mod tally;

use std::net::IpAddr;

use actix_web::http::Method;
use domicile_kernel::Role;

pub use self::quota::{NotALimit, Quota};
pub(crate) use self::tally::{Limited, TOLD, Tally, flood};
use crate::{
    client::Network,
    operation::{LimitClass, Operation},
};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $quota:expr;)+) => {
        /// What is counted, each by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[$doc])* $name),+ }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The rule's name in headers, metrics and, with `_` for `-`, configuration.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The quota in force unless configuration says otherwise.
            #[must_use]
            pub const fn printed(self) -> Option<Quota> {
                match self { $(Self::$name => $quota),+ }
            }
        }
    };
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;

rules! {
    /// Everything from one address that is counted at all: a flood must not reach sign-in.
    Address = "address", Some(Quota::new(6_000, MINUTE));
    /// Tries to sign in from one address.
    Login = "login", Some(Quota::new(5, 15 * MINUTE));
    /// Failures to sign in under one name from one address.
    LoginFailures = "login-failures", Some(Quota::new(5, 15 * MINUTE));
    /// Accounts made from one address.
    Register = "register", Some(Quota::new(3, HOUR));
    /// Accounts made for one e-mail address: each time a code is made, and every code can be guessed at.
    RegisterEmail = "register-email", Some(Quota::new(5, HOUR));
    /// Reset codes asked for from one address.
    ForgotPassword = "forgot-password", Some(Quota::new(3, HOUR));
    /// Reset codes asked for one e-mail address.
    ForgotPasswordEmail = "forgot-password-email", Some(Quota::new(5, HOUR));
    /// Codes tried for one e-mail address from one address: from elsewhere nobody is locked out.
    VerifyOtp = "verify-otp", Some(Quota::new(5, 10 * MINUTE));
    /// More codes asked for one e-mail address.
    ResendOtp = "resend-otp", Some(Quota::new(3, HOUR));
    /// Beds asked for by one account.
    CreateBooking = "create-booking", Some(Quota::new(5, HOUR));
    /// Payments begun by one account.
    InitializePayment = "initialize-payment", Some(Quota::new(10, HOUR));
    /// GET and HEAD of one account in one hostel, or of one address without an account.
    GeneralGet = "general-get", Some(Quota::new(100, MINUTE));
    /// POST, the same.
    GeneralPost = "general-post", Some(Quota::new(30, MINUTE));
    /// PUT and PATCH, the same.
    GeneralPut = "general-put", Some(Quota::new(30, MINUTE));
    /// DELETE, the same.
    GeneralDelete = "general-delete", Some(Quota::new(10, MINUTE));
    /// Everything (F40: 100 in 15 minutes); off, for the printed table above is in force.
    TierGeneral = "tier-general", None;
    /// Everything under `/auth` (F40: 5 in 15 minutes); off.
    TierAuth = "tier-auth", None;
    /// Everything under `/admin` (F40: 50 in 5 minutes); off.
    TierAdmin = "tier-admin", None;
    /// Files sent in (F40).
    TierUpload = "tier-upload", Some(Quota::new(10, HOUR));
    /// Orders placed (F40).
    TierOrder = "tier-order", Some(Quota::new(10, HOUR));
}

/// How the rules are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Whether anything is counted at all.
    pub enabled: bool,
    /// At most about this many subjects are remembered at a time.
    pub max_keys: usize,
    /// Addresses with a larger quota: a whole house behind one of them, say.
    pub trusted_networks: Vec<Network>,
    /// How many times larger.
    pub trusted_multiplier: u32,
    /// How many times larger the quotas of accounts with a role are; once where nothing is said.
    pub role_multipliers: Vec<(Role, u32)>,
    /// In the order of [`Rule::ALL`]; a rule without a quota is off.
    quotas: Vec<Option<Quota>>,
}

impl Default for Limits {
    /// On, as printed.
    fn default() -> Self {
        Self {
            enabled: true,
            max_keys: 200_000,
            trusted_networks: Vec::new(),
            trusted_multiplier: 10,
            role_multipliers: Vec::new(),
            quotas: Rule::ALL.iter().map(|rule| rule.printed()).collect(),
        }
    }
}

impl Limits {
    /// Nothing is counted.
    #[must_use]
    pub fn off() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// The quota of a rule; nothing when it is off.
    #[must_use]
    pub fn quota(&self, rule: Rule) -> Option<Quota> {
        self.quotas.get(rule as usize).copied().flatten()
    }

    /// Sets the quota of a rule, or switches it off.
    pub fn set(&mut self, rule: Rule, quota: Option<Quota>) {
        if let Some(place) = self.quotas.get_mut(rule as usize) {
            *place = quota;
        }
    }

    /// Sets one key of the configuration section `rate_limits` from its text: `enabled`, `max_keys`, `trusted_networks`
    /// (blocks, with commas), `trusted_multiplier`, `role_multipliers` (`admin=4,manager=2`), or a rule by its name with
    /// `_` for `-` (`login = 5/15m`, `tier_auth = off`).
    pub fn configure(&mut self, key: &str, text: &str) -> Result<(), NotALimit> {
        let wrong = |want: &str| NotALimit::new(key, text, want);
        let entries = || text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        match key {
            "enabled" => self.enabled = text.parse().map_err(|_error| wrong("true or false"))?,
            "max_keys" => {
                let keys = text.parse().ok().filter(|keys| *keys > 0);
                self.max_keys = keys.ok_or_else(|| wrong("a number from 1"))?;
            }
            "trusted_networks" => {
                let networks = entries().map(str::parse).collect::<Result<_, _>>();
                self.trusted_networks =
                    networks.map_err(|_error| wrong("networks, such as 10.0.0.0/8,2001:db8::/32"))?;
            }
            "trusted_multiplier" => {
                self.trusted_multiplier = times(text).ok_or_else(|| wrong("a whole number from 1"))?;
            }
            "role_multipliers" => {
                let each = |entry: &str| {
                    let (role, many) = entry.split_once('=')?;
                    Some((Role::parse(role.trim())?, times(many.trim())?))
                };
                let multipliers = entries().map(each).collect::<Option<_>>();
                self.role_multipliers = multipliers.ok_or_else(|| wrong("roles, such as admin=4,manager=2"))?;
            }
            _ => {
                let named = |rule: &&Rule| rule.name().replace('-', "_") == key;
                let rule = Rule::ALL.iter().find(named).ok_or_else(|| NotALimit::unknown(key))?;
                let quota = if text == "off" { None } else { Some(text.parse().map_err(|_error| wrong(quota::FORM))?) };
                self.set(*rule, quota);
            }
        }
        Ok(())
    }

    /// How many times a quota is larger for an address.
    pub(crate) fn times_for(&self, address: Option<IpAddr>) -> u32 {
        let trusted =
            address.is_some_and(|address| self.trusted_networks.iter().any(|network| network.contains(address)));
        if trusted { self.trusted_multiplier } else { 1 }
    }

    /// How many times a quota is larger for a role.
    pub(crate) fn times_as(&self, role: Option<Role>) -> u32 {
        let said = self.role_multipliers.iter().find(|(who, _)| Some(*who) == role);
        said.map_or(1, |(_, times)| *times)
    }
}

fn times(text: &str) -> Option<u32> {
    text.parse().ok().filter(|times| *times > 0)
}

/// The printed general rule of an operation: by its canonical method, whatever alias or other method it was reached by.
pub(crate) fn general(operation: &Operation) -> Rule {
    match operation.method {
        Method::GET => Rule::GeneralGet,
        Method::DELETE => Rule::GeneralDelete,
        Method::PUT | Method::PATCH => Rule::GeneralPut,
        _ => Rule::GeneralPost,
    }
}

/// The rules of an operation for whoever sends it, the particular ones first.
pub(crate) fn rules_of(operation: &Operation) -> impl Iterator<Item = Rule> {
    let own = match operation.limit {
        LimitClass::Login => Some(Rule::Login),
        LimitClass::Register => Some(Rule::Register),
        LimitClass::ForgotPassword => Some(Rule::ForgotPassword),
        LimitClass::CreateBooking => Some(Rule::CreateBooking),
        LimitClass::InitializePayment => Some(Rule::InitializePayment),
        // Of these the body says who is counted.
        LimitClass::VerifyOtp | LimitClass::ResendOtp => None,
        LimitClass::General | LimitClass::Exempt => None,
    };
    let auth = operation.path.starts_with("/auth").then_some(Rule::TierAuth);
    let admin = operation.path.starts_with("/admin").then_some(Rule::TierAdmin);
    own.into_iter().chain(auth).chain(admin).chain([Rule::TierGeneral, general(operation)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_printed_ones() {
        let limits = Limits::default();
        let shown: Vec<String> = Rule::ALL
            .iter()
            .map(|rule| format!("{} {}", rule.name(), limits.quota(*rule).map_or("off".to_owned(), |q| q.to_string())))
            .collect();
        let expected = [
            "address 6000/1m",
            "login 5/15m",
            "login-failures 5/15m",
            "register 3/1h",
            "register-email 5/1h",
            "forgot-password 3/1h",
            "forgot-password-email 5/1h",
            "verify-otp 5/10m",
            "resend-otp 3/1h",
            "create-booking 5/1h",
            "initialize-payment 10/1h",
            "general-get 100/1m",
            "general-post 30/1m",
            "general-put 30/1m",
            "general-delete 10/1m",
            "tier-general off",
            "tier-auth off",
            "tier-admin off",
            "tier-upload 10/1h",
            "tier-order 10/1h",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_key_can_be_set_and_a_typo_is_told() {
        let mut limits = Limits::default();
        for (key, text) in [
            ("enabled", "false"),
            ("max_keys", "1000"),
            ("trusted_networks", "10.0.0.0/8, ::1"),
            ("trusted_multiplier", "20"),
            ("role_multipliers", "admin=4,manager=2"),
            ("login", "7/30s"),
            ("tier_auth", "5/15m"),
            ("tier_order", "off"),
        ] {
            limits.configure(key, text).unwrap();
        }
        assert!(!limits.enabled);
        assert_eq!((limits.max_keys, limits.trusted_networks.len()), (1_000, 2));
        assert_eq!(limits.times_for("10.9.9.9".parse().ok()), 20);
        assert_eq!(limits.times_for("11.9.9.9".parse().ok()), 1);
        assert_eq!(limits.times_as(Some(Role::Manager)), 2);
        assert_eq!(limits.times_as(Some(Role::Student)), 1);
        assert_eq!(limits.quota(Rule::Login), Some(Quota::new(7, 30)));
        assert_eq!(limits.quota(Rule::TierAuth), Some(Quota::new(5, 900)));
        assert_eq!(limits.quota(Rule::TierOrder), None);
        for (key, text) in [
            ("logins", "5/15m"),
            ("login", "5"),
            ("login", "0/1m"),
            ("login", "5/0m"),
            ("login", "5/15x"),
            ("login", "5/900d"),
            ("enabled", "yes"),
            ("max_keys", "0"),
            ("trusted_multiplier", "0"),
            ("trusted_networks", "ten"),
            ("role_multipliers", "king=2"),
        ] {
            let error = limits.configure(key, text).unwrap_err();
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
