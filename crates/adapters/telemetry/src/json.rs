//! Events as JSON lines with the fields of their spans at the top level. The stock JSON format nests them under `span`
//! and `spans`, where a log store does not find a request id without being told twice.
//!
//! It runs once a request, so it does not build values to print them: a span's fields are written as JSON when they are
//! recorded and copied from there, and a line is put together in a buffer that its thread keeps.

mod text;

use std::{cell::RefCell, error::Error, fmt, io::Write, sync::Arc};

use domicile_kernel::Clock;
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

/// A buffer that grew past this by one huge line is not kept.
const KEPT: usize = 64 * 1024;

thread_local! {
    /// The line in the making, and the fields of its event.
    static DESK: RefCell<(Vec<u8>, Fields)> = RefCell::default();
}

pub(crate) struct JsonLines {
    writer: BoxMakeWriter,
    clock: Arc<dyn Clock>,
}

impl JsonLines {
    pub(crate) fn new(writer: BoxMakeWriter, clock: Arc<dyn Clock>) -> Self {
        Self { writer, clock }
    }

    fn write<S>(&self, line: &mut Vec<u8>, own: &mut Fields, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let metadata = event.metadata();
        event.record(own);
        line.extend_from_slice(b"{\"timestamp\":\"");
        text::instant(line, self.clock.now());
        line.extend_from_slice(b"\",\"level\":\"");
        line.extend_from_slice(metadata.level().as_str().as_bytes());
        line.extend_from_slice(b"\",\"target\":");
        // Events of the `log` crate arrive under one name; who really spoke is in a field.
        match own.find("log.target") {
            Some(spoke) => line.extend_from_slice(spoke),
            None => text::string(line, metadata.target()),
        }
        line.extend_from_slice(b",\"message\":");
        line.extend_from_slice(own.find("message").unwrap_or(b"null"));
        if let Some(span) = context.event_span(event) {
            spans(line, &span, own, &mut Vec::new());
        }
        own.print(line, |name| name == "message" || name.starts_with("log."));
        line.extend_from_slice(b"}\n");
    }
}

/// Prints the fields of a span and, before them, those of the spans around it; one that is said again further in is not
/// printed. `inner` are the names of the spans further in.
fn spans<'s, S>(
    line: &mut Vec<u8>,
    span: &tracing_subscriber::registry::SpanRef<'s, S>,
    own: &Fields,
    inner: &mut Vec<&'static str>,
) where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let depth = inner.len();
    if let Some(parent) = span.parent() {
        if let Some(fields) = span.extensions().get::<Fields>() {
            inner.extend(fields.names());
        }
        spans(line, &parent, own, inner);
        inner.truncate(depth);
    }
    if let Some(fields) = span.extensions().get::<Fields>() {
        fields.print(line, |name| name == "message" || own.has(name) || inner.contains(&name));
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
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // At a thread's very end the desk may be gone; so is, then, the line.
        let _told = DESK.try_with(|desk| {
            // Taken and put back: something that logs while it is being printed finds an empty desk, not a locked one.
            let (mut line, mut own) = desk.take();
            self.write(&mut line, &mut own, event, &context);
            // One call a line, so that lines of two threads never mix. A full disk must not fail the request.
            let _unwritten = self.writer.make_writer_for(event.metadata()).write_all(&line);
            if line.capacity() <= KEPT && own.bytes.capacity() <= KEPT {
                line.clear();
                own.clear();
                desk.replace((line, own));
            }
        });
    }
}

/// Fields, each as its name and the JSON of its value. Of two with one name the later is kept.
#[derive(Default)]
struct Fields {
    bytes: Vec<u8>,
    places: Vec<(&'static str, usize, usize)>,
}

impl Fields {
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.places.iter().map(|(name, ..)| *name)
    }

    fn has(&self, name: &str) -> bool {
        self.places.iter().any(|(known, ..)| *known == name)
    }

    fn find(&self, name: &str) -> Option<&[u8]> {
        let (_, from, to) = self.places.iter().find(|(known, ..)| *known == name)?;
        self.bytes.get(*from..*to)
    }

    /// Each as `,"name":value`, but those that are to be left out.
    fn print(&self, line: &mut Vec<u8>, left_out: impl Fn(&'static str) -> bool) {
        for (name, from, to) in &self.places {
            if left_out(name) {
                continue;
            }
            line.extend_from_slice(b",\"");
            if OWN.contains(name) {
                line.extend_from_slice(b"field.");
            }
            // Names are written in code; none holds what JSON would have to escape.
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"\":");
            line.extend_from_slice(self.bytes.get(*from..*to).unwrap_or(b"null"));
        }
    }

    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.bytes.len();
        write(&mut self.bytes);
        let (name, to) = (field.name(), self.bytes.len());
        match self.places.iter_mut().find(|(known, ..)| *known == name) {
            Some(place) => *place = (name, from, to),
            None => self.places.push((name, from, to)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |bytes| text::string(bytes, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |bytes| bytes.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |bytes| text::plain(bytes, format_args!("{value}")));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |bytes| text::plain(bytes, format_args!("{value}")));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, |bytes| text::number(bytes, value));
    }

    /// An error is told with its whole chain.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, |bytes| {
            bytes.push(b'"');
            text::escaped(bytes, format_args!("{value}"));
            let mut cause = value.source();
            while let Some(error) = cause {
                text::escaped(bytes, format_args!(": {error}"));
                cause = error.source();
            }
            bytes.push(b'"');
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, |bytes| {
            bytes.push(b'"');
            text::escaped(bytes, format_args!("{value:?}"));
            bytes.push(b'"');
        });
    }
}
