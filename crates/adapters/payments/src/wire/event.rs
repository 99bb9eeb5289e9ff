//! A notice: what the gateway posts to us by itself.

use domicile_billing::ports::{ChargeStatus, Domain, Unreadable, WebhookEvent, WebhookKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    charge::Charge,
    fields::{Object, Problem, ShapeError, parse},
    refund::Refund,
};
use crate::note;

/// Reads an authentic notice. `data` of events that are not ours is not looked at: in some it is not even an object.
///
/// There is no id of the notice, so what makes two deliveries one is made of what it says: for charges the event, the
/// charge's id and its status; for refunds the event, both references, the status and, where they are said, id and amount;
/// for disputes the event, the charge's reference, and the dispute's id, status and resolution; for everything else the body
/// itself. What cannot be read is told apart by its bytes only, so that it never stands in for a notice that can.
pub(crate) fn read_event(raw: &[u8]) -> Result<WebhookEvent, Unreadable> {
    let unreadable = |error: &ShapeError, reference| Unreadable {
        what: error.to_string(),
        dedupe_key: key("unreadable", raw),
        reference,
    };
    let body = parse(raw).map_err(|error| unreadable(&error, None))?;
    event(&body, raw).map_err(|error| unreadable(&error, hint(&body)))
}

/// The reference that what cannot be read seems to concern, so that somebody can look.
fn hint(body: &Value) -> Option<String> {
    let data = body.get("data")?;
    let places = [data.get("reference"), data.get("transaction_reference"), data.pointer("/transaction/reference")];
    let mut texts = places.into_iter().flatten().filter_map(Value::as_str);
    texts.find(|text| note::is_sendable(text)).map(str::to_owned)
}

fn event(body: &Value, raw: &[u8]) -> Result<WebhookEvent, ShapeError> {
    let root = Object::root(body)?;
    let name = root.text("event")?;
    match name {
        "charge.success" => charge(&root, name, ChargeStatus::Success, raw),
        "charge.failed" => charge(&root, name, ChargeStatus::Failed, raw),
        _ => match name.strip_prefix("refund.") {
            Some(word @ ("pending" | "processing" | "processed" | "failed" | "needs-attention")) => {
                refund(&root, name, word)
            }
            _ if matches!(name, "charge.dispute.create" | "charge.dispute.remind" | "charge.dispute.resolve") => {
                dispute(&root, name)
            }
            _ => Ok(WebhookEvent {
                kind: WebhookKind::Other(name.to_owned()),
                reference: None,
                dedupe_key: key(name, raw),
            }),
        },
    }
}

fn charge(root: &Object<'_>, name: &str, status: ChargeStatus, raw: &[u8]) -> Result<WebhookEvent, ShapeError> {
    let data = root.object("data")?;
    let report = Charge::read(&data)?.report;
    if report.status != status {
        return Err(data.error("status", Problem::Contradiction));
    }
    let dedupe_key = match &report.gateway_id {
        Some(id) => key(name, json!([name, word(report.domain), id, data.text("status")?]).to_string()),
        // Without an id there is nothing that is surely this charge's own.
        None => key(name, raw),
    };
    Ok(WebhookEvent { reference: Some(report.reference.clone()), kind: WebhookKind::Charge(report), dedupe_key })
}

fn refund(root: &Object<'_>, name: &str, status: &str) -> Result<WebhookEvent, ShapeError> {
    let data = root.object("data")?;
    let refund = Refund::read(&data)?;
    if data.text("status")? != status {
        return Err(data.error("status", Problem::Contradiction));
    }
    let Some(charge) = refund.charge_reference else {
        return Err(data.error("transaction_reference", Problem::Missing));
    };
    // A list of JSON, so that the borders between the parts cannot shift.
    let parts = json!([
        name,
        refund.domain.map(word),
        charge,
        refund.processor_reference,
        status,
        refund.report.gateway_id,
        refund.report.amount
    ]);
    Ok(WebhookEvent {
        kind: WebhookKind::Refund { refund_reference: refund.reference, report: refund.report },
        reference: Some(charge),
        dedupe_key: key(name, parts.to_string()),
    })
}

/// A dispute, with the charge as an object in it. How much of it is disputed is not said of each.
fn dispute(root: &Object<'_>, name: &str) -> Result<WebhookEvent, ShapeError> {
    let data = root.object("data")?;
    let transaction = match data.value("transaction") {
        Some(value @ Value::Object(_)) => Some(data.as_object("transaction", value)?),
        _ => None,
    };
    let within = transaction.as_ref().map(|charge| charge.optional_text("reference")).transpose()?.flatten();
    let Some(charge) = within.or(data.optional_text("transaction_reference")?) else {
        return Err(data.error("transaction.reference", Problem::Missing));
    };
    let currency = match (data.value("currency"), &transaction) {
        (None, Some(charge)) if charge.value("currency").is_some() => Some(charge.currency("currency")?),
        (None, _) => None,
        (Some(_), _) => Some(data.currency("currency")?),
    };
    let amount = match currency {
        Some(currency) => data.optional_amount("refund_amount", currency)?,
        None => None,
    };
    let (status, resolution) = (data.optional_text("status")?, data.optional_text("resolution")?);
    let words = [name.strip_prefix("charge.dispute."), status, resolution];
    let step = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let parts = json!([name, charge, data.optional_id("id")?, status, resolution, amount]);
    Ok(WebhookEvent {
        kind: WebhookKind::Dispute { step: super::message(&step), amount },
        reference: Some(charge.to_owned()),
        dedupe_key: key(name, parts.to_string()),
    })
}

const fn word(domain: Domain) -> &'static str {
    match domain {
        Domain::Live => "live",
        Domain::Test => "test",
    }
}

/// A name for people, and a hash: at most 125 visible characters.
fn key(name: &str, of: impl AsRef<[u8]>) -> String {
    let shown = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '?' };
    let name: String = name.chars().take(60).map(shown).collect();
    format!("{name}:{}", hex::encode(Sha256::digest(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_key(body: &Value) -> String {
        read_event(body.to_string().as_bytes()).unwrap().dedupe_key
    }

    fn charge_told(id: &Value, extra: i64) -> Value {
        json!({"event": "charge.success", "data": {"id": id, "status": "success", "domain": "live", "reference": "pay-1",
            "amount": 100, "currency": "GHS", "extra": extra}})
    }

    #[test]
    fn the_same_charge_told_twice_is_one_notice_and_another_is_another() {
        let told = read_key(&charge_told(&json!(302_961), 1));
        assert_eq!(told, read_key(&charge_told(&json!("302961"), 2)));
        assert_ne!(told, read_key(&charge_told(&json!(302_962), 1)));
        assert!(told.starts_with("charge.success:"), "{told}");
        let mut test = charge_told(&json!(302_961), 1);
        test["data"]["domain"] = json!("test");
        assert_ne!(told, read_key(&test));
        // A charge without an id has nothing else that is surely its own.
        assert_ne!(read_key(&charge_told(&Value::Null, 1)), read_key(&charge_told(&Value::Null, 2)));
    }

    #[test]
    fn each_step_of_a_refund_is_a_notice_of_its_own() {
        let told = |status: &str, charge: &str, reference: Value, amount: Value| {
            json!({"event": format!("refund.{status}"), "data": {"status": status, "transaction_reference": charge,
                "refund_reference": reference, "amount": amount, "currency": "GHS"}})
        };
        let pending = read_key(&told("pending", "T1", Value::Null, json!("10000")));
        assert_eq!(pending, read_key(&told("pending", "T1", Value::Null, json!(10_000))));
        for other in [
            told("processing", "T1", Value::Null, json!("10000")),
            told("pending", "T1", json!("R1"), json!("10000")),
            told("pending", "T1", Value::Null, json!("10001")),
            told("pending", "T2", Value::Null, json!("10000")),
        ] {
            assert_ne!(pending, read_key(&other), "{other}");
        }
        let borders = |charge: &str, reference: &str| read_key(&told("failed", charge, json!(reference), json!(1)));
        assert_ne!(borders("T1", "2"), borders("T", "12"));
        assert_ne!(borders("T1\",\"2", "3"), borders("T1", "2\",\"3"));
    }

    #[test]
    fn what_cannot_be_read_never_stands_in_for_what_can() {
        let mut broken = charge_told(&json!(302_961), 1);
        broken["data"]["amount"] = json!(1.5);
        let broken = read_event(broken.to_string().as_bytes()).unwrap_err();
        assert!(broken.what.contains("`data.amount`"), "{broken}");
        assert_ne!(broken.dedupe_key, read_key(&charge_told(&json!(302_961), 1)));
        assert_ne!(read_event(b"{").unwrap_err().dedupe_key, read_event(b"[").unwrap_err().dedupe_key);
        assert_eq!(read_event(b"{").unwrap_err(), read_event(b"{").unwrap_err());
    }

    #[test]
    fn what_cannot_be_read_says_whom_it_concerns_where_that_much_can_be_made_out() {
        let reference = |body: &Value| read_event(body.to_string().as_bytes()).unwrap_err().reference;
        let mut broken = charge_told(&json!(302_961), 1);
        broken["data"]["amount"] = json!(1.5);
        assert_eq!(reference(&broken).as_deref(), Some("pay-1"));
        for (data, found) in [
            (json!({"transaction_reference": "pay-2"}), Some("pay-2")),
            (json!({"reference": 5, "transaction": {"reference": "pay-3"}}), Some("pay-3")),
            (json!({"reference": "a b"}), None),
            (json!([1]), None),
        ] {
            assert_eq!(reference(&json!({"event": "charge.success", "data": data})).as_deref(), found);
        }
        assert_eq!(read_event(b"{").unwrap_err().reference, None);
    }

    #[test]
    fn each_step_of_a_dispute_is_a_notice_of_its_own_and_a_reminder_is_one_however_often_it_comes() {
        let told = |step: &str, id: i64, status: &str, extra: i64| {
            read_key(&json!({"event": format!("charge.dispute.{step}"), "data": {"id": id, "status": status,
                "transaction": {"reference": "pay-1"}, "updatedAt": extra}}))
        };
        let reminded = told("remind", 1, "pending", 1);
        assert_eq!(reminded, told("remind", 1, "pending", 2));
        for other in
            [told("create", 1, "pending", 1), told("remind", 2, "pending", 1), told("remind", 1, "resolved", 1)]
        {
            assert_ne!(reminded, other);
        }
    }

    #[test]
    fn a_key_is_short_and_visible_whatever_the_event_is_called() {
        for name in ["transfer.success".to_owned(), "ä :\"".repeat(50)] {
            let key = read_key(&json!({"event": name, "data": [1]}));
            assert!(
                key.len() <= 200 && key.bytes().all(|b| b.is_ascii_graphic()) && key.matches(':').count() == 1,
                "{key}"
            );
        }
    }
}
