//! What is counted and remembered of requests, and how it is shown.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as Stopwatch},
};

use domicile_kernel::{Clock as _, Instant, ports::fixed::FixedClock};
use domicile_telemetry::{Answered, Endpoint, Observed, Performance, SLOW, Statement, Watch, performance::SLOW_KEPT};

const NOW: &str = "2026-01-20T10:30:00Z";

fn watch() -> Watch {
    let endpoints = [
        Endpoint { id: "rooms.list", method: "GET".into(), path: "/api/rooms".into() },
        Endpoint { id: "bookings.create", method: "POST".into(), path: "/api/bookings".into() },
    ];
    Watch::new(&endpoints, "1.2.3", NOW.parse().unwrap(), SLOW)
}

fn answered(watch: &Watch, id: &str, status: u16, ms: u64, now: Instant) {
    let observed = watch.observed(id);
    watch.answered(Answered { observed, status, took: Duration::from_millis(ms), now, request_id: "req_1" });
}

#[track_caller]
fn shows(text: &str, line: &str) {
    assert!(text.lines().any(|shown| shown == line), "{line} is missing in:\n{text}");
}

#[test]
fn requests_are_counted_by_method_pattern_and_status() {
    let (watch, now) = (watch(), NOW.parse().unwrap());
    for (id, status) in [("rooms.list", 200), ("rooms.list", 200), ("bookings.create", 409), ("nothing", 404)] {
        answered(&watch, id, status, 3, now);
    }
    answered(&watch, "rooms.list", 418, 3, now);
    let text = watch.meters.text();
    shows(&text, r#"api_request_count{endpoint="/api/rooms",method="GET",status="200"} 2"#);
    shows(&text, r#"api_request_count{endpoint="/api/rooms",method="GET",status="other"} 1"#);
    shows(&text, r#"api_request_errors{endpoint="/api/bookings",method="POST",status="409"} 1"#);
    shows(&text, r#"api_request_count{endpoint="unmatched",method="any",status="404"} 1"#);
    shows(&text, r#"api_request_duration_bucket{endpoint="/api/rooms",method="GET",status="200",le="2.5"} 0"#);
    shows(&text, r#"api_request_duration_bucket{endpoint="/api/rooms",method="GET",status="200",le="5"} 2"#);
    assert!(!text.contains(r#"api_request_errors{endpoint="/api/rooms",method="GET",status="200""#));
}

#[test]
fn what_never_had_a_source_is_absent_and_what_had_none_yet_is_zero() {
    let text = watch().meters.text();
    for name in [
        "bookings_created 0",
        "users_registered 0",
        "payments_completed 0",
        "payments_failed 0",
        "payments_quarantined 0",
        r#"payments_webhooks_put_aside{why="unreadable"} 0"#,
    ] {
        shows(&text, name);
    }
    assert!(!text.contains("maintenance_"));
}

#[test]
fn commits_queries_and_limits_are_counted() {
    let meters = watch().meters;
    for kind in ["booking.created", "booking.created", "user.created", "room.updated", "payment.failed"] {
        meters.committed(kind);
    }
    meters.committed("payment.completed");
    for action in ["payment.complete", "payment.quarantine"] {
        meters.noted(action);
    }
    meters.webhook_put_aside("unreadable");
    meters.query(Statement::Insert, Duration::from_micros(700), false);
    meters.query(Statement::Commit, Duration::from_micros(700), true);
    meters.rate_limited("login");
    meters.relayed(3, 4);
    meters.job("mail.send", "done");
    let text = meters.text();
    for line in [
        "bookings_created 2",
        "users_registered 1",
        "payments_completed 1",
        "payments_failed 1",
        "payments_quarantined 1",
        r#"payments_webhooks_put_aside{why="unreadable"} 1"#,
        r#"db_query_duration_bucket{kind="insert",le="0.5"} 0"#,
        r#"db_query_duration_bucket{kind="insert",le="1"} 1"#,
        r#"db_query_errors{kind="commit"} 1"#,
        r#"db_query_errors{kind="insert"} 0"#,
        r#"rate_limit_exceeded{rule="login"} 1"#,
        "outbox_relayed 3",
        "audit_sealed 4",
        r#"jobs_done{kind="mail.send",result="done"} 1"#,
        r#"domicile_build_info{version="1.2.3"} 1"#,
        "process_start_time_seconds 1768905000",
    ] {
        shows(&text, line);
    }
}

#[test]
fn figures_of_others_are_asked_for_each_time_and_replaced_by_name() {
    let meters = watch().meters;
    let open = Arc::new(AtomicU64::new(7));
    let asked = Arc::clone(&open);
    meters.gauge("websocket_connections", "Open sockets.", move || asked.load(Ordering::Relaxed) as f64);
    meters.gauge_of("db_connection_pool", "Connections.", &[("pool", "app"), ("state", "busy")], || 2.0);
    meters.gauge_of("db_connection_pool", "Connections.", &[("pool", "app"), ("state", "idle")], || 3.0);
    shows(&meters.text(), "websocket_connections 7");
    open.store(8, Ordering::Relaxed);
    let text = meters.text();
    shows(&text, "websocket_connections 8");
    shows(&text, r#"db_connection_pool{pool="app",state="busy"} 2"#);
    shows(&text, r#"db_connection_pool{pool="app",state="idle"} 3"#);
    meters.gauge("websocket_connections", "Open sockets.", || 1.0);
    shows(&meters.text(), "websocket_connections 1");
    // Other labels than the name had before are refused, and nothing is lost.
    meters.gauge_of("db_connection_pool", "Connections.", &[("pool", "app")], || 9.0);
    shows(&meters.text(), r#"db_connection_pool{pool="app",state="idle"} 3"#);
}

#[test]
fn a_window_forgets_what_lies_before_it() {
    let clock = FixedClock::at(NOW);
    let watch = watch();
    let window = |seconds| watch.performance.window(Duration::from_secs(seconds), clock.now());
    answered(&watch, "rooms.list", 200, 10, clock.now());
    answered(&watch, "rooms.list", 500, 30, clock.now());
    clock.advance(Duration::from_secs(10));
    answered(&watch, "bookings.create", 409, 20, clock.now());
    let last = window(5);
    assert_eq!((last.requests, last.refused, last.failed), (1, 1, 0));
    let both = window(60);
    assert_eq!((both.requests, both.refused, both.failed, both.slow), (3, 1, 1, 0));
    assert!((both.mean_ms() - 20.0).abs() < 1e-9);
    assert!((both.failed_percent() - 100.0 / 3.0).abs() < 1e-9);
    assert_eq!(both.endpoints.iter().map(|share| share.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(watch.name(both.endpoints[0].endpoint), "GET /api/rooms");
    // Past the ring's end the places are used again, and the hour still knows.
    clock.advance(Duration::from_secs(301));
    assert_eq!(window(300).requests, 0);
    assert_eq!(window(3_600).requests, 3);
    answered(&watch, "rooms.list", 200, 10, clock.now());
    assert_eq!((window(300).requests, window(3_600).requests), (1, 4));
    clock.advance(Duration::from_secs(3_700));
    assert_eq!(window(3_600).requests, 0);
}

#[test]
fn a_request_from_before_the_ring_was_round_is_not_counted_as_a_new_one() {
    let watch = watch();
    let now: Instant = NOW.parse().unwrap();
    answered(&watch, "rooms.list", 200, 10, now.plus(Duration::from_secs(301)));
    answered(&watch, "rooms.list", 200, 10, now);
    assert_eq!(watch.performance.window(Duration::from_mins(5), now.plus(Duration::from_secs(301))).requests, 1);
}

#[test]
fn the_slowest_come_first_and_only_the_last_hundred_are_kept() {
    let watch = watch();
    let now: Instant = NOW.parse().unwrap();
    answered(&watch, "rooms.list", 200, 999, now);
    assert!(watch.performance.slow(10).is_empty());
    for ms in 1_000..1_150 {
        answered(&watch, "bookings.create", 201, ms, now);
    }
    let slow = watch.performance.slow(3);
    let took: Vec<_> = slow.iter().map(|one| one.took.as_millis()).collect();
    assert_eq!(took, [1_149, 1_148, 1_147]);
    assert_eq!((slow[0].status, slow[0].request_id.as_str(), slow[0].endpoint), (201, "req_1", 1));
    assert_eq!(watch.performance.slow(usize::MAX).len(), SLOW_KEPT);
    assert_eq!(watch.performance.window(Duration::from_secs(1), now).slow, 150);
}

#[test]
fn nothing_is_lost_when_many_threads_note_at_once() {
    const THREADS: u64 = 8;
    const EACH: u64 = 20_000;
    let performance = Performance::new(2, SLOW);
    let start: Instant = NOW.parse().unwrap();
    let barrier = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for _thread in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                for n in 0..EACH {
                    // Twenty slots of the fine ring are begun anew meanwhile.
                    let now = start.plus(Duration::from_millis(n));
                    let took = Duration::from_micros(n);
                    let observed = Observed::UNMATCHED;
                    performance.record(Answered { observed, status: 200, took, now, request_id: "" });
                }
            });
        }
    });
    let seen = performance.window(Duration::from_mins(1), start.plus(Duration::from_secs(20)));
    assert_eq!(seen.requests, THREADS * EACH);
}

/// Not a test of time: it prints what noting a request costs, for whoever runs it with `--no-capture`.
#[test]
fn noting_a_request_costs_little() {
    const ROUNDS: u32 = 200_000;
    let (watch, now) = (watch(), NOW.parse().unwrap());
    let observed = watch.observed("rooms.list");
    let began = Stopwatch::now();
    for n in 0..ROUNDS {
        let took = Duration::from_micros(u64::from(n % 900));
        watch.answered(Answered { observed, status: 200, took, now, request_id: "req_1" });
    }
    println!("noting a request: {:?}", began.elapsed() / ROUNDS);
    assert_eq!(watch.performance.window(Duration::from_secs(1), now).requests, u64::from(ROUNDS));
}
