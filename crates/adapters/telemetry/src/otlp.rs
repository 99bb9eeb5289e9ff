//! Spans beyond the log: one trace from the request over SQL and the outbox to delivery, sent to a collector by OTLP over
//! HTTP. What is stored with events and jobs is a W3C `traceparent`; who works on them later follows it.
//!
//! All types of OpenTelemetry stay in this file: its family breaks twice a year. While nothing is sent, every function here
//! is one look at a flag.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::Span;

/// Whether spans are sent anywhere in this process.
static SENDING: AtomicBool = AtomicBool::new(false);

/// Whether spans are sent anywhere in this process: then it is worth making them.
pub fn sending() -> bool {
    SENDING.load(Ordering::Relaxed)
}

/// Puts a span behind the one that a W3C `traceparent` names. Must be called before the span is entered; a text that is no
/// `traceparent` changes nothing.
pub fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent.filter(|_text| sending()) {
        sent::follow(span, traceparent);
    }
}

/// The `traceparent` of the current span, to be stored with what is done later; none while nothing is sent.
pub fn current_traceparent() -> Option<String> {
    if sending() { sent::current() } else { None }
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The address of the collector cannot be used.
    #[error("traces.otlp_endpoint must be the http:// address of a collector, such as http://127.0.0.1:4318")]
    Endpoint,
    /// The exporter could not be made.
    #[error("spans cannot be sent")]
    Exporter(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This binary cannot.
    #[error("this binary was built without the feature otlp")]
    NotBuilt,
}

/// The collector's address for spans: what was given, with the usual path when it names none.
#[cfg(feature = "otlp")]
fn address(endpoint: &str) -> Result<String, TracesError> {
    let endpoint = endpoint.trim().trim_end_matches('/');
    let Some(rest) = endpoint.strip_prefix("http://").filter(|rest| !rest.is_empty()) else {
        return Err(TracesError::Endpoint);
    };
    Ok(if rest.contains('/') { endpoint.to_owned() } else { format!("{endpoint}/v1/traces") })
}

pub(crate) use sent::{Traces, layer};

#[cfg(feature = "otlp")]
mod sent {
    use std::sync::atomic::Ordering;

    use opentelemetry::{
        Context, KeyValue,
        trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _},
    };
    use opentelemetry_otlp::WithExportConfig as _;
    use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
    use tracing::{Span, Subscriber, level_filters::LevelFilter};
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;
    use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

    use super::{SENDING, TracesError, address};

    /// What sends spans. Dropping it sends what is left.
    pub(crate) struct Traces(SdkTracerProvider);

    /// The exporter's client brings a runtime of its own, which may neither be made nor ended inside another (the SDK's own
    /// word): a plain thread does both.
    fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        std::thread::spawn(work).join().ok()
    }

    /// The layer that makes spans out of ours, and what sends them.
    pub(crate) fn layer<S>(endpoint: &str) -> Result<(impl Layer<S> + Send + Sync, Traces), TracesError>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let address = address(endpoint)?;
        let built = aside(move || {
            opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
                .with_endpoint(address)
                .build()
                .map(|exporter| {
                    let resource =
                        Resource::builder().with_attribute(KeyValue::new("service.name", "domicile")).build();
                    SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()
                })
        });
        let provider = match built {
            Some(Ok(provider)) => provider,
            Some(Err(error)) => return Err(TracesError::Exporter(error.into())),
            None => return Err(TracesError::Exporter("the exporter panicked".into())),
        };
        let layer = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("domicile"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        // Our own spans and events only: those of libraries, the exporter's among them, are nobody's trace.
        let ours = Targets::new().with_target("domicile", LevelFilter::DEBUG);
        SENDING.store(true, Ordering::Relaxed);
        Ok((layer.with_filter(ours), Traces(provider)))
    }

    impl Traces {
        /// Sends what is waiting, now.
        pub(crate) fn flush(&self) {
            let provider = self.0.clone();
            if let Some(Err(error)) = aside(move || provider.force_flush()) {
                tracing::warn!(%error, "spans could not be sent");
            }
        }
    }

    impl Drop for Traces {
        fn drop(&mut self) {
            let provider = self.0.clone();
            // At the end of the process nobody is left to be told.
            let _unsent = aside(move || provider.shutdown());
        }
    }

    pub(super) fn follow(span: &Span, traceparent: &str) {
        if let Some(parent) = read(traceparent) {
            // A span that nobody keeps cannot follow.
            let _followed = span.set_parent(Context::new().with_remote_span_context(parent));
        }
    }

    pub(super) fn current() -> Option<String> {
        let context = Span::current().context();
        let span = context.span();
        let span = span.span_context();
        span.is_valid()
            .then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8() & 1))
    }

    fn read(traceparent: &str) -> Option<SpanContext> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let context = SpanContext::new(trace, span, TraceFlags::new(flags & 1), true, TraceState::default());
        context.is_valid().then_some(context)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_a_traceparent_is_followed() {
            let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            assert_eq!(read(good).unwrap().trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            for bad in [
                "",
                "00-x-y-01",
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
            ] {
                assert!(read(bad).is_none(), "{bad}");
            }
        }
    }
}

#[cfg(not(feature = "otlp"))]
mod sent {
    use tracing::Span;
    use tracing_subscriber::layer::Identity;

    use super::TracesError;

    /// Nothing that could be made.
    pub(crate) enum Traces {}

    impl Traces {
        pub(crate) fn flush(&self) {
            match *self {}
        }
    }

    pub(crate) fn layer<S>(_endpoint: &str) -> Result<(Identity, Traces), TracesError> {
        Err(TracesError::NotBuilt)
    }

    pub(super) fn follow(_span: &Span, _traceparent: &str) {}

    pub(super) fn current() -> Option<String> {
        None
    }
}

#[cfg(all(test, feature = "otlp"))]
mod tests {
    use super::*;

    #[test]
    fn a_collector_without_a_path_is_asked_at_the_usual_one() {
        assert_eq!(address("http://127.0.0.1:4318").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(address("http://127.0.0.1:4318/").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(address("http://collector/own/path").unwrap(), "http://collector/own/path");
        for bad in ["", "http://", "https://collector", "127.0.0.1:4318"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
