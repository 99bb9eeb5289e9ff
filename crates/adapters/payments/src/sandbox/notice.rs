//! What the sandbox tells about its charges and refunds: bodies in Paystack's shape, signed as Paystack signs.
//!
//! A body is made of its row alone, so that telling the same outcome twice is telling it in the same bytes.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    charge::{SandboxCharge, SandboxState},
    refund::SandboxRefund,
    store::{About, NoticeId, Untold},
};
use crate::secret::SecretKey;

/// Something to be posted to the webhook route of provider `sandbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What to give to [`SandboxGateway::delivered`](super::SandboxGateway::delivered) once the route answered 200.
    pub id: NoticeId,
    /// The body, as `application/json`.
    pub body: Vec<u8>,
    /// The signature, for the header [`SIGNATURE_HEADER`](super::SIGNATURE_HEADER).
    pub signature: String,
}

/// All that is still to be told of a row, in order.
pub(super) fn notices(row: &Untold, key: &SecretKey) -> Vec<Notice> {
    let (about, reference, sent, due, body) = match row {
        Untold::Charge(charge) => {
            let Some(body) = charge_body(charge) else { return Vec::new() };
            (About::Charge, &charge.reference, charge.notices_sent, charge.notices_due, body)
        }
        Untold::Refund(refund) => {
            (About::Refund, &refund.reference, refund.notices_sent, refund.notices_due, refund_body(refund))
        }
    };
    let body = body.to_string().into_bytes();
    let signature = key.sign(&body);
    (sent.saturating_add(1)..=due)
        .map(|number| Notice {
            id: NoticeId { about, reference: reference.clone(), number },
            body: body.clone(),
            signature: signature.clone(),
        })
        .collect()
}

/// `charge.success` or `charge.failed`; nothing of a charge that nobody has decided.
fn charge_body(charge: &SandboxCharge) -> Option<Value> {
    let (event, status, said) = match charge.state {
        SandboxState::Paid => ("charge.success", "success", "Approved"),
        SandboxState::Declined => ("charge.failed", "failed", "Declined"),
        SandboxState::Open | SandboxState::Hanging => return None,
    };
    let fees = if charge.state == SandboxState::Paid { json!(charge.fees().amount_minor()) } else { Value::Null };
    Some(json!({
        "event": event,
        "data": {
            "id": number_of(&charge.reference),
            "domain": "test",
            "status": status,
            "reference": charge.reference,
            "amount": charge.amount.amount_minor(),
            "requested_amount": charge.amount.amount_minor(),
            "currency": charge.amount.currency(),
            "fees": fees,
            "channel": "card",
            "gateway_response": said,
            "paid_at": charge.decided_at.filter(|_| charge.state == SandboxState::Paid),
            "created_at": charge.created_at,
            "metadata": "",
        },
    }))
}

/// `refund.<state>`. The amount is text, as it is in most of the real ones.
fn refund_body(refund: &SandboxRefund) -> Value {
    json!({
        "event": format!("refund.{}", refund.state.as_str()),
        "data": {
            "id": refund.reference,
            "domain": "test",
            "status": refund.state.as_str(),
            "transaction_reference": refund.charge_reference,
            "refund_reference": Value::Null,
            "amount": refund.amount.amount_minor().to_string(),
            "currency": refund.amount.currency(),
            "processor": "sandbox",
            "merchant_note": crate::note::of(&refund.reference),
        },
    })
}

/// The sandbox's own id of what a reference names: the same each time, and within what JSON counts exactly.
pub(super) fn number_of(reference: &str) -> u64 {
    let digest = Sha256::digest(reference);
    digest.iter().take(6).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
