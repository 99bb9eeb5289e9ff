//! Beginning to pay: each request writes a payment down, opens a charge at the sandbox and writes down where the payer goes
//! on. The invoices are taken in turns, so that hardly ever two requests want the same one. What the product asks about each
//! open payment a minute and a half later is not a part of it, and never comes: nobody is going to pay these.
//! pgbench with the same statements runs in turns with it; the goal does not depend on that.

use std::cell::Cell;

use anyhow::bail;

use super::{AMOUNT, BEGIN, BEGIN_GOAL, Ground, Told, floor::Floor};
use crate::{
    figures::CONNECTIONS,
    load::Load,
    report::{Figure, Series},
};

const LEAST: f64 = 1_500.0;

pub(super) fn measure(ground: &Ground<'_>) -> anyhow::Result<Told> {
    let (warm_up, measured) = (ground.warm_up, ground.measured);
    let mut database = ground.database()?;
    let observed = Floor::observe(ground, &mut database)?;
    // Payments with a page, and the charge of each at the sandbox.
    let begun = format!(
        "SELECT count(*) FROM payments p JOIN sandbox_charges c ON c.reference = p.reference AND c.amount = p.amount \
         WHERE p.hostel_id = '{}' AND p.amount = {AMOUNT} AND p.authorization_url IS NOT NULL",
        ground.house().hostel
    );
    let mut expected = database.count(&begun)?;
    let mut floor = Series::new("pgbench, the statements of a payment that is begun, c=32", "tps");
    let mut rate = Series::new("payments begun, PostgreSQL", "req/s");
    let mut middle = Series::new("payments begun, p50", "ms");
    let mut tail = Series::new("payments begun, p99", "ms");
    let numbers = Cell::new(0);
    for _ in 0..ground.repetitions {
        database.freshen()?;
        floor.push(observed.run(ground, &mut database)?);
        database.freshen()?;
        let process = ground.product.start()?;
        let asking = ground.house().manager(process.address);
        let load = Load { address: process.address, connections: CONNECTIONS, warm_up, measured };
        let loaded = load.run(|out| match ground.bill(numbers.replace(numbers.get() + 1)) {
            Ok(bill) => {
                let body = bill.wish(AMOUNT);
                out.extend_from_slice(&asking.bytes("POST", "/api/payments/initialize", "", Some(&body)));
                true
            }
            Err(_no_bills) => false,
        })?;
        let loaded = loaded.only_successes()?;
        // 202 says that the gateway did not answer: half of the work is still to be done.
        let answers: u64 = loaded.statuses.values().sum();
        if loaded.count(201) != answers {
            bail!("only {} of {answers} answers were 201: {:?}", loaded.count(201), loaded.statuses);
        }
        expected += answers;
        rate.push(loaded.rate);
        middle.push(loaded.latencies.quantile(0.5));
        tail.push(loaded.latencies.quantile(0.99));
        database.settle()?;
        process.end()?;
        let there = database.count(&begun)?;
        if there != expected {
            bail!("{expected} payments were acknowledged, and {there} are there with their charges");
        }
        let hostel = &ground.house().hostel;
        database.run(&format!("DELETE FROM jobs WHERE kind = 'payment.verify' AND hostel_id = '{hostel}'"))?;
    }
    let figure = Figure::reaching(BEGIN, BEGIN_GOAL, &rate, LEAST, Some(&floor));
    Ok(Told { figure, series: vec![floor, rate, middle, tail] })
}
