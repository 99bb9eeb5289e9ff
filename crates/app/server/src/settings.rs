//! Configuration: flags over `DOMICILE_SECTION__KEY` in the environment over `domicile.toml` over defaults. Unknown keys are
//! errors, so that a typo never goes unnoticed. A secret may also come from a file: `…_FILE` names it.

mod given;
mod payments;

use std::{collections::HashMap, fs, net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use domicile_db::Backend;
use domicile_http::{client::Network, limits::Limits};
use domicile_realtime::RealtimeConfig;

use self::given::Given;
pub use self::payments::{PaymentSettings, Provider, SandboxSettings};
use crate::cli::{Common, Serve};

/// How much is made up when it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One machine: missing secrets are made once and kept in the data folder.
    Local,
    /// Every secret must be given.
    Production,
}

/// The configuration in force.
#[derive(Clone)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where data, keys and mail are kept.
    pub data_dir: PathBuf,
    /// The database the server works with.
    pub database_url: String,
    /// The database as its owner, for migrations.
    pub owner_url: String,
    /// At most this many connections for tenants' work.
    pub connections: u32,
    /// How much is made up when it is missing.
    pub profile: Profile,
    /// How long readiness is refused before the server stops accepting.
    pub drain_seconds: u64,
    /// The key ring's text, when it was given.
    pub key_ring: Option<String>,
    /// Where mail goes; without it, to the outbox folder.
    pub smtp_url: Option<String>,
    /// Who mail is from.
    pub mail_from: String,
    /// Which origins a browser may call from.
    pub allowed_origins: Vec<String>,
    /// When v0 ends, as an RFC 3339 instant.
    pub v0_sunset: String,
    /// How long the event log is kept.
    pub retention_days: u64,
    /// Whether this process does jobs.
    pub jobs: bool,
    /// Which log lines are written.
    pub log_filter: String,
    /// Whether they are JSON or for people.
    pub log_json: bool,
    /// Where log files are written besides; nowhere by default.
    pub log_dir: Option<PathBuf>,
    /// How many days' log files are kept.
    pub log_keep_days: u64,
    /// Proxies whose word about the client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// Who may ask how often.
    pub rate_limits: Limits,
    /// What `/metrics` is asked for with.
    pub metrics_token: Option<String>,
    /// From when on a request is slow, in milliseconds.
    pub slow_request_ms: u64,
    /// How sockets are bounded.
    pub realtime: RealtimeConfig,
    /// How payments are taken.
    pub payments: PaymentSettings,
    /// Where spans are sent, as OTLP over HTTP; nowhere by default.
    pub otlp_endpoint: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("data_dir", &self.data_dir)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Keys that may be given by `…_FILE`.
const SECRETS: &[&str] = &[
    "DATABASE__URL",
    "DATABASE__OWNER_URL",
    "KEYS__RING",
    "MAIL__SMTP_URL",
    "METRICS__TOKEN",
    "PAYMENTS__PAYSTACK_SECRET_KEY",
    "PAYMENTS__SANDBOX_SECRET",
    "REDIS__URL",
];

/// Environment names with our prefix that are not configuration.
const NOT_OURS: &[&str] = &["DOMICILE_TEST_", "DOMICILE_CI_"];

/// What the environment says, `…_FILE` already read.
fn environment(variables: impl Iterator<Item = (String, String)>) -> anyhow::Result<HashMap<String, String>> {
    let mut ours = HashMap::new();
    for (name, value) in variables {
        let Some(key) =
            name.strip_prefix("DOMICILE_").filter(|_| !NOT_OURS.iter().any(|other| name.starts_with(other)))
        else {
            continue;
        };
        match key.strip_suffix("_FILE").filter(|key| SECRETS.contains(key)) {
            Some(secret) => {
                let text = fs::read_to_string(&value)
                    .with_context(|| format!("{name} names {value}, which cannot be read"))?;
                ours.insert(format!("DOMICILE_{secret}"), text.trim().to_owned());
            }
            None => {
                ours.entry(name).or_insert(value);
            }
        }
    }
    Ok(ours)
}

impl Settings {
    /// Reads the configuration for a command. `file` is `domicile.toml` in the working folder, if it is there.
    pub fn load(flags: &Serve) -> anyhow::Result<Self> {
        let variables = environment(std::env::vars())?;
        let source = config::Environment::with_prefix("DOMICILE")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables));
        let given: Given = config::Config::builder()
            .add_source(config::File::new("domicile.toml", config::FileFormat::Toml).required(false))
            .add_source(source)
            .build()
            .and_then(config::Config::try_deserialize)
            .context("the configuration is wrong")?;
        Self::resolve(flags, given)
    }

    /// The same for a command that does not serve.
    pub fn load_common(common: &Common) -> anyhow::Result<Self> {
        Self::load(&Serve { common: common.clone(), ..Serve::default() })
    }

    fn resolve(flags: &Serve, given: Given) -> anyhow::Result<Self> {
        if flags.redis.is_some() || given.redis.url.is_some() {
            bail!("--redis is not there yet: this release runs on one node, with its cache and limits in the process");
        }
        let listen = flags.listen.clone().or(given.listen).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let listen = listen
            .parse()
            .with_context(|| format!("listen must be an address and a port, such as 127.0.0.1:8080, not {listen}"))?;
        let data_dir = flags.common.data_dir.clone().or(given.data_dir).unwrap_or_else(|| PathBuf::from("./data"));
        let database_url = match flags.common.database.clone().or(given.database.url) {
            Some(url) => url,
            None => format!("sqlite://{}", data_dir.join("domicile.db").display()),
        };
        let Some(backend) = Backend::of(&database_url) else {
            bail!("database.url must begin with postgres:// or sqlite:");
        };
        let profile = match flags.common.profile.as_deref().or(given.profile.as_deref()) {
            Some("local") => Profile::Local,
            Some("production") => Profile::Production,
            Some(other) => bail!("profile must be local or production, not {other}"),
            None if backend == Backend::Sqlite || on_this_machine(&database_url) => Profile::Local,
            None => Profile::Production,
        };
        let proxies = given.http.trusted_proxies.unwrap_or_default();
        let trusted_proxies =
            listed(&proxies).map(str::parse).collect::<Result<_, _>>().context("http.trusted_proxies")?;
        let mut rate_limits = Limits::default();
        for (key, text) in &given.rate_limits {
            rate_limits.configure(key, text)?;
        }
        let origins = given.cors.allowed_origins.unwrap_or_default();
        let log_json = match given.logs.format.as_deref() {
            None | Some("json") => true,
            Some("text") => false,
            Some(other) => bail!("logs.format must be json or text, not {other}"),
        };
        Ok(Self {
            listen,
            data_dir,
            owner_url: given.database.owner_url.unwrap_or_else(|| database_url.clone()),
            database_url,
            connections: given.database.connections.unwrap_or(20).clamp(2, 500),
            profile,
            drain_seconds: given.drain_seconds.unwrap_or(5),
            key_ring: given.keys.ring,
            smtp_url: given.mail.smtp_url,
            mail_from: given.mail.from.unwrap_or_else(|| "Domicile <no-reply@domicile.example>".to_owned()),
            allowed_origins: listed(&origins).map(str::to_owned).collect(),
            v0_sunset: given.api.v0_sunset.unwrap_or_else(|| "2027-11-21T00:00:00Z".to_owned()),
            retention_days: given.events.retention_days.unwrap_or(7).max(1),
            jobs: given.jobs.enabled.unwrap_or(true),
            // The dispatcher tells of every request that cannot be parsed as an error: anybody could fill the log with them.
            log_filter: given.logs.filter.unwrap_or_else(|| {
                "info,sqlx=warn,sea_orm_migration=warn,actix_server=warn,actix_http::h1::dispatcher=off".to_owned()
            }),
            log_json,
            log_dir: flags.log_dir.clone().or(given.logs.dir),
            log_keep_days: given.logs.keep_days.unwrap_or(14).max(1),
            trusted_proxies,
            rate_limits,
            metrics_token: given.metrics.token.filter(|token| !token.is_empty()),
            slow_request_ms: given.performance.slow_request_ms.unwrap_or(1_000).max(1),
            realtime: given.realtime.resolve(),
            payments: given.payments.resolve(profile)?,
            otlp_endpoint: given.traces.otlp_endpoint.filter(|endpoint| !endpoint.is_empty()),
        })
    }
}

/// The entries of a list that is written with commas.
fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Whether a PostgreSQL URL names this machine: loopback or a socket.
fn on_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    matches!(name, "" | "localhost" | "127.0.0.1" | "[::1]" | "::1") || name.starts_with("%2F")
}

#[cfg(test)]
mod tests {
    use domicile_http::limits::{Quota, Rule};

    use super::*;

    fn resolve(pairs: &[(&str, &str)], flags: &Serve) -> anyhow::Result<Settings> {
        let variables = environment(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))?;
        let source = config::Environment::with_prefix("DOMICILE")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables));
        let given = config::Config::builder().add_source(source).build()?.try_deserialize()?;
        Settings::resolve(flags, given)
    }

    #[test]
    fn nothing_given_is_sqlite_on_this_machine() {
        let settings = resolve(&[], &Serve::default()).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.profile, Profile::Local);
        assert!(settings.database_url.starts_with("sqlite://"));
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let flags = Serve { listen: Some("127.0.0.1:1".into()), ..Serve::default() };
        let settings = resolve(
            &[("DOMICILE_LISTEN", "127.0.0.1:2"), ("DOMICILE_DATABASE__URL", "postgres://db.example/x")],
            &flags,
        )
        .unwrap();
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.profile, Profile::Production);
    }

    #[test]
    fn an_unknown_key_is_an_error_and_test_variables_are_not_ours() {
        assert!(resolve(&[("DOMICILE_LISTN", "x")], &Serve::default()).is_err());
        assert!(resolve(&[("DOMICILE_DATABASE__URI", "x")], &Serve::default()).is_err());
        assert!(resolve(&[("DOMICILE_PAYMENTS__PROVIDERS", "none")], &Serve::default()).is_err());
        assert!(resolve(&[("DOMICILE_TEST_POSTGRES", "x")], &Serve::default()).is_ok());
    }

    #[test]
    fn limits_are_set_one_by_one_or_switched_off() {
        let pairs = [
            ("DOMICILE_RATE_LIMITS__ENABLED", "false"),
            ("DOMICILE_RATE_LIMITS__LOGIN", "7/1m"),
            ("DOMICILE_RATE_LIMITS__TRUSTED_MULTIPLIER", "3"),
        ];
        let limits = resolve(&pairs, &Serve::default()).unwrap().rate_limits;
        assert!(!limits.enabled);
        assert_eq!(limits.quota(Rule::Login), Some(Quota::new(7, 60)));
        assert_eq!(limits.trusted_multiplier, 3);
        assert!(resolve(&[("DOMICILE_RATE_LIMITS__LOGINS", "7/1m")], &Serve::default()).is_err());
    }

    #[test]
    fn redis_is_refused_by_name() {
        let error = resolve(&[("DOMICILE_REDIS__URL", "redis://x")], &Serve::default()).unwrap_err();
        assert!(error.to_string().contains("not there yet"));
    }

    #[test]
    fn a_postgres_of_this_machine_is_local() {
        for url in [
            "postgres://u@localhost/x",
            "postgres://127.0.0.1:5433/x",
            "postgres:///x?host=/run",
            "postgres://u:p@[::1]:5432/x",
        ] {
            assert!(on_this_machine(url), "{url}");
        }
        assert!(!on_this_machine("postgres://u:p@db.example:5432/localhost"));
    }
}
