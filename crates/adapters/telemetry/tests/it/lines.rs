//! What a log line looks like.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use domicile_kernel::ports::fixed::FixedClock;
use domicile_telemetry::{Format, Options, Redacted, TelemetryError, subscriber};
use serde_json::{Value, json};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: Format, filter: &str, work: impl FnOnce()) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let options = Options {
        format,
        filter: filter.to_owned(),
        writer: BoxMakeWriter::new(move || writer.clone()),
        ..Options::new(FixedClock::at("2026-01-20T10:30:00.25Z"))
    };
    tracing::subscriber::with_default(subscriber(options).unwrap(), work);
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_line_inside_a_span_carries_the_spans_request_id_at_the_top() {
    let text = logged(Format::Json, "info", || {
        let request = tracing::info_span!("request", request_id = "req_1", user_id = tracing::field::Empty);
        let _entered = request.enter();
        request.record("user_id", "u1");
        let inner = tracing::info_span!("use_case", hostel_id = "h1", attempt = 1);
        let _inner = inner.enter();
        tracing::warn!(attempt = 2, ok = false, "a \"quoted\"\nmessage");
    });
    assert_eq!(text.lines().count(), 1);
    let line: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({
        "timestamp": "2026-01-20T10:30:00.25Z", "level": "WARN", "target": "it::lines", "message": "a \"quoted\"\nmessage",
        "request_id": "req_1", "user_id": "u1", "hostel_id": "h1", "attempt": 2, "ok": false,
    });
    assert_eq!(line, expected);
}

#[test]
fn a_field_cannot_pose_as_the_lines_own_members() {
    let text = logged(Format::Json, "info", || tracing::info!(level = "fake", timestamp = 1, "real"));
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["level"], &line["field.level"], &line["field.timestamp"]),
        (&json!("INFO"), &json!("fake"), &json!(1))
    );
}

#[test]
fn an_error_is_told_with_its_chain() {
    let text = logged(Format::Json, "info", || {
        let error = TelemetryError::Filter("a=b=c".parse::<tracing_subscriber::EnvFilter>().unwrap_err());
        tracing::error!(error = &error as &dyn std::error::Error, "failed");
    });
    let line: Value = serde_json::from_str(&text).unwrap();
    let told = line["error"].as_str().unwrap();
    assert!(told.starts_with("the log filter cannot be read; ") && told.matches(": ").count() >= 1, "{told}");
}

#[test]
fn the_filter_decides_what_is_told() {
    let text = logged(Format::Json, "warn", || tracing::info!("quiet"));
    assert_eq!(text, "");
    let options = Options { filter: "a=b=c".into(), ..Options::new(FixedClock::at("2026-01-20T10:30:00Z")) };
    assert!(matches!(subscriber(options).err(), Some(TelemetryError::Filter(_))));
}

#[test]
fn text_lines_carry_the_span_too() {
    let text = logged(Format::Text, "info", || {
        let _entered = tracing::info_span!("request", request_id = "req_1").entered();
        tracing::info!("hello");
    });
    assert!(text.starts_with("2026-01-20T10:30:00.25Z") && text.contains("req_1") && text.contains("hello"), "{text}");
}

#[test]
fn what_is_redacted_is_never_printed() {
    let secret = Redacted::new("hunter2");
    assert_eq!(format!("{secret} {secret:?}"), "[redacted] [redacted]");
    assert_eq!(*secret.reveal(), "hunter2");
}
