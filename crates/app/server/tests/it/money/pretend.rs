//! A gateway of the test's own, in the shapes that Paystack documents: it remembers what it was asked to do, and can be held
//! at a moment of a call, so that a test may do something at that moment. Like the real one it makes a refund as often as it
//! is asked for one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// What is asked of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Initialize,
    Verify,
    Refund,
}

/// A moment of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It came, and nothing was done.
    Asked,
    /// It was done, and nothing was answered.
    Done,
}

#[derive(Default)]
struct State {
    /// Reference, amount, currency and whether it was paid.
    charges: Vec<(String, i64, String, bool)>,
    /// The charge's reference, amount, currency and note.
    refunds: Vec<(String, i64, String, String)>,
    hold: Option<(Call, When)>,
    is_held: bool,
    /// How often somebody died who was held.
    dead: u64,
    answered: u64,
}

/// The gateway.
#[derive(Clone)]
pub(super) struct Gateway {
    pub(super) url: String,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Gateway {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Self { url: format!("http://{}", listener.local_addr().unwrap()), shared: Arc::default() };
        let theirs = gateway.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _peer)) = listener.accept() {
                let gateway = theirs.clone();
                // Whoever asked may be dead by now.
                std::thread::spawn(move || gateway.serve(stream).unwrap_or_default());
            }
        });
        gateway
    }

    /// The next such call is held at that moment.
    pub(super) fn hold(&self, call: Call, when: When) {
        let mut state = self.shared.0.lock().unwrap();
        (state.hold, state.is_held) = (Some((call, when)), false);
    }

    /// Waits until it holds.
    pub(super) async fn held(&self) {
        let started = Instant::now();
        while !self.shared.0.lock().unwrap().is_held {
            assert!(started.elapsed() < Duration::from_secs(20), "the gateway was never asked");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Goes on with what it held, and waits until that is answered.
    pub(super) async fn go_on(&self) {
        let before = {
            let mut state = self.shared.0.lock().unwrap();
            state.hold = None;
            self.shared.1.notify_all();
            state.answered
        };
        let started = Instant::now();
        while self.shared.0.lock().unwrap().answered == before {
            assert!(started.elapsed() < Duration::from_secs(20), "the gateway does not answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Forgets what it held: whoever asked is dead.
    pub(super) fn forget(&self) {
        let mut state = self.shared.0.lock().unwrap();
        state.hold = None;
        state.dead += 1;
        self.shared.1.notify_all();
    }

    /// Somebody pays a charge.
    pub(super) fn pay(&self, reference: &str) {
        let mut state = self.shared.0.lock().unwrap();
        state.charges.iter_mut().find(|charge| charge.0 == reference).unwrap().3 = true;
    }

    /// How many charges of a reference there are.
    pub(super) fn charges(&self, reference: &str) -> usize {
        self.shared.0.lock().unwrap().charges.iter().filter(|charge| charge.0 == reference).count()
    }

    /// How many refunds of a charge there are.
    pub(super) fn refunds(&self, reference: &str) -> usize {
        self.shared.0.lock().unwrap().refunds.iter().filter(|refund| refund.0 == reference).count()
    }

    /// Stands still at this moment, if it is to. Nothing when whoever asked died meanwhile: then no more is done.
    fn pass(&self, call: Call, when: When) -> Option<()> {
        let (mutex, turned) = &*self.shared;
        let mut state = mutex.lock().unwrap();
        let dead = state.dead;
        while state.hold == Some((call, when)) {
            state.is_held = true;
            state = turned.wait(state).unwrap();
        }
        (state.dead == dead).then_some(())
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut length = 0;
            loop {
                let mut header = String::new();
                input.read_line(&mut header)?;
                let header = header.trim_end().to_ascii_lowercase();
                if header.is_empty() {
                    break;
                }
                if let Some(value) = header.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body)?;
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let Some((status, answer)) = self.answer(line.trim_end(), &body) else { return Ok(()) };
            let answer = answer.to_string();
            write!(
                out,
                "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            )?;
            out.flush()?;
            self.shared.0.lock().unwrap().answered += 1;
        }
    }

    fn answer(&self, line: &str, body: &Value) -> Option<(u16, Value)> {
        let path = line.split(' ').nth(1).unwrap();
        let no = |status, message: &str, code: &str| {
            Some((status, json!({ "status": false, "message": message, "code": code, "type": "api_error" })))
        };
        let yes = |data: Value| Some((200, json!({ "status": true, "message": "Done", "data": data })));
        if line.starts_with("POST /transaction/initialize ") {
            self.pass(Call::Initialize, When::Asked)?;
            let reference = body["reference"].as_str().unwrap();
            let (amount, currency) = (body["amount"].as_i64().unwrap(), body["currency"].as_str().unwrap());
            {
                let mut state = self.shared.0.lock().unwrap();
                if state.charges.iter().any(|charge| charge.0 == reference) {
                    return no(400, "Duplicate Transaction Reference", "duplicate_reference");
                }
                state.charges.push((reference.to_owned(), amount, currency.to_owned(), false));
            }
            self.pass(Call::Initialize, When::Done)?;
            return yes(json!({
                "authorization_url": format!("https://checkout.example/{reference}"), "access_code": "0peioxfhpn",
                "reference": reference,
            }));
        }
        if let Some(reference) = path.strip_prefix("/transaction/verify/") {
            // The watch over gateways asks about nobody's payment; that is not what a test holds.
            let known = self.charges(reference) > 0;
            if known {
                self.pass(Call::Verify, When::Done)?;
            }
            let state = self.shared.0.lock().unwrap();
            let found = state.charges.iter().position(|charge| charge.0 == reference);
            let Some(at) = found else {
                return no(404, "Transaction reference not found.", "transaction_not_found");
            };
            let (_, amount, currency, paid) = &state.charges[at];
            return yes(json!({
                "id": 4_099_260_000_u64 + at as u64, "domain": "test", "reference": reference, "amount": amount,
                "requested_amount": amount, "currency": currency, "fees": if *paid { json!(100) } else { Value::Null },
                "status": if *paid { "success" } else { "abandoned" }, "metadata": "", "channel": "card",
                "gateway_response": if *paid { "Successful" } else { "The transaction was not completed" },
            }));
        }
        if line.starts_with("POST /refund ") {
            self.pass(Call::Refund, When::Asked)?;
            let at = {
                let mut state = self.shared.0.lock().unwrap();
                let text = |name: &str| body[name].as_str().unwrap().to_owned();
                let made =
                    (text("transaction"), body["amount"].as_i64().unwrap(), text("currency"), text("merchant_note"));
                state.refunds.push(made);
                state.refunds.len() - 1
            };
            self.pass(Call::Refund, When::Done)?;
            return yes(self.refund(at));
        }
        if let Some(query) = path.strip_prefix("/refund?") {
            let wanted = query.split('&').find_map(|pair| pair.strip_prefix("transaction=")).unwrap().to_owned();
            let count = self.shared.0.lock().unwrap().refunds.len();
            let all = (0..count)
                .map(|at| self.refund(at))
                .filter(|refund| refund["transaction"] == json!(wanted.parse::<u64>().unwrap()));
            return yes(all.collect());
        }
        if let Some(id) = path.strip_prefix("/refund/") {
            let at: usize = id.parse::<usize>().unwrap() - 1;
            return yes(self.refund(at));
        }
        no(404, "Not found", "not_found")
    }

    /// A refund as the list has it.
    fn refund(&self, at: usize) -> Value {
        let state = self.shared.0.lock().unwrap();
        let (charge, amount, currency, note) = &state.refunds[at];
        let number = state.charges.iter().position(|known| known.0 == *charge).unwrap();
        json!({
            "id": at + 1, "transaction": 4_099_260_000_u64 + number as u64, "domain": "test", "amount": amount,
            "currency": currency, "status": "processed", "merchant_note": note, "customer_note": "x",
        })
    }
}
