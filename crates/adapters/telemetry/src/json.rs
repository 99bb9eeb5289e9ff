//! Events as JSON lines with the fields of their spans at the top level. The stock JSON format nests them under `span`
//! and `spans`, where a log store does not find a request id without being told twice.

use std::{error::Error, fmt, io::Write, sync::Arc};

use domicile_kernel::Clock;
use serde_json::{Map, Value, json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{MakeWriter, writer::BoxMakeWriter},
    layer::Context,
    registry::LookupSpan,
};

/// Members that only this layer writes; a field of the same name is told as `field.<name>`.
const OWN: [&str; 3] = ["timestamp", "level", "target"];

/// What a span was given so far.
struct SpanFields(Fields);

pub(crate) struct JsonLines {
    writer: BoxMakeWriter,
    clock: Arc<dyn Clock>,
}

impl JsonLines {
    pub(crate) fn new(writer: BoxMakeWriter, clock: Arc<dyn Clock>) -> Self {
        Self { writer, clock }
    }

    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Map<String, Value>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let metadata = event.metadata();
        let mut own = Fields::default();
        event.record(&mut own);
        // Events of the `log` crate arrive under one name; who really spoke is in a field.
        let spoke = own.0.remove("log.target");
        own.0.retain(|name, _| !name.starts_with("log."));
        let target = spoke.unwrap_or_else(|| metadata.target().into());

        let mut line = Map::new();
        line.insert("timestamp".into(), self.clock.now().to_string().into());
        line.insert("level".into(), metadata.level().as_str().into());
        line.insert("target".into(), target);
        line.insert("message".into(), own.0.remove("message").unwrap_or_default());
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend(
                    fields.0.iter().filter(|(name, _)| *name != "message").map(|(k, v)| (k.clone(), v.clone())),
                );
            }
        }
        line.extend(own.0);
        line
    }
}

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut bytes = Value::Object(self.line(event, &context)).to_string().into_bytes();
        bytes.push(b'\n');
        // One call a line, so that lines of two threads never mix. A full disk must not fail the request.
        let _unwritten = self.writer.make_writer_for(event.metadata()).write_all(&bytes);
    }
}

/// Collects fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        let name = if OWN.contains(&name) { format!("field.{name}") } else { name.to_owned() };
        self.0.insert(name, value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }

    /// An error is told with its whole chain.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.put(field, text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
