//! Signing in: how near it comes to what the processors can hash, and what reading feels of it meanwhile.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::json;

use super::{CONNECTIONS, LIST};
use crate::{
    bench::Bench,
    load::{Asking, Load, Loaded},
    report::{Figure, Goal, Series},
    servers::product::{OWNER, PASSWORD},
};

/// How many sign in at the same time.
const AT_ONCE: usize = 8;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let (warm_up, measured) = (bench.arguments.warm_up(), bench.arguments.measured());
    let postgres = bench.postgres()?;
    let mut database = crate::database::Database::connect(&postgres.cluster.url("bench"))?;
    let weak = database.count(
        "SELECT count(*) FROM accounts WHERE password_hash IS NOT NULL \
         AND password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'",
    )?;
    if weak > 0 {
        return Err(anyhow!("{weak} stored hashes are not argon2id with m=19456, t=2, p=1"));
    }
    let process = postgres.stage.product.start()?;
    let list = postgres.stage.listed.manager(process.address).bytes("GET", LIST, "", None);
    let body = json!({ "identifier": OWNER, "password": PASSWORD }).to_string();
    let login = Asking::anonymous(process.address).bytes("POST", "/api/auth/login", "", Some(&body));
    let ask = |request: &[u8], connections: usize| -> anyhow::Result<Loaded> {
        let load = Load { address: process.address, connections, warm_up, measured };
        let loaded = load.run(|out| {
            out.extend_from_slice(request);
            true
        })?;
        loaded.only_successes()
    };

    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut hash = Series::new("one argon2id hash (m=19 MiB, t=2, p=1), memory reused, one thread", "ms");
    let mut beside = Series::new("the same with every core at it", "ms");
    let mut ceiling = Series::new("cores ÷ hash time", "logins/s");
    let mut rate = Series::new("logins, 8 connections", "logins/s");
    let mut login_tail = Series::new("logins, p99", "ms");
    let mut quiet = Series::new("room list, 32 connections, quiet, p99", "ms");
    let mut storm = Series::new("room list, 32 connections, in a login storm, p99", "ms");
    let mut storm_rate = Series::new("room list in a login storm", "req/s");
    let mut storm_logins = Series::new("logins beside the room list", "logins/s");
    for _ in 0..repetitions {
        let (time, mut alike) = (measured.min(Duration::from_secs(3)), Series::new("hash", "ms"));
        let milliseconds = hash_time(time)?;
        hash.push(milliseconds);
        let together = thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(move || hash_time(time))).collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for one in together {
            alike.push(one.map_err(|_panic| anyhow!("a hash ended in a panic"))??);
        }
        beside.push(alike.median());
        ceiling.push(cores as f64 * 1_000.0 / milliseconds);
        let logins = ask(&login, AT_ONCE)?;
        rate.push(logins.rate);
        login_tail.push(logins.latencies.quantile(0.99));
        quiet.push(ask(&list, CONNECTIONS)?.latencies.quantile(0.99));
        let (reading, signing) = thread::scope(|scope| {
            let signing = scope.spawn(|| ask(&login, AT_ONCE));
            (ask(&list, CONNECTIONS), signing.join())
        });
        let reading = reading?;
        let signing = signing.map_err(|_panic| anyhow!("the login storm ended in a panic"))??;
        storm.push(reading.latencies.quantile(0.99));
        storm_rate.push(reading.rate);
        storm_logins.push(signing.rate);
    }
    process.end()?;
    bench.report.figure(Figure::beside("login", "≥ 0.85 of cores ÷ hash time", &rate, &ceiling, Goal::AtLeast(0.85)));
    let name = "`GET /api/rooms` in a login storm, p99";
    bench.report.figure(Figure::beside(name, "≤ 3 × quiet", &storm, &quiet, Goal::AtMost(3.0)));
    bench.report.series([hash, beside, ceiling, rate, login_tail, quiet, storm, storm_rate, storm_logins]);
    Ok(())
}

/// The middle time of one hash on one thread, in milliseconds, in memory that is taken once.
fn hash_time(time: Duration) -> anyhow::Result<f64> {
    let parameters = Params::new(19_456, 2, 1, Some(32)).map_err(|error| anyhow!("{error}"))?;
    let mut memory = vec![Block::new(); parameters.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let mut times = Series::new("hash", "ms");
    let begin = Instant::now();
    while begin.elapsed() < time {
        let (start, mut output) = (Instant::now(), [0_u8; 32]);
        argon2
            .hash_password_into_with_memory(
                black_box(PASSWORD.as_bytes()),
                b"sixteen bytes!!!",
                &mut output,
                &mut memory,
            )
            .map_err(|error| anyhow!("{error}"))?;
        black_box(output);
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times.median())
}
