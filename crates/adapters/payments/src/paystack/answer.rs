//! What an answer of Paystack's means. A status of 200 and an outer `status: true` say that the call worked, and nothing
//! about money.

use serde_json::Value;

use super::{failure::Failure, line::Reply};
use crate::{
    secret::SecretKey,
    wire::{LONGEST_MESSAGE, Object, Problem, ShapeError, parse},
};

/// The body of an answer that worked. Its `data` is still to be read.
pub(super) fn accepted(reply: &Reply, key: &SecretKey, of: &'static str) -> Result<Value, Failure> {
    let status = reply.status.as_u16();
    match status {
        200..=299 => {}
        401 | 403 => return Err(Failure::Key),
        429 => return Err(Failure::Busy(reply.retry_after)),
        408 | 425 | 500.. => return Err(Failure::Broken(status)),
        400..=499 => return Err(refusal(reply, key, of)),
        _ => return Err(Failure::NotJson(status)),
    }
    if !reply.is_json {
        return Err(Failure::NotJson(status));
    }
    let body = parse(&reply.body)?;
    if Object::root(&body)?.flag("status")? { Ok(body) } else { Err(refusal(reply, key, of)) }
}

/// What a refusal says. Only Paystack's own word that something is not there counts as that: a page of some server in
/// between, with 404 on it, says nothing about charges.
fn refusal(reply: &Reply, key: &SecretKey, of: &'static str) -> Failure {
    let status = reply.status.as_u16();
    if !reply.is_json {
        return Failure::NotJson(status);
    }
    let body = match parse(&reply.body) {
        Ok(body) => body,
        Err(error) => return error.into(),
    };
    match told(&body) {
        Ok((code, message)) => classified(status, code, message, key, of),
        Err(error) => error.into(),
    }
}

fn told(body: &Value) -> Result<(&str, &str), ShapeError> {
    let root = Object::root(body)?;
    // The word stands beside the message; older answers have none.
    let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
    if root.flag("status")? {
        return Err(root.error("status", Problem::Contradiction));
    }
    Ok((root.optional_text("code")?.unwrap_or_default(), message))
}

fn classified(status: u16, code: &str, message: &str, key: &SecretKey, of: &'static str) -> Failure {
    let says = |words: &str| message.eq_ignore_ascii_case(words);
    if code == "duplicate_reference" || says("Duplicate Transaction Reference") {
        return Failure::Duplicate;
    }
    if code == "invalid_Key" || code == "invalid_key" || says("Invalid key") {
        return Failure::Key;
    }
    let gone = matches!(code, "transaction_not_found" | "refund_not_found" | "not_found")
        || ["Transaction reference not found", "Transaction not found", "Refund not found"].into_iter().any(says)
        || (status == 404 && message.to_ascii_lowercase().contains("not found"));
    if gone {
        return Failure::NotFound(of);
    }
    Failure::Refused { code: word(code, key), message: cleaned(message, key) }
}

/// The machine's word, as far as it is one.
fn word(code: &str, key: &SecretKey) -> String {
    if key.is_in(code) {
        return "withheld".to_owned();
    }
    let kept: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
    if kept.is_empty() { "none".to_owned() } else { kept }
}

/// What may be logged of the words: one line, not long, and never our own key back.
fn cleaned(message: &str, key: &SecretKey) -> String {
    if key.is_in(message) {
        return "(withheld: it repeats the key)".to_owned();
    }
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_MESSAGE).collect()
}
