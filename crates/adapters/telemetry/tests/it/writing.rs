//! Log lines on their way to a file: none mixed, none lost without being counted, a file a day.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant as Stopwatch},
};

use domicile_kernel::ports::fixed::FixedClock;
use domicile_telemetry::{Lines, LogFiles, Options, lines, subscriber};
use tempfile::TempDir;

fn logging(lines: &Lines, clock: &Arc<FixedClock>, work: impl FnOnce()) {
    let options = Options { writer: lines.writer(), ..Options::new(clock.clone()) };
    tracing::subscriber::with_default(subscriber(options).unwrap(), work);
}

/// A sink that stands still until it is let go.
#[derive(Clone, Default)]
struct Stuck(Arc<(Mutex<Taken>, Condvar)>);

/// Whether it was let go, and what it took.
type Taken = (bool, Vec<u8>);

impl Stuck {
    fn let_go(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.1.wait_while(self.0.0.lock().unwrap(), |(free, _)| !*free).unwrap();
        state.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_day_has_its_file_and_the_oldest_are_removed() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("domicile-2026-01-01.log"), "old").unwrap();
    fs::write(folder.path().join("notes.log"), "somebody else's").unwrap();
    let clock = FixedClock::at("2026-01-20T23:59:59Z");
    for day in 0..3 {
        let files = LogFiles { folder: folder.path().to_owned(), keep: 2 };
        let lines = Lines::start(Some(files), clock.clone()).unwrap();
        logging(&lines, &clock, || tracing::info!(day, "hello"));
        drop(lines);
        clock.advance(Duration::from_hours(24));
    }
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["domicile-2026-01-21.log", "domicile-2026-01-22.log", "notes.log"]);
    let text = fs::read_to_string(folder.path().join("domicile-2026-01-22.log")).unwrap();
    assert!(text.lines().count() == 1 && text.contains("\"day\":2"), "{text}");
}

#[test]
fn midnight_is_passed_while_writing() {
    let folder = TempDir::new().unwrap();
    let clock = FixedClock::at("2026-01-20T23:59:59Z");
    let files = LogFiles { folder: folder.path().to_owned(), keep: 5 };
    let lines = Lines::start(Some(files), clock.clone()).unwrap();
    logging(&lines, &clock, || {
        tracing::info!("before");
        let yesterday = folder.path().join("domicile-2026-01-20.log");
        let deadline = Stopwatch::now() + Duration::from_secs(10);
        while fs::read_to_string(&yesterday).unwrap().is_empty() {
            assert!(Stopwatch::now() < deadline, "the first line was never written");
            std::thread::sleep(Duration::from_millis(1));
        }
        clock.advance(Duration::from_secs(2));
        tracing::info!("after");
    });
    drop(lines);
    let today = fs::read_to_string(folder.path().join("domicile-2026-01-21.log")).unwrap();
    assert!(today.contains("after") && !today.contains("before"), "{today}");
}

#[test]
fn a_sink_that_stands_still_stops_nobody_and_what_is_dropped_is_counted() {
    let (clock, stuck) = (FixedClock::at("2026-01-20T10:30:00Z"), Stuck::default());
    let lines = Lines::into(vec![Box::new(stuck.clone())], 10_000).unwrap();
    let before = lines::dropped();
    logging(&lines, &clock, || {
        for n in 0..1_000 {
            tracing::info!(n, "a line");
        }
    });
    let dropped = lines::dropped() - before;
    assert!(dropped > 0);
    stuck.let_go();
    drop(lines);
    let text = String::from_utf8(stuck.0.0.lock().unwrap().1.clone()).unwrap();
    assert_eq!(text.lines().count() as u64 + dropped, 1_000);
    assert!(text.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{text}");
}

#[test]
fn lines_of_many_threads_never_mix_and_all_arrive() {
    let (clock, sink) = (FixedClock::at("2026-01-20T10:30:00Z"), Stuck::default());
    sink.let_go();
    let lines = Lines::into(vec![Box::new(sink.clone())], 64 * 1024 * 1024).unwrap();
    let options = Options { writer: lines.writer(), ..Options::new(clock.clone()) };
    let dispatch = tracing::Dispatch::new(subscriber(options).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let dispatch = dispatch.clone();
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    for n in 0..2_000 {
                        let _span = tracing::info_span!("request", thread).entered();
                        tracing::info!(n, "answered");
                    }
                });
            });
        }
    });
    drop((dispatch, lines));
    let text = String::from_utf8(sink.0.0.lock().unwrap().1.clone()).unwrap();
    let seen: std::collections::HashSet<(u64, u64)> = text
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["thread"].as_u64().unwrap(), line["n"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(seen.len(), 8_000);
}

/// Not a test of time: it prints what a line costs, for whoever runs it with `--no-capture`.
#[test]
fn a_line_costs_little() {
    const ROUNDS: u32 = 20_000;
    let folder = TempDir::new().unwrap();
    let clock = FixedClock::at("2026-01-20T10:30:00.123456Z");
    let files =
        Lines::into(vec![Box::new(fs::File::create(folder.path().join("log")).unwrap())], 256 * 1024 * 1024).unwrap();
    logging(&files, &clock, || {
        let began = Stopwatch::now();
        for n in 0..ROUNDS {
            let span = tracing::info_span!(
                "request",
                request_id = "req_0190f5a0000070008000000000000001",
                method = "GET",
                endpoint = "/api/rooms",
                ip = "127.0.0.1",
                user_id = tracing::field::Empty,
                hostel_id = tracing::field::Empty,
            );
            span.record("user_id", "0190f5a0-0000-7000-8000-000000000001");
            span.record("hostel_id", "0190f5a0-0000-7000-8000-000000000002");
            let duration_ms = f64::from(n) / 1_000.0;
            span.in_scope(|| tracing::info!(status = 200, duration_ms, version = "v1", "answered"));
        }
        println!("a line, its span included: {:?}", began.elapsed() / ROUNDS);
    });
    drop(files);
    let text = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(text.lines().count(), ROUNDS as usize);
}
