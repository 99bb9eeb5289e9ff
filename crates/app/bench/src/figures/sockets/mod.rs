//! Live events: one event to many sockets beside socket.io, a stream of events, what an idle socket costs, and how long
//! after its commit a booking is heard of. All on PostgreSQL, with sockets of many accounts from many addresses.

mod announce;
mod booked;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::json;

use self::{
    announce::{Announce, Board, From},
    booked::Booked,
};
use super::LIST;
use crate::{
    bench::{Bench, OnPostgres},
    database::Database,
    load::{Asking, Crowd, Speech, Triggers, request::Client},
    report::{Figure, Goal, Series},
    servers::{Process, SocketIo},
    stage::{in_parts, member, sign_in},
};

/// How many sockets hear of an event, and the goal beside socket.io.
const SIZES: [(usize, f64); 3] = [(1_000, 0.7), (5_000, 0.75), (10_000, 0.7)];
const MOST: usize = 10_000;
/// Sockets of one account: as many as a server lets an account have.
const SOCKETS_EACH: usize = 20;
const EVENTS: usize = 20;
/// Before they count.
const WARM_EVENTS: usize = 4;
const PACE: Duration = Duration::from_millis(250);
const STREAM_PACE: Duration = Duration::from_millis(6);
const STREAM_SOCKETS: usize = 1_000;
const BOOKING_PACE: Duration = Duration::from_millis(1);
const BOOKING_SOCKETS: usize = 100;
const IDLE: &str = "an idle socket at 10,000";

/// Everything that is measured, of one server.
struct Measured {
    fan_out: Vec<Series>,
    middle: Vec<Series>,
    processor: Vec<Series>,
    memory: Series,
    arrivals: Series,
    stream: Series,
    stream_rate: Series,
}

impl Measured {
    fn of(server: &str) -> Self {
        let each = |what: &str, unit| {
            SIZES.iter().map(|(size, _)| Series::new(format!("{server}, {size} sockets, {what}"), unit)).collect()
        };
        Self {
            fan_out: each("one event, p99", "ms"),
            middle: each("one event, p50", "ms"),
            processor: each("processor time a delivery", "µs"),
            memory: Series::new(format!("{server}, {IDLE}, RssAnon"), "KiB"),
            arrivals: Series::new(format!("{server}, sockets let in"), "sockets/s"),
            stream: Series::new(format!("{server}, {STREAM_SOCKETS} sockets, an event each 6 ms, p99"), "ms"),
            stream_rate: Series::new(format!("{server}, {STREAM_SOCKETS} sockets, deliveries"), "1/s"),
        }
    }

    fn series(self) -> impl Iterator<Item = Series> {
        let several = [self.fan_out, self.middle, self.processor].into_iter().flatten();
        several.chain([self.memory, self.arrivals, self.stream, self.stream_rate])
    }
}

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let time = bench.arguments.measured();
    let socket_io = bench.socket_io().unwrap_or_else(|error| {
        bench.report.remarks.push(format!("socket.io could not be installed: {error:#}"));
        None
    });
    let postgres = bench.postgres()?;
    let process = postgres.stage.product.start()?;
    if !answers_sockets(&process)? {
        process.end()?;
        not_there(bench);
        return Ok(());
    }
    let crowd = tokens(postgres, &process, &postgres.stage.listed.hostel, "crowd", "student", MOST / SOCKETS_EACH)?;
    let desk = &postgres.stage.booked.hostel;
    let desk = tokens(postgres, &process, desk, "desk", "manager", BOOKING_SOCKETS / SOCKETS_EACH)?;
    Database::connect(&postgres.cluster.url("bench"))?.settle()?;
    process.end()?;

    let mut ours = Measured::of("domicile");
    let mut theirs = Measured::of("socket.io");
    let mut from_request = Series::new("100 sockets, 1,000 bookings/s, request to socket, p99", "ms");
    let mut from_commit = Series::new("100 sockets, 1,000 bookings/s, answer to socket, p99", "ms");
    let mut first = 0;
    for _ in 0..repetitions {
        if let Some(server) = &socket_io {
            them(server, &mut theirs, time)?;
        }
        us(postgres, &crowd, &mut ours, time)?;
        let (request, commit) = bookings(postgres, &desk, &mut first, time)?;
        from_request.push(request);
        from_commit.push(commit);
    }

    for (at, (size, most)) in SIZES.into_iter().enumerate() {
        let name = format!("one event to {size} sockets, p99");
        let goal = format!("≤ {most} × socket.io");
        let (Some(value), Some(floor)) = (ours.fan_out.get(at), theirs.fan_out.get(at)) else { continue };
        bench.report.figure(match &socket_io {
            Some(_) => Figure::beside(&name, &goal, value, floor, Goal::AtMost(most)),
            None => Figure::alone(&name, &format!("{goal}, which needs node"), value, None),
        });
    }
    let name = "1,000 sockets, an event each 6 ms, open loop, p99";
    bench.report.figure(Figure::alone(name, "< 20 ms", &ours.stream, Some(20.0)));
    bench.report.figure(Figure::alone(IDLE, "≤ 16 KiB", &ours.memory, Some(16.0)));
    let name = "commit to socket: 100 sockets, 1,000 bookings/s, p99";
    bench.report.figure(Figure::alone(name, "< 50 ms", &from_commit, Some(50.0)));
    bench.report.series(ours.series().chain(theirs.series()).chain([from_request, from_commit]));
    Ok(())
}

fn not_there(bench: &mut Bench) {
    for (size, most) in SIZES {
        let name = format!("one event to {size} sockets, p99");
        bench.report.figure(Figure::not_there(&name, &format!("≤ {most} × socket.io"), "no /ws"));
    }
    for (name, goal) in [
        ("1,000 sockets, an event each 6 ms, open loop, p99", "< 20 ms"),
        (IDLE, "≤ 16 KiB"),
        ("commit to socket: 100 sockets, 1,000 bookings/s, p99", "< 50 ms"),
    ] {
        bench.report.figure(Figure::not_there(name, goal, "no /ws"));
    }
}

/// Whether the product has sockets at all.
fn answers_sockets(process: &Process) -> anyhow::Result<bool> {
    let asking = Asking::anonymous(process.address);
    // Without the headers of a handshake: whoever knows sockets asks for them.
    let request = asking.bytes("GET", "/ws", "", None);
    Ok(Client::connect(asking)?.send(&request)?.status == 426)
}

/// Accounts that may sign in, and their tokens.
fn tokens(
    postgres: &OnPostgres,
    process: &Process,
    hostel: &str,
    name: &str,
    role: &str,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let owner = postgres.stage.owner(process).inside(hostel);
    in_parts(count, |range| {
        range
            .map(|number| {
                let email = format!("{name}-{number}@bench.example");
                member(&owner, &email, role)?;
                sign_in(process.address, &email)
            })
            .collect()
    })
}

/// The product: memory first, in a process that has seen nothing else, then events.
fn us(postgres: &OnPostgres, tokens: &[String], into: &mut Measured, time: Duration) -> anyhow::Result<()> {
    let house = &postgres.stage.listed;
    let process = postgres.stage.product.start()?;
    let asking = house.manager(process.address);
    let list = Client::connect(asking.clone())?.get(LIST)?;
    let from = From::Domicile(Board::of(asking, &list)?);
    let (tokens, hostel) = (tokens.to_vec(), house.hostel.clone());
    let join = move |number: usize| {
        let token = tokens.get(number / SOCKETS_EACH % tokens.len().max(1)).map_or("", String::as_str);
        json!({ "type": "auth", "token": token, "hostel_id": hostel }).to_string()
    };
    server(&process, Speech::Domicile, join, from, into, time)?;
    Database::connect(&postgres.cluster.url("bench"))?.settle()?;
    process.end()
}

fn them(server_of: &SocketIo, into: &mut Measured, time: Duration) -> anyhow::Result<()> {
    const HOSTEL: &str = "01a1fbd2-ce9d-7527-aff9-b6e1f4ef6964";
    let process = server_of.start()?;
    let token = crate::floors::token()?;
    let join = move |_number: usize| json!({ "token": token, "hostel_id": HOSTEL }).to_string();
    let from = From::SocketIo(Asking::anonymous(process.address), HOSTEL);
    server(&process, Speech::SocketIo, join, from, into, time)
}

fn server(
    process: &Process,
    speech: Speech,
    join: impl Fn(usize) -> String + Clone + 'static,
    mut from: From,
    into: &mut Measured,
    time: Duration,
) -> anyhow::Result<()> {
    let before = process.memory("RssAnon")?;
    let mut crowd = Crowd::new(process.address, speech, join.clone())?;
    into.arrivals.push(crowd.grow(MOST)?);
    crowd.listen(Duration::from_secs(3))?;
    into.memory.push(process.memory("RssAnon")?.saturating_sub(before) as f64 / MOST as f64);
    drop(crowd);
    thread::sleep(Duration::from_secs(2));

    let mut crowd = Crowd::new(process.address, speech, join)?;
    for (at, (size, _)) in SIZES.into_iter().enumerate() {
        crowd.grow(size)?;
        crowd.listen(Duration::from_secs(1))?;
        let triggers = Triggers { address: process.address, connections: 1, period: PACE, count: WARM_EVENTS };
        crowd.drive(triggers, &mut Announce::new(&mut from, triggers.count * size, false))?;
        let triggers = Triggers { count: EVENTS, ..triggers };
        let worked = process.processor_time()?;
        let mut announce = Announce::new(&mut from, triggers.count * size, false);
        crowd.drive(triggers, &mut announce)?;
        let heard = announce.conclude().with_context(|| format!("{size} sockets"))?;
        let worked = process.processor_time()?.saturating_sub(worked);
        let push = |series: &mut [Series], value| series.get_mut(at).into_iter().for_each(|one| one.push(value));
        push(&mut into.fan_out, heard.quantile(0.99));
        push(&mut into.middle, heard.quantile(0.5));
        push(&mut into.processor, worked.as_secs_f64() * 1e6 / heard.count() as f64);
        if size == STREAM_SOCKETS {
            let count = (time.as_secs_f64() / STREAM_PACE.as_secs_f64()) as usize;
            let triggers = Triggers { address: process.address, connections: 16, period: STREAM_PACE, count };
            let mut announce = Announce::new(&mut from, count * size, true);
            let begin = Instant::now();
            crowd.drive(triggers, &mut announce)?;
            let heard = announce.conclude().context("a stream of events")?;
            into.stream.push(heard.quantile(0.99));
            into.stream_rate.push(heard.count() as f64 / begin.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// Bookings at a fixed pace, and who hears of them: from the request and from the answer to the socket, p99.
fn bookings(postgres: &OnPostgres, tokens: &[String], first: &mut usize, time: Duration) -> anyhow::Result<(f64, f64)> {
    // Months that no other figure books in.
    const MONTHS: usize = 24_000;
    let house = &postgres.stage.booked;
    let process = postgres.stage.product.start()?;
    let (tokens, hostel) = (tokens.to_vec(), house.hostel.clone());
    let mut crowd = Crowd::new(process.address, Speech::Domicile, move |number| {
        let token = tokens.get(number / SOCKETS_EACH % tokens.len().max(1)).map_or("", String::as_str);
        json!({ "type": "auth", "token": token, "hostel_id": hostel }).to_string()
    })?;
    crowd.grow(BOOKING_SOCKETS)?;
    let count = (time.as_secs_f64() / BOOKING_PACE.as_secs_f64()) as usize;
    // The first second warms up and is not counted.
    let warm = 1_000;
    let mut booked = Booked::new(house, process.address, MONTHS, *first, warm + count, warm, BOOKING_SOCKETS)?;
    *first += warm + count;
    let triggers = Triggers { address: process.address, connections: 32, period: BOOKING_PACE, count: warm + count };
    crowd.drive(triggers, &mut booked)?;
    let heard = booked.conclude()?;
    Database::connect(&postgres.cluster.url("bench"))?.settle()?;
    process.end()?;
    Ok(heard)
}
