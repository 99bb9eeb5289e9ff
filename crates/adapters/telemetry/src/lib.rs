//! What the house tells of itself. Logs: one line an event, JSON for machines or text for a terminal, each carrying the
//! fields of the spans it happened in, `request_id` first of all (W10). Metrics, performance windows, and spans sent to a
//! collector. No rule lives here, and nothing here may make a request fail.

mod json;
pub mod lines;
pub mod meters;
mod otlp;
pub mod performance;
pub mod process;
mod redacted;
mod watch;

use std::{io, sync::Arc};

use domicile_kernel::Clock;
pub use lines::{Lines, LogFiles};
pub use meters::{Endpoint, Meters, Observed, Statement};
pub use otlp::{TracesError, current_traceparent, follow, sending};
pub use performance::{Answered, Performance};
pub use redacted::Redacted;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{format::Writer, time::FormatTime, writer::BoxMakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
pub use watch::{SLOW, Watch};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object a line: `timestamp`, `level`, `target`, `message`, then the fields of the spans from the outermost
    /// to the innermost, then those of the event. Of two fields with one name the inner one is told.
    #[default]
    Json,
    /// For a person at a terminal.
    Text,
}

/// What logs are made with.
pub struct Options {
    /// How a line looks.
    pub format: Format,
    /// Which events are told, as `tracing-subscriber` reads it: `info,domicile_db=debug`.
    pub filter: String,
    /// Where lines go; standard error when nothing else is said.
    pub writer: BoxMakeWriter,
    /// Where timestamps come from.
    pub clock: Arc<dyn Clock>,
    /// Where spans are sent, as OTLP over HTTP, such as `http://127.0.0.1:4318`; nowhere when nothing is said.
    pub otlp_endpoint: Option<String>,
}

impl Options {
    /// JSON at `info` to standard error.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            format: Format::Json,
            filter: "info".to_owned(),
            writer: BoxMakeWriter::new(io::stderr),
            clock,
            otlp_endpoint: None,
        }
    }
}

/// Why logs were not set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter cannot be read; write it like info,domicile_db=debug")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Another part of the process was first.
    #[error("logs are set up already")]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
    /// Spans cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// What must be kept for as long as telemetry is wanted. Dropping it sends the spans that are left, which may take a moment.
#[must_use]
pub struct Running(Option<otlp::Traces>);

impl Running {
    /// Sends the spans that are waiting, now.
    pub fn flush(&self) {
        if let Some(traces) = &self.0 {
            traces.flush();
        }
    }
}

/// Sets logs and spans up for the whole process, the logs of libraries that use the `log` crate included.
pub fn init(options: Options) -> Result<Running, TelemetryError> {
    let (dispatch, running) = dispatch(options)?;
    dispatch.try_init().map_err(TelemetryError::AlreadySet)?;
    Ok(running)
}

/// The same, set up for nobody yet: for a test that wants its own.
pub fn dispatch(options: Options) -> Result<(Dispatch, Running), TelemetryError> {
    let Some(endpoint) = options.otlp_endpoint.clone() else {
        return Ok((Dispatch::new(subscriber(options)?), Running(None)));
    };
    // Each has its own filter: spans are made at debug even where the log is told less.
    let (filter, lines) = parts(options)?;
    let (spans, traces) = otlp::layer(&endpoint)?;
    let subscriber = Registry::default().with(lines.with_filter(filter)).with(spans);
    Ok((Dispatch::new(subscriber), Running(Some(traces))))
}

/// The subscriber for logs alone, which sends no spans.
pub fn subscriber(options: Options) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError> {
    let (filter, lines) = parts(options)?;
    Ok(Registry::default().with(lines).with(filter))
}

type LinesLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn parts(options: Options) -> Result<(EnvFilter, LinesLayer), TelemetryError> {
    let filter = EnvFilter::try_new(&options.filter).map_err(TelemetryError::Filter)?;
    let lines: LinesLayer = match options.format {
        Format::Json => Box::new(json::JsonLines::new(options.writer, options.clock)),
        Format::Text => Box::new(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_timer(Timer(options.clock))
                .with_writer(options.writer),
        ),
    };
    Ok((filter, lines))
}

/// Lets text lines take their time from the same clock.
struct Timer(Arc<dyn Clock>);

impl FormatTime for Timer {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}
