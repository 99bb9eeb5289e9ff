//! Bookings: each takes a bed of its own, with locks, exclusion, event and audit row. On PostgreSQL beside pgbench with
//! the same statements, on SQLite alone. Afterwards what was acknowledged has to be there, and nothing else.

use std::{cell::Cell, time::Duration};

use anyhow::{Context, bail};

use super::CONNECTIONS;
use crate::{
    bench::Bench,
    database::Database,
    load::{Load, request::Client},
    pgbench::{self, Run, Transaction},
    report::{Figure, Goal, Series},
    stage::{BEDS, BEFORE, House, PEOPLE, ROOMS, Stage, month},
};

/// The hostel that pgbench books in: a copy, so that neither finds the other's stays.
const COPY: &str = "f0000000-0000-7000-8000-000000000000";
/// pgbench's clients.
const CLIENTS: usize = 32;
/// How far apart the counters of two runs of pgbench begin.
const APART: usize = 20_000;
/// The id of nobody.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    on_postgres(bench)?;
    on_sqlite(bench)
}

fn on_postgres(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let (warm_up, measured) = (bench.arguments.warm_up(), bench.arguments.measured());
    let postgres = bench.postgres()?;
    let house = &postgres.stage.booked;
    let mut database = Database::connect(&postgres.cluster.url("bench"))?;
    let process = postgres.stage.product.start()?;
    let numbers = Cell::new(BEFORE);
    let mut acknowledged = BEFORE as u64;
    let transaction = pgbench::observe(postgres, "INSERT INTO bookings", || {
        let mut client = Client::connect(house.manager(process.address))?;
        for _ in 0..3 {
            let body = serde_json::from_str(&house.booking(numbers.replace(numbers.get() + 1))?)?;
            client.post("/api/bookings", &body)?;
            acknowledged += 1;
        }
        Ok(())
    })?;
    database.settle()?;
    process.end()?;
    database.run(&copy(house))?;
    let script = script(house, &transaction, numbers.get() - 1)?;

    let mut floor = Series::new("pgbench, a booking's statements, c=32", "tps");
    let mut rate = Series::new("bookings, PostgreSQL", "req/s");
    let mut middle = Series::new("bookings, PostgreSQL, p50", "ms");
    let mut tail = Series::new("bookings, PostgreSQL, p99", "ms");
    let run = |part: usize, time: Duration| {
        let run = Run { name: "bookings", script: &script, clients: CLIENTS, time, base: part * APART };
        pgbench::run(postgres, run)
    };
    // The copy, too, has stays before anything is measured.
    let (_, mut booked_by_pgbench) = run(0, warm_up)?;
    for repetition in 0..repetitions {
        database.freshen()?;
        let ((_, warm), (tps, counted)) = (run(2 * repetition + 1, warm_up)?, run(2 * repetition + 2, measured)?);
        floor.push(tps);
        booked_by_pgbench += warm + counted;
        let there = database.count(&format!("SELECT count(*) FROM bookings WHERE hostel_id = '{COPY}'"))?;
        if there != booked_by_pgbench {
            bail!("pgbench says that it made {booked_by_pgbench} bookings, and there are {there}");
        }
        // Nobody is to be told of these, so the product is spared the work.
        for table in ["outbox", "audit_log", "jobs"] {
            database.run(&format!("DELETE FROM {table} WHERE hostel_id = '{COPY}'"))?;
        }

        database.freshen()?;
        let process = postgres.stage.product.start()?;
        let load = Load { address: process.address, connections: CONNECTIONS, warm_up, measured };
        let loaded = book(house, load, &numbers)?;
        acknowledged += loaded.count(201);
        rate.push(loaded.rate);
        middle.push(loaded.latencies.quantile(0.5));
        tail.push(loaded.latencies.quantile(0.99));
        database.settle()?;
        process.end()?;
    }
    database.check_bookings(&house.hostel, acknowledged)?;
    let name = "`POST /api/bookings`, PostgreSQL";
    bench.report.figure(Figure::beside(name, "≥ 0.60 of pgbench", &rate, &floor, Goal::AtLeast(0.60)));
    bench.report.series([floor, rate, middle, tail]);
    Ok(())
}

fn on_sqlite(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let (warm_up, measured) = (bench.arguments.warm_up(), bench.arguments.measured());
    let stage: &Stage = bench.sqlite()?;
    let mut database = Database::connect(&stage.product.database_url())?;
    let numbers = Cell::new(BEFORE);
    let mut rate = Series::new("bookings, SQLite", "req/s");
    let mut tail = Series::new("bookings, SQLite, p99", "ms");
    let mut acknowledged = BEFORE as u64;
    let process = stage.product.start()?;
    for _ in 0..repetitions {
        let load = Load { address: process.address, connections: CONNECTIONS, warm_up, measured };
        let loaded = book(&stage.booked, load, &numbers)?;
        acknowledged += loaded.count(201);
        rate.push(loaded.rate);
        tail.push(loaded.latencies.quantile(0.99));
        database.settle()?;
    }
    process.end()?;
    database.check_bookings(&stage.booked.hostel, acknowledged)?;
    bench.report.figure(Figure::alone("the same on SQLite", "measured", &rate, None));
    bench.report.series([rate, tail]);
    Ok(())
}

/// Books one bed after the other.
fn book(house: &House, load: Load, numbers: &Cell<usize>) -> anyhow::Result<crate::load::Loaded> {
    let asking = house.manager(load.address);
    let loaded = load.run(|out| match house.booking(numbers.replace(numbers.get() + 1)) {
        Ok(body) => {
            out.extend_from_slice(&asking.bytes("POST", "/api/bookings", "", Some(&body)));
            true
        }
        Err(_nothing_left) => false,
    })?;
    loaded.only_successes()
}

/// Statements that copy the hostel with its beds and people, under ids that pgbench can compute.
fn copy(house: &House) -> String {
    let hostel = &house.hostel;
    let mapped = |name: &str, ids: &[String]| {
        let rows: Vec<String> = ids.iter().enumerate().map(|(at, id)| format!("('{id}'::uuid, {at})")).collect();
        format!(
            "CREATE TEMP TABLE {name} (id uuid PRIMARY KEY, n int NOT NULL); INSERT INTO {name} VALUES {};",
            rows.join(",")
        )
    };
    let rooms: Vec<String> = house.rooms.iter().map(|room| room.id.clone()).collect();
    // The number of a bed is that of its place: all first beds of the rooms, then all second ones.
    let beds: Vec<String> =
        (0..BEDS).flat_map(|bed| house.rooms.iter().filter_map(move |room| room.beds.get(bed).cloned())).collect();
    let new = pgbench::ids::numbered;
    let insert = |table: &str, source: &str, changes: &str, condition: &str| {
        format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object({changes}))).* \
             FROM {table} t {source} WHERE {condition};"
        )
    };
    [
        mapped("room_numbers", &rooms),
        mapped("bed_numbers", &beds),
        mapped("person_numbers", &house.people),
        insert("hostels", "", &format!("'id', '{COPY}', 'name', 'Copy'"), &format!("t.id = '{hostel}'")),
        insert("hostel_settings", "", &format!("'hostel_id', '{COPY}'"), &format!("t.hostel_id = '{hostel}'")),
        insert(
            "accounts",
            "JOIN person_numbers p ON p.id = t.id",
            &format!("'id', {}, 'email', 'copy-' || t.email, 'vouched_by', NULL", new('a', "p.n")),
            "true",
        ),
        insert(
            "memberships",
            "JOIN person_numbers p ON p.id = t.account_id",
            &format!("'hostel_id', '{COPY}', 'account_id', {}", new('a', "p.n")),
            &format!("t.hostel_id = '{hostel}'"),
        ),
        insert(
            "rooms",
            "JOIN room_numbers r ON r.id = t.id",
            &format!("'hostel_id', '{COPY}', 'id', {}", new('b', "r.n")),
            "true",
        ),
        insert(
            "beds",
            "JOIN bed_numbers b ON b.id = t.id JOIN room_numbers r ON r.id = t.room_id",
            &format!("'hostel_id', '{COPY}', 'id', {}, 'room_id', {}", new('c', "b.n"), new('b', "r.n")),
            "true",
        ),
        "DROP TABLE room_numbers, bed_numbers, person_numbers;".to_owned(),
    ]
    .join("\n")
}

/// The observed booking number `n` as a script: bed, person and month from a counter, and fresh ids.
fn script(house: &House, transaction: &Transaction, n: usize) -> anyhow::Result<String> {
    let place = n % PEOPLE;
    let (room, bed) = (place % ROOMS, place / ROOMS);
    let (from, to) = month(n / PEOPLE);
    let room = house.rooms.get(room).context("the room that was booked")?;
    let bed = room.beds.get(bed).context("the bed that was booked")?;
    let person = house.people.get(place).context("the person who booked")?;
    let computed = |letter: char, variable: &str| pgbench::ids::numbered(letter, &format!(":{variable}"));
    let day =
        |variable: &str| format!("CAST(DATE '2030-01-01' + make_interval(months => CAST(:{variable} AS int)) AS date)");
    let mut known = vec![
        (house.hostel.clone(), format!("'{COPY}'")),
        (room.id.clone(), computed('b', "room")),
        (bed.clone(), computed('c', "bed")),
        (person.clone(), computed('a', "place")),
        (from, day("slot")),
        (to, day("after")),
    ];
    // What was made for this booking: every id that is not the same in all bookings.
    let lasting =
        [&house.hostel, &house.manager_id, &room.id, bed, person].map(String::as_str).into_iter().chain([NOBODY]);
    let lasting: Vec<&str> = lasting.collect();
    // The booking itself, an event and an audit row.
    known.extend(pgbench::ids::fresh(transaction, &lasting, 3)?);
    let head = format!(
        "\\set i :i + 1\n\\set n :i * {CLIENTS} + :client_id\n\\set place :n % {PEOPLE}\n\\set room :place % {ROOMS}\n\
         \\set bed :place\n\\set slot :n / {PEOPLE}\n\\set after :slot + 1"
    );
    Ok(transaction
        .script(&head, |value| known.iter().find(|(from, _)| from == value).map(|(_, instead)| instead.clone())))
}
