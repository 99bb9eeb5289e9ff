//! Webhooks at a fixed pace while nobody works them off: each tells of a payment of its own, which was paid on the sandbox's
//! page, in the shape and under the signature in which the sandbox tells it itself. It counts from when it was due, and in the
//! end the inbox holds exactly as many rows. Then the worker is let loose, and every payment has to be completed.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha512};

use super::{AMOUNT, Ground, SECRET, SECRET_SETTING, Told, WEBHOOKS, WEBHOOKS_GOAL};
use crate::{
    database::Database,
    figures::CONNECTIONS,
    load::{Asking, Crowd, Histogram, Speech, Trigger, Triggers, answer::Answer},
    report::{Figure, Series},
};

const PATH: &str = "/api/payments/webhook/sandbox";
const HEADER: &str = "x-sandbox-signature";
const STOPPED: (&str, &str) = ("DOMICILE_JOBS__ENABLED", "false");
/// 200 a second.
const PACE: Duration = Duration::from_millis(5);
const MOST: f64 = 20.0;
/// How long the worker may take for all of them.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) fn measure(ground: &Ground<'_>) -> anyhow::Result<Told> {
    let stopped = ground.product.with(&[STOPPED])?;
    if let Some(missing) = stopped.unknown.iter().find(|name| [SECRET_SETTING, STOPPED.0].contains(name)) {
        let figure = Figure::not_there(WEBHOOKS, WEBHOOKS_GOAL, &format!("the binary does not know `{missing}`"));
        return Ok(Told { figure, series: Vec::new() });
    }
    let mut database = ground.database()?;
    let before = Inbox::count(&mut database)?;
    let requests = |time: Duration| (time.as_secs_f64() / PACE.as_secs_f64()) as usize;
    let (warm, count) = (requests(ground.warm_up), requests(ground.warm_up + ground.measured));
    let mut middle = Series::new("webhooks acknowledged, 200/s, p50", "ms");
    let mut tail = Series::new("webhooks acknowledged, 200/s, p99", "ms");
    let mut told = 0;
    for repetition in 0..ground.repetitions {
        let process = stopped.start()?;
        let references = ground.paid(process.address, count, |n| repetition * count + n)?;
        database.freshen()?;
        let address = process.address;
        let requests = references.iter().map(|reference| request(address, reference)).collect::<anyhow::Result<_>>()?;
        let mut telling = Telling { requests, warm, due: Vec::with_capacity(count), latencies: Histogram::new() };
        // Nobody listens: only the requests of a crowd, at their pace.
        let mut nobody = Crowd::new(address, Speech::Domicile, |_| String::new())?;
        nobody.drive(Triggers { address, connections: CONNECTIONS, period: PACE, count }, &mut telling)?;
        told += count as u64;
        process.end()?;
        let there = Inbox::count(&mut database)?;
        if (there.rows, there.waiting) != (before.rows + told, before.waiting + told) {
            bail!("{told} webhooks were acknowledged, and the inbox went from {before:?} to {there:?}");
        }
        middle.push(telling.latencies.quantile(0.5));
        tail.push(telling.latencies.quantile(0.99));
    }
    let worked = work_off(ground, &mut database, before.rows + told, told)?;
    let figure = Figure::alone(WEBHOOKS, WEBHOOKS_GOAL, &tail, Some(MOST));
    Ok(Told { figure, series: vec![middle, tail, worked] })
}

/// What the inbox holds.
#[derive(Debug, Clone, Copy)]
struct Inbox {
    rows: u64,
    waiting: u64,
}

impl Inbox {
    fn count(database: &mut Database) -> anyhow::Result<Self> {
        Ok(Self {
            rows: database.count("SELECT count(*) FROM payment_inbox")?,
            waiting: database.count("SELECT count(*) FROM payment_inbox WHERE state = 'waiting'")?,
        })
    }
}

/// Lets the worker do what it was kept from; how many a second of the entries it did. What the sandbox tells by itself
/// meanwhile is the same once more, and makes no rows.
fn work_off(ground: &Ground<'_>, database: &mut Database, rows: u64, told: u64) -> anyhow::Result<Series> {
    let process = ground.product.start()?;
    let begin = Instant::now();
    while Inbox::count(database)?.waiting > 0 {
        if begin.elapsed() > PATIENCE {
            bail!("{:?} still waits after {PATIENCE:?}", Inbox::count(database)?);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let mut worked = Series::new("webhooks worked off afterwards", "1/s");
    worked.push(told as f64 / begin.elapsed().as_secs_f64());
    database.settle()?;
    process.end()?;
    let settled = database.count(
        "SELECT count(*) FROM payment_inbox i JOIN payments p ON p.provider = i.provider AND p.reference = i.reference \
         WHERE i.state = 'processed' AND p.state = 'completed'",
    )?;
    let there = Inbox::count(database)?;
    if settled != rows || there.rows != rows {
        bail!("of {rows} that were told {settled} payments are completed, and the inbox has {there:?}");
    }
    Ok(worked)
}

/// What the sandbox tells of a payment, signed over the bytes of the body.
fn request(address: std::net::SocketAddr, reference: &str) -> anyhow::Result<Vec<u8>> {
    let body = json!({
        "event": "charge.success",
        "data": {
            "id": number_of(reference), "domain": "test", "status": "success", "reference": reference,
            "amount": AMOUNT, "requested_amount": AMOUNT, "currency": "GHS", "fees": null, "channel": "card",
            "gateway_response": "Approved", "paid_at": null, "created_at": null, "metadata": "",
        },
    });
    let body = body.to_string();
    let signature = format!("{HEADER}: {}\r\n", signature(SECRET, body.as_bytes())?);
    Ok(Asking::anonymous(address).bytes("POST", PATH, &signature, Some(&body)))
}

/// HMAC-SHA512 as lower-case hexadecimal digits.
fn signature(secret: &str, body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).context("HMAC takes keys of any length")?;
    mac.update(body);
    Ok(hex::encode(mac.finalize().into_bytes()))
}

/// The sandbox's own id of a charge: the first six bytes of its reference's hash.
fn number_of(reference: &str) -> u64 {
    Sha256::digest(reference).iter().take(6).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// A run of webhooks.
struct Telling {
    requests: Vec<Vec<u8>>,
    /// So many at the start do not count.
    warm: usize,
    due: Vec<Instant>,
    latencies: Histogram,
}

impl Trigger for Telling {
    fn request(&mut self, n: usize, out: &mut Vec<u8>) -> bool {
        self.requests.get(n).is_some_and(|request| {
            out.extend_from_slice(request);
            true
        })
    }

    fn sent(&mut self, _n: usize, due: Instant, _at: Instant) {
        self.due.push(due);
    }

    fn answered(&mut self, n: usize, answer: &Answer, at: Instant) -> anyhow::Result<()> {
        if answer.status != 200 {
            bail!("a webhook was answered by {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        if let Some(due) = self.due.get(n).filter(|_| n >= self.warm) {
            self.latencies.record(at.saturating_duration_since(*due));
        }
        Ok(())
    }

    fn heard(&mut self, _socket: usize, _payload: &[u8], _at: Instant) {}

    fn complete(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_hmac_sha512_of_rfc_4231() {
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?").unwrap(),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let request = String::from_utf8(request(([127, 0, 0, 1], 1).into(), "dom-1").unwrap()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let signed = head.lines().find_map(|line| line.strip_prefix("x-sandbox-signature: ")).unwrap();
        assert_eq!(signed, signature(SECRET, body.as_bytes()).unwrap());
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(told["data"]["reference"], "dom-1");
        assert_ne!(number_of("dom-1"), number_of("dom-2"));
        assert!(number_of("dom-1") < 1 << 48, "JSON counts no further exactly than 53 bits");
    }

    #[test]
    fn only_what_comes_after_the_warming_up_counts_and_from_when_it_was_due() {
        let mut telling = Telling { requests: Vec::new(), warm: 1, due: Vec::new(), latencies: Histogram::new() };
        let (due, late) = (Instant::now(), Duration::from_millis(30));
        for n in 0..2 {
            telling.sent(n, due, due + late);
            telling.answered(n, &Answer { status: 200, body: Vec::new() }, due + late).unwrap();
        }
        assert_eq!(telling.latencies.count(), 1);
        assert!((telling.latencies.quantile(0.99) / 30.0 - 1.0).abs() < 0.01);
        let refused = Answer { status: 503, body: Vec::new() };
        assert!(telling.answered(1, &refused, due).is_err());
    }
}
