//! Where log lines go without anybody waiting: into a bounded buffer, from which one thread writes them to standard error
//! and to a file a day. Whoever logs copies a line and goes on; when the buffer is full the line is dropped and counted.

mod files;

use std::{
    io::{self, Write},
    mem,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use domicile_kernel::Clock;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriter};

use self::files::DailyFiles;

/// At most this many bytes wait to be written.
const WAITING: usize = 8 * 1024 * 1024;

/// The writer gathers lines this long before it writes them, so that many lines are one call to the system.
const GATHERED: Duration = Duration::from_millis(2);

/// How much room for lines is kept between bursts, in bytes.
const KEPT: usize = 64 * 1024;

/// Dropped since the process began, by every writer of it.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many lines were dropped since the process began, because they could not be written as fast as they came.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Log files: `domicile-2026-01-20.log`, a new one each day (UTC).
#[derive(Debug, Clone)]
pub struct LogFiles {
    /// The folder; made when it is not there.
    pub folder: PathBuf,
    /// How many days' files are kept, today's included.
    pub keep: usize,
}

/// The thread that writes, and what is waiting for it. Dropping it writes what is left.
pub struct Lines {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    bound: usize,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// To standard error and, with `files`, to files too. Fails when the folder cannot be written to.
    pub fn start(files: Option<LogFiles>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut sinks: Vec<Box<dyn Write + Send>> = vec![Box::new(io::stderr())];
        if let Some(LogFiles { folder, keep }) = files {
            sinks.push(Box::new(DailyFiles::open(folder, keep, clock)?));
        }
        Self::into(sinks, WAITING)
    }

    /// To these, with at most `bound` bytes waiting.
    pub fn into(mut sinks: Vec<Box<dyn Write + Send>>, bound: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared { bound, ..Shared::default() });
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || theirs.write_all(&mut sinks))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// For [`Options::writer`](crate::Options::writer).
    #[must_use]
    pub fn writer(&self) -> BoxMakeWriter {
        BoxMakeWriter::new(Handed(Arc::clone(&self.shared)))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn hand_over(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.len() + line.len() > self.bound {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if first {
            self.wake.notify_one();
        }
    }

    fn write_all(&self, sinks: &mut [Box<dyn Write + Send>]) {
        let mut taken = Vec::new();
        loop {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.bytes.is_empty() && !waiting.ended {
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if !waiting.ended {
                drop(waiting);
                std::thread::sleep(GATHERED);
                waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            }
            mem::swap(&mut waiting.bytes, &mut taken);
            let ended = waiting.ended;
            drop(waiting);
            for sink in &mut *sinks {
                // A full disk or a closed terminal must not end the process, nor keep the other sink from its lines. One that
                // neither takes nor refuses does: then lines are dropped, and counted.
                let _unwritten = sink.write_all(&taken).and_then(|()| sink.flush());
            }
            if ended && taken.is_empty() {
                return;
            }
            taken.clear();
            // What a burst needed is not kept for ever.
            taken.shrink_to(KEPT);
        }
    }
}

struct Handed(Arc<Shared>);

impl<'a> MakeWriter<'a> for Handed {
    type Writer = Hand<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Hand(&self.0)
    }
}

/// One line's way into the buffer.
pub struct Hand<'a>(&'a Shared);

impl Write for Hand<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.hand_over(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
