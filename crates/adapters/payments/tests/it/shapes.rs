//! The recorded shapes of `shapes/*.json`, good and bad: each is sent as an answer or a notice, and what is made of it is
//! compared with one line of text. None of the bad ones may come out as money.
//!
//! A shape is a whole body (`body`), text that is no JSON (`raw`), or another shape of the file with fields changed
//! (`like`, `with`, `without`; a field is named by its path).

use std::collections::BTreeMap;

use domicile_billing::ports::PaymentGateway;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    server::Answer,
    support::{
        REFERENCE, new_charge, new_refund, paystack, paystack_at, told_charge, told_event, told_opening, told_refund,
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    name: String,
    #[serde(default = "ok")]
    status: u16,
    body: Option<Value>,
    raw: Option<String>,
    like: Option<String>,
    #[serde(default)]
    with: Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    expect: String,
}

/// A shape with its body made up.
struct Recorded {
    name: String,
    status: u16,
    body: Vec<u8>,
    expect: String,
}

fn ok() -> u16 {
    200
}

fn recorded(file: &str) -> Vec<Recorded> {
    let shapes: Vec<Shape> = serde_json::from_str(file).unwrap();
    let mut whole = BTreeMap::new();
    let mut recorded = Vec::new();
    for shape in shapes {
        let body = match (&shape.body, &shape.raw, &shape.like) {
            (Some(body), None, None) => Some(body.clone()),
            (None, Some(_), None) => None,
            (None, None, Some(like)) => Some(changed(&whole[like], &shape)),
            _ => panic!("{}: one of body, raw and like", shape.name),
        };
        let bytes = body.as_ref().map_or_else(|| shape.raw.clone().unwrap(), Value::to_string).into_bytes();
        if let Some(body) = body {
            assert!(whole.insert(shape.name.clone(), body).is_none(), "{}: twice", shape.name);
        }
        recorded.push(Recorded { name: shape.name, status: shape.status, body: bytes, expect: shape.expect });
    }
    recorded
}

fn changed(like: &Value, shape: &Shape) -> Value {
    let mut body = like.clone();
    for (path, value) in &shape.with {
        let (field, at) = place(&mut body, path);
        at.insert(field, value.clone());
    }
    for path in &shape.without {
        let (field, at) = place(&mut body, path);
        assert!(at.remove(&field).is_some(), "{}: {path} is not there to be left out", shape.name);
    }
    body
}

fn place<'a>(body: &'a mut Value, path: &str) -> (String, &'a mut Map<String, Value>) {
    let mut steps: Vec<&str> = path.split('.').collect();
    let field = steps.pop().unwrap().to_owned();
    let at = steps.into_iter().fold(body, |at, step| match step.parse::<usize>() {
        Ok(index) => &mut at[index],
        Err(_) => &mut at[step],
    });
    (field, at.as_object_mut().unwrap())
}

/// Runs each shape and says all that came out otherwise.
fn compare(recorded: &[Recorded], outcomes: Vec<String>) {
    assert_eq!(recorded.len(), outcomes.len());
    let wrong: Vec<String> = recorded
        .iter()
        .zip(outcomes)
        .filter(|(shape, outcome)| shape.expect != *outcome)
        .map(|(shape, outcome)| format!("{}\n  expected {}\n  came     {outcome}", shape.name, shape.expect))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), recorded.len(), wrong.join("\n"));
}

fn answers(recorded: &[Recorded]) -> Vec<Answer> {
    recorded.iter().map(|shape| Answer::json(shape.status, shape.body.clone())).collect()
}

const VERIFY: &str = include_str!("shapes/verify.json");
const INITIALIZE: &str = include_str!("shapes/initialize.json");
const REFUND: &str = include_str!("shapes/refund.json");
const NOTICES: &str = include_str!("shapes/notices.json");

#[tokio::test]
async fn a_verified_charge_is_read_as_documented_or_names_the_field() {
    let recorded = recorded(VERIFY);
    let (gateway, server) = paystack(answers(&recorded)).await;
    let mut outcomes = Vec::new();
    for _ in &recorded {
        outcomes.push(told_charge(&gateway.verify(REFERENCE).await));
    }
    compare(&recorded, outcomes);
    assert!(server.asked().iter().all(|asked| asked.line == format!("GET /transaction/verify/{REFERENCE} HTTP/1.1")));
}

#[tokio::test]
async fn an_opened_checkout_is_read_as_documented_or_names_the_field() {
    let recorded = recorded(INITIALIZE);
    let (gateway, _server) = paystack(answers(&recorded)).await;
    let mut outcomes = Vec::new();
    for _ in &recorded {
        outcomes.push(told_opening(&gateway.initialize(&new_charge()).await));
    }
    compare(&recorded, outcomes);
}

#[tokio::test]
async fn an_answer_to_a_refund_is_read_as_documented_or_names_the_field() {
    let recorded = recorded(REFUND);
    let (gateway, _server) = paystack(answers(&recorded)).await;
    let mut outcomes = Vec::new();
    for _ in &recorded {
        outcomes.push(told_refund(&gateway.refund(&new_refund("ref-0190b2", 20_000)).await));
    }
    compare(&recorded, outcomes);
}

#[test]
fn a_notice_is_read_as_documented_or_names_the_field() {
    let recorded = recorded(NOTICES);
    let gateway = paystack_at("http://127.0.0.1:9");
    let outcomes = recorded.iter().map(|shape| told_event(&gateway.read(&shape.body))).collect();
    compare(&recorded, outcomes);
}

#[test]
fn there_are_sixty_shapes_and_more_and_the_bad_ones_are_never_a_success() {
    let all: Vec<Recorded> = [VERIFY, INITIALIZE, REFUND, NOTICES].into_iter().flat_map(recorded).collect();
    assert!(all.len() >= 60, "{}", all.len());
    let bad = all.iter().filter(|shape| shape.name.starts_with("bad: ")).collect::<Vec<_>>();
    assert!(bad.len() >= 30, "{}", bad.len());
    for shape in bad {
        assert!(shape.expect.starts_with("malformed: ") || shape.expect.starts_with("unreadable: "), "{}", shape.name);
    }
}
