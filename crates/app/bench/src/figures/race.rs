//! Many for one bed: in each round 32 people ask for the same bed and the same nights at the same moment; one gets it,
//! the others are told so. Beside it, the same 32 on 32 beds.

use std::cell::Cell;

use anyhow::bail;

use super::CONNECTIONS;
use crate::{
    bench::Bench,
    database::Database,
    load::race,
    report::{Figure, Goal, Series},
    stage::{BEDS, ROOMS, month},
};

/// How many beds are raced for.
const RACED: usize = 1_000;
/// Months of the rounds, behind those of all other bookings: first those that are raced for, then the others.
const MONTHS: usize = 12_000;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let repetitions = bench.arguments.repetitions();
    let count = if bench.arguments.quick { 200 } else { RACED };
    let postgres = bench.postgres()?;
    let house = &postgres.stage.booked;
    let mut database = Database::connect(&postgres.cluster.url("bench"))?;
    let before = database.count(&format!("SELECT count(*) FROM bookings WHERE hostel_id = '{}'", house.hostel))?;
    let process = postgres.stage.product.start()?;
    let asking = house.manager(process.address);
    let mut raced = Series::new("32 for one bed, p99", "ms");
    let mut alone = Series::new("32 on 32 beds, p99", "ms");
    let won = Cell::new(0_u64);
    let statuses = |asked: &[u16], wanted: usize| -> anyhow::Result<()> {
        let got = asked.iter().filter(|status| **status == 201).count();
        let refused = asked.iter().filter(|status| **status == 409).count();
        won.set(won.get() + got as u64);
        if got != wanted || got + refused != asked.len() {
            bail!("of {} requests {got} were 201 and {refused} were 409: {asked:?}", asked.len());
        }
        Ok(())
    };
    for repetition in 0..repetitions {
        let first = MONTHS + 2 * repetition * RACED;
        let request = |room: usize, bed: usize, person: usize, slot: usize, out: &mut Vec<u8>| {
            let (from, to) = month(slot);
            if let Ok(body) = house.booking_of(room, bed, person, &from, &to) {
                out.extend_from_slice(&asking.bytes("POST", "/api/bookings", "", Some(&body)));
            }
        };
        let latencies = race::rounds(
            process.address,
            CONNECTIONS,
            count,
            |round, number, out| request(round % ROOMS, round / ROOMS % BEDS, number, first + round, out),
            |_, asked| statuses(asked, 1),
        )?;
        raced.push(latencies.quantile(0.99));
        let latencies = race::rounds(
            process.address,
            CONNECTIONS,
            count,
            |round, number, out| {
                request((round + number) % ROOMS, round / ROOMS % BEDS, number, first + RACED + round, out);
            },
            |_, asked| statuses(asked, CONNECTIONS),
        )?;
        alone.push(latencies.quantile(0.99));
    }
    database.settle()?;
    process.end()?;
    database.check_bookings(&house.hostel, before + won.get())?;
    let name = format!("32 clients race for one bed, {count} beds, p99");
    bench.report.figure(Figure::beside(&name, "one 201 each, ≤ 3 × on 32 beds", &raced, &alone, Goal::AtMost(3.0)));
    bench.report.series([raced, alone]);
    Ok(())
}
