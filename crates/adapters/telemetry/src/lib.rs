//! Logs: one line an event, JSON for machines or text for a terminal, each carrying the fields of the spans it happened
//! in, `request_id` first of all (W10). No rule lives here, and nothing here may make a request fail.

mod json;
mod redacted;

use std::{io, sync::Arc};

use domicile_kernel::Clock;
pub use redacted::Redacted;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{format::Writer, time::FormatTime, writer::BoxMakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

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
}

impl Options {
    /// JSON at `info` to standard error.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { format: Format::Json, filter: "info".to_owned(), writer: BoxMakeWriter::new(io::stderr), clock }
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
}

/// Sets logs up for the whole process, those of libraries that use the `log` crate included.
pub fn init(options: Options) -> Result<(), TelemetryError> {
    subscriber(options)?.try_init().map_err(TelemetryError::AlreadySet)
}

/// The subscriber alone, for a test that wants its own.
pub fn subscriber(options: Options) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError> {
    let filter = EnvFilter::try_new(&options.filter).map_err(TelemetryError::Filter)?;
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match options.format {
        Format::Json => Box::new(json::JsonLines::new(options.writer, options.clock)),
        Format::Text => Box::new(
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_timer(Timer(options.clock))
                .with_writer(options.writer),
        ),
    };
    Ok(Registry::default().with(lines).with(filter))
}

/// Lets text lines take their time from the same clock.
struct Timer(Arc<dyn Clock>);

impl FormatTime for Timer {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}
