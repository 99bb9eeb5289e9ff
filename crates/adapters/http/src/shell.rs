//! What the framework of this adapter works with, apart from any context's services: configuration, time, ports, and the
//! runtime on which use cases run.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domicile_kernel::{Fault, Instant, ports::Ambient};
use domicile_telemetry::{Redacted, Watch};
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::{
    client::Network,
    error::ApiError,
    limits::Limits,
    ports::{ByteCache, Gate, Health, Limiter, RefusalSink, Sockets},
};

/// How this adapter is set up.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Whether the process serves the public: then browsers are told to come back by TLS only.
    pub production: bool,
    /// Origins whose pages may call the API (`https://app.example.org`); none by default, and never `*`.
    pub allowed_origins: Vec<String>,
    /// Proxies whose word about the client's address is taken; none by default.
    pub trusted_proxies: Vec<Network>,
    /// When v0 ends.
    pub sunset: Instant,
    /// The version of this release, as `/` and `/health` tell it.
    pub release: &'static str,
    /// How long a use case may take before the caller is told to come back.
    pub deadline: Duration,
    /// When the process started, for the uptime.
    pub started: Instant,
    /// What `/metrics` is asked for with. Without one it is open on a machine of one's own and not there in production.
    pub metrics_token: Option<Redacted<String>>,
}

impl HttpConfig {
    /// For a machine of one's own: no origins, thirty seconds, v0 ends in a year.
    #[must_use]
    pub fn local(now: Instant) -> Self {
        const YEAR: Duration = Duration::from_hours(365 * 24);
        Self {
            production: false,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            sunset: now.plus(YEAR),
            release: env!("CARGO_PKG_VERSION"),
            deadline: Duration::from_secs(30),
            started: now,
            metrics_token: None,
        }
    }
}

/// The framework's own state.
#[derive(Clone)]
pub struct Shell {
    /// How it is set up.
    pub config: HttpConfig,
    /// Time and ids.
    pub ambient: Ambient,
    /// Who may come in.
    pub gate: Arc<dyn Gate>,
    /// Where refusals are noted.
    pub refusals: Arc<dyn RefusalSink>,
    /// How often who may ask.
    pub limits: Arc<Limits>,
    /// Counts who asks.
    pub limiter: Arc<dyn Limiter>,
    /// Serialised lists.
    pub cache: Arc<dyn ByteCache>,
    /// Whether the house is well.
    pub health: Arc<dyn Health>,
    /// What is noted of every request.
    pub watch: Watch,
    /// Where sockets go; none in an installation without them.
    pub sockets: Option<Arc<dyn Sockets>>,
    /// The process's multi-threaded runtime, where the pools live.
    pub runtime: tokio::runtime::Handle,
}

/// How many computations run at a time: they take processors from everybody else.
static COMPUTING: Semaphore = Semaphore::const_new(2);

/// What a use case answered, and whether it is the stored answer to a repeated idempotency key.
#[derive(Debug)]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// Whether nothing was done this time.
    pub replayed: bool,
}

impl Shell {
    /// Runs a use case to its end on the process's runtime. A client that goes away cannot stop it halfway, a panic is
    /// our fault and nobody else's, and after the deadline it is dropped, which rolls it back.
    pub async fn run<T, E, F>(&self, work: F) -> Result<Done<T>, ApiError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: DeserializeOwned + Send + 'static,
        E: Fault + Send + 'static,
    {
        match self.finish(work).await? {
            Ok(value) => Ok(Done { value, replayed: false }),
            Err(error) => match error.replayed() {
                Some(outcome) => Ok(Done { value: outcome.view()?, replayed: true }),
                None => Err(error.into()),
            },
        }
    }

    /// The same for what only reads.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Fault + Send + 'static,
    {
        Ok(self.finish(work).await??)
    }

    /// Runs what only computes on a thread of its own, within the deadline: it would hold up whoever shares a thread with
    /// it. A few run at a time, the others wait.
    pub(crate) async fn compute<T, E, F>(&self, work: F) -> Result<T, ApiError>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Fault + Send + 'static,
    {
        let turn = async move {
            // Nobody closes it.
            let permit = COMPUTING.acquire().await.ok();
            let span = tracing::Span::current();
            // What was begun cannot be stopped: its place is taken until it ends, whoever still waits for it.
            tokio::task::spawn_blocking(move || {
                let answer = span.in_scope(work);
                drop(permit);
                answer
            })
            .await
        };
        match self.finish(turn).await? {
            Ok(answer) => Ok(answer?),
            Err(join) if join.is_panic() => Err(ApiError::internal(panic_text(join.into_panic().as_ref()))),
            Err(join) => Err(ApiError::unavailable(join.to_string())),
        }
    }

    /// Runs any future on the process's runtime, within the deadline.
    pub(crate) async fn finish<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let deadline = self.config.deadline;
        let guarded = AssertUnwindSafe(async move { tokio::time::timeout(deadline, work).await }).catch_unwind();
        // Told apart from the request only where somebody listens at debug.
        let span = tracing::debug_span!("use_case");
        let span = if span.is_disabled() { tracing::Span::current() } else { span };
        match self.runtime.spawn(guarded.instrument(span)).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(_elapsed))) => Err(ApiError::unavailable("the use case passed its deadline")),
            Ok(Err(panic)) => Err(ApiError::internal(panic_text(panic.as_ref()))),
            Err(join) => Err(ApiError::unavailable(join.to_string())),
        }
    }
}

/// What a panic said, for the log.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", said.unwrap_or("without a message"))
}
