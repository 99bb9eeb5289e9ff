//! A long statement as a PDF: of somebody who was billed once and paid 999 times, each time on the sandbox's page and then
//! verified, as a payer's browser does when it comes back. Asked for one after the other, as nobody prints many at a time.

use std::time::Instant;

use anyhow::{Context, bail};

use super::{Begun, Ground, STATEMENT, STATEMENT_GOAL, Told};
use crate::{
    load::{Histogram, request::Client, request::text},
    report::{Figure, Series},
    stage::in_parts,
};

/// How many lines the statement has: the invoice and the payments.
const LINES: usize = 1_000;
/// At least so many are printed in a repetition, however long that takes.
const LEAST_PRINTED: u64 = 10;
/// Before they count.
const WARM: usize = 2;
const MOST: f64 = 300.0;

pub(super) fn measure(ground: &Ground<'_>) -> anyhow::Result<Told> {
    let mut database = ground.database()?;
    let process = ground.product.start()?;
    let begin = Instant::now();
    pay(ground, process.address)?;
    let mut made = Series::new("payments begun, paid on the page and verified, 8 at a time", "1/s");
    made.push((LINES - 1) as f64 / begin.elapsed().as_secs_f64());
    database.settle()?;
    process.end()?;

    let bill = ground.bill(0)?;
    // What a statement tells: journals that changed what the person owes.
    let lines = database.count(&format!(
        "SELECT count(*) FROM (SELECT e.journal_id FROM journal_entries e WHERE e.hostel_id = '{}' \
         AND e.account_kind IN ('receivable', 'wallet') AND e.account_owner = '{}' \
         GROUP BY e.journal_id HAVING sum(e.amount) <> 0) AS lines",
        ground.house().hostel,
        bill.person
    ))?;
    if lines != LINES as u64 {
        bail!("the statement is to have {LINES} lines, and there are {lines}");
    }
    let mut middle = Series::new("a statement of 1,000 lines, p50", "ms");
    let mut tail = Series::new("a statement of 1,000 lines, p99", "ms");
    let mut size = Series::new("a statement of 1,000 lines, size", "KiB");
    for _ in 0..ground.repetitions {
        database.freshen()?;
        let process = ground.product.start()?;
        let mut client = Client::connect(ground.house().manager(process.address))?;
        let path = path(&mut client, &bill.person)?;
        let request = client.asking.bytes("GET", &path, "", None);
        for _ in 0..WARM {
            client.send(&request)?;
        }
        let (mut latencies, begin) = (Histogram::new(), Instant::now());
        while begin.elapsed() < ground.measured || latencies.count() < LEAST_PRINTED {
            let asked = Instant::now();
            let answer = client.send(&request)?;
            latencies.record(asked.elapsed());
            if answer.status != 200 || !answer.body.starts_with(b"%PDF-") {
                let said = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
                bail!("a statement was answered by {}: {said}", answer.status);
            }
            if latencies.count() == 1 {
                size.push(answer.body.len() as f64 / 1_024.0);
            }
        }
        middle.push(latencies.quantile(0.5));
        tail.push(latencies.quantile(0.99));
        process.end()?;
    }
    let figure = Figure::alone(STATEMENT, STATEMENT_GOAL, &tail, Some(MOST));
    Ok(Told { figure, series: vec![middle, tail, size, made] })
}

/// Pays the first bill in many parts, each of which is settled when this returns.
fn pay(ground: &Ground<'_>, address: std::net::SocketAddr) -> anyhow::Result<()> {
    let paid = in_parts(LINES - 1, |range| {
        let mut client = Client::connect(ground.house().manager(address))?;
        range
            .map(|_| {
                let begun = Begun::of(&mut client, ground.bill(0)?)?;
                begun.pay(&mut client)?;
                let payment = client.get(&format!("/api/payments/verify/{}", begun.reference))?;
                text(&payment, "/status")
            })
            .collect()
    })?;
    match paid.iter().find(|status| *status != "completed") {
        Some(status) => bail!("a payment that was paid and verified is {status}"),
        None => Ok(()),
    }
}

/// The statement of a person over the years around their invoice.
fn path(client: &mut Client, person: &str) -> anyhow::Result<String> {
    let invoices = client.get(&format!("/api/invoices?user_id={person}"))?;
    let made = text(invoices.get(0).context("the person has an invoice")?, "/created_at")?;
    let year: u32 = made.get(..4).and_then(|year| year.parse().ok()).context("an instant begins with its year")?;
    Ok(format!("/api/billing/statement?user_id={person}&from={}-01-01&to={}-12-31", year - 1, year + 1))
}
