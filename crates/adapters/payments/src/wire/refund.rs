//! A refund, in its four documented shapes: the answer to asking for one, the answer to looking one up, an entry of the
//! list, and what a notice tells.

use domicile_billing::ports::{Domain, RefundReport, RefundStatus};
use domicile_kernel::Instant;
use serde_json::Value;

use super::fields::{Object, Problem, ShapeError};
use crate::note;

/// What the gateway says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refund {
    pub(crate) report: RefundReport,
    /// Real money, or play, where it is said.
    pub(crate) domain: Option<Domain>,
    /// The reference of the charge that is refunded, which is ours, where it is said.
    pub(crate) charge_reference: Option<String>,
    /// The gateway's id of the charge that is refunded, where it is said.
    pub(crate) charge_id: Option<String>,
    /// The processor's reference, which is not ours.
    pub(crate) processor_reference: Option<String>,
    /// Our reference, where our note came back.
    pub(crate) reference: Option<String>,
    /// When it was asked for, where it is said.
    pub(crate) created_at: Option<Instant>,
}

impl Refund {
    /// Reads `data`. `transaction` is an object in the answer to asking, and a bare id everywhere else; notices have
    /// `transaction_reference` instead.
    pub(crate) fn read(data: &Object<'_>) -> Result<Self, ShapeError> {
        let currency = data.currency("currency")?;
        let (charge_id, within) = match data.value("transaction") {
            Some(value @ Value::Object(_)) => {
                let charge = data.as_object("transaction", value)?;
                (charge.optional_id("id")?, charge.optional_text("reference")?)
            }
            _ => (data.optional_id("transaction")?, None),
        };
        let beside = data.optional_text("transaction_reference")?;
        let created_at = match data.optional_instant("createdAt")? {
            None => data.optional_instant("created_at")?,
            told => told,
        };
        Ok(Self {
            report: RefundReport {
                status: status(data)?,
                amount: data.amount("amount", currency)?,
                gateway_id: data.optional_id("id")?,
                message: lenient(data, "reason").map(super::message),
            },
            domain: data.value("domain").map(|_there| data.domain("domain")).transpose()?,
            charge_reference: within.or(beside).map(str::to_owned),
            charge_id,
            processor_reference: data.optional_text("refund_reference")?.map(str::to_owned),
            reference: lenient(data, "merchant_note").and_then(note::reference_in).map(str::to_owned),
            created_at,
        })
    }
}

/// Whether an entry of the list may be read strictly: it is about this charge, or does not say. Others are no business of
/// ours, and nothing about them may stop a reading.
#[cfg(feature = "paystack")]
pub(crate) fn may_concern(entry: &Object<'_>, charge_id: &str) -> bool {
    match entry.value("transaction") {
        Some(Value::Number(id)) => id.to_string() == charge_id,
        Some(Value::String(id)) => id == charge_id,
        Some(Value::Object(charge)) => match charge.get("id") {
            Some(Value::Number(id)) => id.to_string() == charge_id,
            Some(Value::String(id)) => id == charge_id,
            _ => true,
        },
        _ => true,
    }
}

fn status(data: &Object<'_>) -> Result<RefundStatus, ShapeError> {
    match data.text("status")? {
        "pending" | "processing" => Ok(RefundStatus::Pending),
        "processed" => Ok(RefundStatus::Processed),
        "failed" => Ok(RefundStatus::Failed),
        "needs-attention" | "needs_attention" => Ok(RefundStatus::NeedsAttention),
        _ => Err(data.error("status", Problem::UnknownWord)),
    }
}

/// A text that is for people, if it is one: whatever else stands there is not worth a failure.
fn lenient<'a>(data: &Object<'a>, field: &str) -> Option<&'a str> {
    data.optional_text(field).ok().flatten()
}
