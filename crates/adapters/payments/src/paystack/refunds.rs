//! Refunds at Paystack: asking for one, finding it again, and trying it once more.

use domicile_billing::ports::{AccountDetails, NewRefund, RefundReport};
use domicile_kernel::Instant;
use serde_json::{Value, json};

use super::{PaystackGateway, answer::accepted, failure::Failure, sendable};
use crate::{
    note,
    wire::{Object, Problem, Refund, ShapeError, may_concern},
};

/// How many refunds a page of the list has.
const PAGE: usize = 50;
/// After how many pages the list is taken for endless. What was not read to its end says nothing of what is not in it.
const PAGES: usize = 20;

impl PaystackGateway {
    pub(super) async fn ask_refund(&self, refund: &NewRefund) -> Result<RefundReport, Failure> {
        sendable(&refund.reference)?;
        sendable(&refund.charge_reference)?;
        if refund.amount.amount_minor() <= 0 {
            return Err(Failure::Unsendable("amount"));
        }
        let asked = json!({
            "transaction": refund.charge_reference,
            "amount": refund.amount.amount_minor(),
            "currency": refund.amount.currency(),
            "customer_note": refund.reason,
            "merchant_note": note::of(&refund.reference),
        });
        let reply = self.line.post(&["refund"], &asked).await?;
        let body = match accepted(&reply, &self.config.key, "charge") {
            // That the charge is not there refuses the refund. It does not mean that the refund is what is missing.
            Err(Failure::NotFound(_)) => {
                let message = "Paystack knows no such charge".to_owned();
                return Err(Failure::Refused { code: "transaction_not_found".to_owned(), message });
            }
            other => other?,
        };
        let answer = Refund::read(&Object::root(&body)?.object("data")?)?;
        same(&answer, refund)?;
        Ok(answer.report)
    }

    pub(super) async fn look_up(&self, refund: &NewRefund) -> Result<RefundReport, Failure> {
        match &refund.gateway_id {
            Some(id) => self.look_up_by_id(id, refund).await,
            None => self.look_through(refund).await,
        }
    }

    async fn look_up_by_id(&self, id: &str, refund: &NewRefund) -> Result<RefundReport, Failure> {
        sendable(id)?;
        let reply = self.line.get(&["refund", id], &[]).await?;
        let body = accepted(&reply, &self.config.key, "refund")?;
        let answer = Refund::read(&Object::root(&body)?.object("data")?)?;
        if answer.report.gateway_id.as_deref() != Some(id) {
            return Err(Failure::Another("refund"));
        }
        same(&answer, refund)?;
        Ok(answer.report)
    }

    /// Reads the list of the charge's refunds, for the one with our note. Where none has it, one of the same amount that
    /// was made after ours was reserved and carries nobody's note is taken for it, if there is but one.
    async fn look_through(&self, refund: &NewRefund) -> Result<RefundReport, Failure> {
        let charge_id = match &refund.charge_gateway_id {
            Some(id) => id.clone(),
            None => {
                let charge = self.charge(&refund.charge_reference).await?;
                charge.report.gateway_id.ok_or_else(|| ShapeError::new("data.id", Problem::Missing))?
            }
        };
        let mut without_note = Vec::new();
        for page in 1..=PAGES {
            let body = self.page(&charge_id, page).await?;
            let entries = Object::root(&body)?.objects("data")?;
            let is_last = entries.len() < PAGE;
            for entry in entries.iter().filter(|entry| may_concern(entry, &charge_id)) {
                let found = Refund::read(entry)?;
                match &found.reference {
                    Some(reference) if *reference == refund.reference => {
                        same(&found, refund)?;
                        return Ok(found.report);
                    }
                    Some(_another) => {}
                    None if may_be(&found, refund) => without_note.push(found),
                    None => {}
                }
            }
            if is_last {
                return only(without_note);
            }
        }
        Err(Failure::Endless)
    }

    async fn page(&self, charge_id: &str, page: usize) -> Result<Value, Failure> {
        let (page, size) = (page.to_string(), PAGE.to_string());
        let query = [("transaction", charge_id), ("perPage", size.as_str()), ("page", page.as_str())];
        let reply = self.line.get(&["refund"], &query).await?;
        accepted(&reply, &self.config.key, "refund")
    }

    pub(super) async fn ask_again(&self, id: &str, to: &AccountDetails) -> Result<RefundReport, Failure> {
        sendable(id)?;
        let asked = json!({ "refund_account_details": {
            "currency": to.currency,
            "account_number": to.account_number,
            "bank_id": to.bank_id,
        } });
        let reply = self.line.post(&["refund", "retry_with_customer_details", id], &asked).await?;
        let body = accepted(&reply, &self.config.key, "refund")?;
        let answer = Refund::read(&Object::root(&body)?.object("data")?)?;
        if answer.report.gateway_id.as_deref() == Some(id) {
            Ok(answer.report)
        } else {
            Err(Failure::Another("refund"))
        }
    }
}

/// Refuses an answer that is about another refund, as far as it says what it is about. What to make of another amount is not
/// decided here.
fn same(answer: &Refund, refund: &NewRefund) -> Result<(), Failure> {
    let other_charge = answer.charge_reference.as_deref().is_some_and(|charge| charge != refund.charge_reference)
        || matches!((&answer.charge_id, &refund.charge_gateway_id), (Some(theirs), Some(ours)) if theirs != ours);
    let other_refund = answer.reference.as_deref().is_some_and(|reference| reference != refund.reference);
    if other_charge || other_refund {
        return Err(Failure::Another("refund"));
    }
    Ok(())
}

/// Whether a refund without our note may be ours: of the amount, and not made before ours was wanted. Paystack's instants
/// are whole seconds.
fn may_be(found: &Refund, refund: &NewRefund) -> bool {
    let since = Instant::from_seconds(refund.requested_at.seconds());
    found.report.amount == refund.amount && found.created_at.is_none_or(|created| created >= since)
}

fn only(found: Vec<Refund>) -> Result<RefundReport, Failure> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(Failure::NotFound("refund")),
        (Some(one), None) if one.created_at.is_some() => Ok(one.report),
        _ => Err(Failure::Ambiguous),
    }
}
