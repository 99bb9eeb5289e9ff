//! The counters that `/metrics` shows (J11, W16): every printed name that has a source, dots written as underscores, and
//! what an operator needs besides. Names without a source yet are absent, not zero.
//!
//! What a request touches is resolved beforehand: an operation's series are found by two indices and changed by atomics,
//! no label is hashed. What others own (connections, sockets, the cache) is asked for when somebody looks.

mod series;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domicile_kernel::Instant;
use prometheus::{Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use self::series::{Requests, status_slot};
use crate::{lines, process};

/// What an answer of `/metrics` is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An operation, as metrics name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Unique and stable, such as `rooms.list`.
    pub id: &'static str,
    /// The canonical method.
    pub method: String,
    /// The pattern of the path, never a path that was asked for.
    pub path: String,
}

/// Which operation a request met: its place among the [`Endpoint`]s, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed(pub(crate) usize);

impl Observed {
    /// No operation: an unknown path, or a method it does not have. Counted as `unmatched`.
    pub const UNMATCHED: Self = Self(usize::MAX);
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// Reads.
    Select,
    /// Adds rows.
    Insert,
    /// Changes rows.
    Update,
    /// Removes rows.
    Delete,
    /// Opens a transaction.
    Begin,
    /// Makes one permanent.
    Commit,
    /// Savepoints, pings and the like.
    Other,
}

impl Statement {
    const ALL: [Self; 7] =
        [Self::Select, Self::Insert, Self::Update, Self::Delete, Self::Begin, Self::Commit, Self::Other];

    /// The name in labels and spans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Other => "other",
        }
    }
}

type Asked = Box<dyn Fn() -> f64 + Send + Sync>;

/// The counters of one process. Cloning shares them.
#[derive(Clone)]
pub struct Meters(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Requests,
    queries: Vec<(Histogram, IntCounter)>,
    bookings_created: IntCounter,
    users_registered: IntCounter,
    payments_completed: IntCounter,
    payments_failed: IntCounter,
    payments_quarantined: IntCounter,
    webhooks_put_aside: IntCounterVec,
    rate_limited: IntCounterVec,
    relayed: IntCounter,
    sealed: IntCounter,
    jobs: IntCounterVec,
    asked: Mutex<AskedLater>,
}

#[derive(Default)]
struct AskedLater {
    gauges: HashMap<&'static str, GaugeVec>,
    /// By name and label values.
    each: HashMap<(&'static str, Vec<String>), (Gauge, Asked)>,
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}

impl Meters {
    /// Meters for these operations of a release, in a process that started at an instant.
    #[must_use]
    pub fn new(endpoints: &[Endpoint], release: &str, started: Instant) -> Self {
        let registry = Registry::new();
        let requests = Requests::new(&registry, endpoints);
        let durations = histogram_vec(
            &registry,
            "db_query_duration",
            "How long database round trips took, in milliseconds, by what they did.",
            &DATABASE_MS,
            &["kind"],
        );
        let failures = counter_vec(&registry, "db_query_errors", "Database round trips that failed.", &["kind"]);
        let queries = Statement::ALL.map(|kind| {
            let labels = [kind.as_str()];
            (durations.with_label_values(&labels), failures.with_label_values(&labels))
        });
        let bookings_created =
            counter(&registry, "bookings_created", "Stays that were asked for, by this process, since its start.");
        let users_registered =
            counter(&registry, "users_registered", "Accounts that were made, by this process, since its start.");
        let payments_completed = counter(
            &registry,
            "payments_completed",
            "Payments whose money was taken, by this process, since its start.",
        );
        let payments_failed = counter(
            &registry,
            "payments_failed",
            "Payments that were declined or not made in time, by this process, since its start.",
        );
        let help = "Reports of gateways that did not fit what was asked for, by this process, since its start.";
        let payments_quarantined = counter(&registry, "payments_quarantined", help);
        let help = "What gateways told and has no effect, by why, by this process, since its start.";
        let webhooks_put_aside = counter_vec(&registry, "payments_webhooks_put_aside", help, &["why"]);
        // What somebody watches for is there before it happens the first time.
        webhooks_put_aside.with_label_values(&["unreadable"]);
        let rate_limited =
            counter_vec(&registry, "rate_limit_exceeded", "Requests refused because of a limit, by rule.", &["rule"]);
        let relayed = counter(&registry, "outbox_relayed", "Events moved from the outbox to the log.");
        let sealed = counter(&registry, "audit_sealed", "Audit rows chained.");
        let jobs = counter_vec(&registry, "jobs_done", "Jobs done, by what became of them.", &["kind", "result"]);
        let asked = Mutex::default();
        let inner = Inner {
            registry,
            requests,
            queries: queries.into(),
            bookings_created,
            users_registered,
            payments_completed,
            payments_failed,
            payments_quarantined,
            webhooks_put_aside,
            rate_limited,
            relayed,
            sealed,
            jobs,
            asked,
        };
        let meters = Self(Arc::new(inner));
        meters.of_the_process(release, started);
        meters
    }

    fn of_the_process(&self, release: &str, started: Instant) {
        self.gauge_of("domicile_build_info", "The release that runs; always 1.", &[("version", release)], || 1.0);
        let started = started.micros() as f64 / 1e6;
        self.gauge("process_start_time_seconds", "When the process started, Unix seconds.", move || started);
        self.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", || {
            process::resident_bytes().map_or(f64::NAN, |bytes| bytes as f64)
        });
        self.gauge("process_open_fds", "Files and sockets that the process holds open.", || {
            process::open_files().map_or(f64::NAN, |count| count as f64)
        });
        self.gauge("log_lines_dropped", "Log lines dropped because they could not be written in time.", || {
            lines::dropped() as f64
        });
    }

    /// The place of an operation, by its id.
    #[must_use]
    pub fn observed(&self, id: &str) -> Observed {
        self.0.requests.place(id)
    }

    /// A request was answered.
    pub fn answered(&self, observed: Observed, status: u16, took: Duration) {
        self.0.requests.answered(observed, status_slot(status), took);
    }

    /// The database was asked, and answered or failed.
    pub fn query(&self, kind: Statement, took: Duration, failed: bool) {
        let Some((duration, errors)) = self.0.queries.get(kind as usize) else { return };
        duration.observe(milliseconds(took));
        if failed {
            errors.inc();
        }
    }

    /// A commit recorded an event of this kind.
    pub fn committed(&self, kind: &str) {
        match kind {
            "booking.created" => self.0.bookings_created.inc(),
            "user.created" => self.0.users_registered.inc(),
            "payment.completed" => self.0.payments_completed.inc(),
            "payment.failed" => self.0.payments_failed.inc(),
            _ => {}
        }
    }

    /// A commit wrote an audit row of this action.
    pub fn noted(&self, action: &str) {
        if action == "payment.quarantine" {
            self.0.payments_quarantined.inc();
        }
    }

    /// What a gateway told was put aside, because of this. Reasons are a closed list, not what gateways send.
    pub fn webhook_put_aside(&self, why: &str) {
        self.0.webhooks_put_aside.with_label_values(&[why]).inc();
    }

    /// A request was refused because of the limit of this rule. Rules are a closed list, not what callers send.
    pub fn rate_limited(&self, rule: &str) {
        self.0.rate_limited.with_label_values(&[rule]).inc();
    }

    /// The relay moved so many events and chained so many audit rows.
    pub fn relayed(&self, events: u64, sealed: u64) {
        self.0.relayed.inc_by(events);
        self.0.sealed.inc_by(sealed);
    }

    /// A job of this kind was done, put off or given up.
    pub fn job(&self, kind: &str, result: &'static str) {
        self.0.jobs.with_label_values(&[kind, result]).inc();
    }

    /// A figure somebody else keeps, asked for whenever `/metrics` is. It must answer at once, and not from here.
    pub fn gauge(&self, name: &'static str, help: &'static str, ask: impl Fn() -> f64 + Send + Sync + 'static) {
        self.gauge_of(name, help, &[], ask);
    }

    /// The same with labels; every figure of one name has the same label names. One that is asked for already is replaced.
    pub fn gauge_of(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        ask: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
        let registry = &self.0.registry;
        let vec = asked.gauges.entry(name).or_insert_with(|| {
            let vec = named(GaugeVec::new(Opts::new(name, help), &names));
            register(registry, vec.clone());
            vec
        });
        match vec.get_metric_with_label_values(&values) {
            Ok(gauge) => {
                let values = values.into_iter().map(str::to_owned).collect();
                asked.each.insert((name, values), (gauge, Box::new(ask)));
            }
            Err(error) => tracing::error!(%error, name, "a figure has other labels than its name had before"),
        }
    }

    /// Everything, in the text format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        for (gauge, ask) in asked.each.values() {
            gauge.set(ask());
        }
        let families = self.0.registry.gather();
        drop(asked);
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics could not be written");
            String::new()
        })
    }
}

/// Bounds of request durations, in milliseconds.
const REQUEST_MS: [f64; 13] = [0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0];

/// Bounds of database round trips, in milliseconds.
const DATABASE_MS: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 50.0, 250.0, 1_000.0, 5_000.0];

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

#[expect(clippy::expect_used, reason = "names and labels are constants of this module, tried by its tests")]
fn named<T>(made: prometheus::Result<T>) -> T {
    made.expect("a metric's name and labels are sound")
}

fn register(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    if let Err(error) = registry.register(Box::new(collector)) {
        tracing::error!(%error, "a metric could not be registered");
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let counter = named(IntCounter::new(name, help));
    register(registry, counter.clone());
    counter
}

fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counters = named(IntCounterVec::new(Opts::new(name, help), labels));
    register(registry, counters.clone());
    counters
}

fn histogram_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    bounds: &[f64],
    labels: &[&str],
) -> prometheus::HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    let histograms = named(prometheus::HistogramVec::new(options, labels));
    register(registry, histograms.clone());
    histograms
}
