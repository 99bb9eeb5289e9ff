//! Telemetry of the whole process, kept where a test can read it: every log line at `trace`, and what a collector was sent.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, OnceLock},
};

use domicile_kernel::ports::fixed::FixedClock;
use domicile_telemetry::{Options, Running};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Everything is told, but by the libraries that only the test itself calls through: its HTTP client would tell what the
/// test sends, which it knows.
const FILTER: &str = "trace,hyper=off,hyper_util=off,reqwest=off,mio=off";

#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The telemetry of this process.
pub(crate) struct Stage {
    pub(crate) lines: Kept,
    pub(crate) spans: Kept,
    pub(crate) running: Running,
}

/// Sets it up once; the tests of a process share it.
pub(crate) fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let (lines, spans) = (Kept::default(), Kept::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let theirs = spans.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _peer)) = listener.accept() {
                let spans = theirs.clone();
                std::thread::spawn(move || collect(stream, &spans));
            }
        });
        let writer = lines.clone();
        let options = Options {
            filter: FILTER.to_owned(),
            writer: BoxMakeWriter::new(move || writer.clone()),
            otlp_endpoint: Some(endpoint),
            ..Options::new(FixedClock::at(crate::support::NOW))
        };
        let running = domicile_telemetry::init(options).unwrap();
        Stage { lines, spans, running }
    })
}

/// Takes whatever is posted and says that it is well.
fn collect(mut stream: TcpStream, spans: &Kept) {
    let (mut seen, mut buffer) = (Vec::new(), vec![0; 65_536]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
        let Some(head) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&seen[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap().trim().parse().unwrap();
        if seen.len() < head + 4 + length {
            continue;
        }
        spans.clone().write_all(&seen[head + 4..]).unwrap();
        seen.clear();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}
