//! Money, on PostgreSQL and with the sandbox as the gateway: payments that are begun, webhooks that are acknowledged while
//! nobody works them off, and a long statement as a PDF. Every payment is of an invoice of an approved stay, made over HTTP;
//! afterwards what was acknowledged has to be in the database, and nothing else.

mod begin;
mod floor;
mod statement;
mod webhooks;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{
    bench::{Bench, OnPostgres},
    database::Database,
    load::{
        Asking,
        request::{Client, text, whole},
    },
    report::{Figure, Series},
    servers::Product,
    stage::{BEDS, House, PEOPLE, ROOMS, in_parts, month},
};

/// The month of the stays that are paid for, behind those of all other bookings.
const MONTH: usize = 30_000;
/// How many stays are paid for in a quick run.
const FEW: usize = 64;
/// What each payment is of, in minor units: so little that no invoice is ever paid.
const AMOUNT: usize = 1_000;

/// What the sandbox signs with. It guards nothing: a gateway in the same process, with money of no worth.
const SECRET: &str = "a-secret-of-the-bench-which-guards-nothing";
const SECRET_SETTING: &str = "DOMICILE_PAYMENTS__SANDBOX_SECRET";

const BEGIN: &str = "`POST /api/payments/initialize`, sandbox, PostgreSQL";
const BEGIN_GOAL: &str = "≥ 1,500/s";
const WEBHOOKS: &str = "webhook to its 200, 200/s, open loop, worker stopped, p99";
const WEBHOOKS_GOAL: &str = "< 20 ms";
const STATEMENT: &str = "a statement of 1,000 lines as PDF, p99";
const STATEMENT_GOAL: &str = "< 300 ms";

/// An invoice that can be paid, for which stay, and who owes it.
struct Bill {
    invoice: String,
    booking: String,
    person: String,
}

/// What the figures of money share.
struct Ground<'a> {
    postgres: &'a OnPostgres,
    /// The installation with a sandbox whose secret is known, when the binary knows that setting.
    product: Product,
    bills: Vec<Bill>,
    repetitions: usize,
    warm_up: Duration,
    measured: Duration,
}

/// What a part of the group has to tell.
struct Told {
    figure: Figure,
    series: Vec<Series>,
}

/// A payment that was begun.
struct Begun {
    payment: String,
    reference: String,
    /// Where it is paid, on the server that began it.
    page: String,
}

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let (repetitions, quick) = (bench.arguments.repetitions(), bench.arguments.quick);
    let (warm_up, measured) = (bench.arguments.warm_up(), bench.arguments.measured());
    let postgres = bench.postgres()?;
    let product = postgres.stage.product.with(&[(SECRET_SETTING, SECRET)])?;
    let process = product.start()?;
    let house = &postgres.stage.booked;
    if !takes_payments(house.manager(process.address))? {
        process.end()?;
        for (name, goal) in [(BEGIN, BEGIN_GOAL), (WEBHOOKS, WEBHOOKS_GOAL), (STATEMENT, STATEMENT_GOAL)] {
            bench.report.figure(Figure::not_there(name, goal, "no payments"));
        }
        return Ok(());
    }
    let bills = bills(house, process.address, if quick { FEW } else { PEOPLE })?;
    Database::connect(&postgres.cluster.url("bench"))?.settle()?;
    process.end()?;
    let ground = Ground { postgres, product, bills, repetitions, warm_up, measured };
    // The statement first: it wants its payments settled, and the others leave many behind that never will be.
    let statement = statement::measure(&ground);
    let begun = begin::measure(&ground);
    let webhooks = webhooks::measure(&ground);
    for (name, told) in [(BEGIN, begun), (WEBHOOKS, webhooks), (STATEMENT, statement)] {
        match told {
            Ok(told) => {
                bench.report.figure(told.figure);
                bench.report.series(told.series);
            }
            // One that cannot be measured does not take the others with it.
            Err(error) => bench.report.figure(Figure::failed(name, &format!("{error:#}"))),
        }
    }
    Ok(())
}

/// Whether the product has payments at all.
fn takes_payments(asking: Asking) -> anyhow::Result<bool> {
    let request = asking.bytes("GET", "/api/payments", "", None);
    let answer = Client::connect(asking)?.send(&request)?;
    match answer.status {
        200 => Ok(true),
        404 => Ok(false),
        status => bail!("the list of payments was answered by {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

/// Stays that are booked and approved, one a bed; each has an invoice by then.
fn bills(house: &House, address: SocketAddr, count: usize) -> anyhow::Result<Vec<Bill>> {
    in_parts(count, |range| {
        let mut client = Client::connect(house.manager(address))?;
        range.map(|place| bill(&mut client, house, place)).collect()
    })
}

fn bill(client: &mut Client, house: &House, place: usize) -> anyhow::Result<Bill> {
    let (from, to) = month(MONTH);
    let body = house.booking_of(place % ROOMS, place / ROOMS % BEDS, place, &from, &to)?;
    let booking = client.post("/api/bookings", &serde_json::from_str(&body)?)?;
    let id = text(&booking, "/id")?;
    let seen = format!("If-Match: \"{}\"\r\n", whole(&booking, "/version")?);
    client.ask("PUT", &format!("/api/bookings/{id}/approve"), &seen, Some(&json!({})))?;
    let invoices = client.get(&format!("/api/invoices?booking_id={id}"))?;
    let invoice = invoices.get(0).context("an approved stay has an invoice")?;
    Ok(Bill { invoice: text(invoice, "/id")?, booking: id, person: text(invoice, "/user_id")? })
}

impl Bill {
    /// The body that begins to pay some of it.
    fn wish(&self, amount: usize) -> String {
        format!(r#"{{"invoice_id":"{}","amount":{{"amount_minor":{amount},"currency":"GHS"}}}}"#, self.invoice)
    }
}

impl Ground<'_> {
    fn house(&self) -> &House {
        &self.postgres.stage.booked
    }

    fn database(&self) -> anyhow::Result<Database> {
        Database::connect(&self.postgres.cluster.url("bench"))
    }

    /// The bill number `n`; behind the last comes the first again.
    fn bill(&self, n: usize) -> anyhow::Result<&Bill> {
        self.bills.get(n % self.bills.len().max(1)).context("there are no bills")
    }

    /// Payments that were begun and paid on the sandbox's page, by their references; of the bill that `bill` says.
    fn paid(
        &self,
        address: SocketAddr,
        count: usize,
        bill: impl Fn(usize) -> usize + Sync,
    ) -> anyhow::Result<Vec<String>> {
        in_parts(count, |range| {
            let mut client = Client::connect(self.house().manager(address))?;
            range
                .map(|n| {
                    let begun = Begun::of(&mut client, self.bill(bill(n))?)?;
                    begun.pay(&mut client)?;
                    Ok(begun.reference)
                })
                .collect()
        })
    }
}

impl Begun {
    fn of(client: &mut Client, bill: &Bill) -> anyhow::Result<Self> {
        let begun: Value = client.post("/api/payments/initialize", &serde_json::from_str(&bill.wish(AMOUNT))?)?;
        let url = text(&begun, "/authorization_url")?;
        let (_, rest) = url.split_once("://").context("the page has no address")?;
        let page = rest.find('/').and_then(|at| rest.get(at..)).context("the page's address has no path")?;
        let (payment, reference) = (text(&begun, "/payment/id")?, text(&begun, "/payment/reference")?);
        Ok(Self { payment, reference, page: page.to_owned() })
    }

    /// Presses the button of its page.
    fn pay(&self, client: &mut Client) -> anyhow::Result<()> {
        const FORM: &str = "action=pay";
        let kind = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", FORM.len());
        let mut request = Asking::anonymous(client.asking.address).bytes("POST", &self.page, &kind, None);
        request.extend_from_slice(FORM.as_bytes());
        let answer = client.send(&request)?;
        if answer.status != 200 {
            bail!("the sandbox's page answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(())
    }
}
