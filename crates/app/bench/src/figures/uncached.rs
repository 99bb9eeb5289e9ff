//! The room list from PostgreSQL through row-level security, beside pgbench with the same statements. Each request asks
//! for another lowest price below all prices, so that none finds its answer kept.

use std::cell::Cell;

use super::{CONNECTIONS, LIST};
use crate::{
    bench::Bench,
    load::{Load, request::Client},
    pgbench::{self, Run},
    report::{Figure, Goal, Series},
};

/// pgbench's clients: as many as get the most out of two cores.
const CLIENTS: usize = 10;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let (warm_up, measured) = (bench.arguments.warm_up(), bench.arguments.measured());
    let postgres = bench.postgres()?;
    let process = postgres.stage.product.start()?;
    let asking = postgres.stage.listed.manager(process.address);
    let bound = Cell::new(0);
    let request = || {
        bound.set(bound.get() + 1);
        asking.bytes("GET", &format!("{LIST}&min_price={}", bound.get()), "", None)
    };
    let transaction = pgbench::observe(postgres, "FROM rooms r", || {
        let mut client = Client::connect(asking.clone())?;
        for _ in 0..3 {
            client.send(&request())?;
        }
        Ok(())
    })?;
    let script = transaction.script("", |_| None);

    let mut floor = Series::new("pgbench, the list's statements, c=10", "tps");
    let mut rate = Series::new("uncached room list, PostgreSQL", "req/s");
    let mut tail = Series::new("uncached room list, p99", "ms");
    for _ in 0..repetitions {
        let run = Run { name: "rooms", script: &script, clients: CLIENTS, time: warm_up, base: 0 };
        pgbench::run(postgres, run)?;
        floor.push(pgbench::run(postgres, Run { time: measured, ..run })?.0);
        let load = Load { address: process.address, connections: CONNECTIONS, warm_up, measured };
        let loaded = load.run(|out| {
            out.extend_from_slice(&request());
            true
        })?;
        let loaded = loaded.only_successes()?;
        rate.push(loaded.rate);
        tail.push(loaded.latencies.quantile(0.99));
    }
    process.end()?;
    let name = "the same uncached, PostgreSQL with RLS";
    bench.report.figure(Figure::beside(name, "≥ 0.45 of pgbench", &rate, &floor, Goal::AtLeast(0.45)));
    bench.report.series([floor, rate, tail]);
    Ok(())
}
