//! A charge, as `GET /transaction/verify` answers it and `charge.success` tells it.

use domicile_billing::ports::{ChargeReport, ChargeStatus, Domain};
use domicile_kernel::Instant;

use super::fields::{Object, Problem, ShapeError};

/// What the gateway says of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) report: ChargeReport,
    /// When its checkout was opened, where that is said.
    pub(crate) created_at: Option<Instant>,
}

impl Charge {
    /// Reads `data`. `amount` is what the payer was charged, which holds the fees where the payer bears them;
    /// `requested_amount`, which notices do not have, is what was asked for.
    pub(crate) fn read(data: &Object<'_>) -> Result<Self, ShapeError> {
        let currency = data.currency("currency")?;
        let report = ChargeReport {
            reference: data.text("reference")?.to_owned(),
            status: status(data)?,
            amount: data.amount("amount", currency)?,
            requested: data.optional_amount("requested_amount", currency)?,
            domain: data.domain("domain")?,
            gateway_id: data.optional_id("id")?,
            fees: data.optional_amount("fees", currency)?,
            paid_at: data.optional_instant("paid_at")?,
            message: data.optional_text("gateway_response")?.map(super::message),
        };
        Ok(Self { report, created_at: data.optional_instant("created_at")? })
    }

    /// `abandoned` only says that nobody has paid yet: it is said of a checkout from its first second on. It means
    /// something once nobody can pay any more, and until that is known the charge is undecided.
    #[cfg(feature = "paystack")]
    pub(crate) fn settled_by(mut self, now: Instant, session: std::time::Duration) -> ChargeReport {
        let is_over = self.created_at.is_some_and(|created| created.plus(session) <= now);
        if self.report.status == ChargeStatus::Abandoned && !is_over {
            self.report.status = ChargeStatus::Pending;
        }
        self.report
    }
}

fn status(data: &Object<'_>) -> Result<ChargeStatus, ShapeError> {
    match data.text("status")? {
        "success" => Ok(ChargeStatus::Success),
        "failed" => Ok(ChargeStatus::Failed),
        "pending" | "processing" | "ongoing" | "queued" => Ok(ChargeStatus::Pending),
        "reversed" | "reversal_pending" | "reversal-pending" => Ok(ChargeStatus::Reversed),
        "abandoned" => Ok(ChargeStatus::Abandoned),
        _ => Err(data.error("status", Problem::UnknownWord)),
    }
}

impl Object<'_> {
    /// Whether it is real money; must be there.
    pub(super) fn domain(&self, field: &str) -> Result<Domain, ShapeError> {
        match self.text(field)? {
            "live" => Ok(Domain::Live),
            "test" => Ok(Domain::Test),
            _ => Err(self.error(field, Problem::UnknownWord)),
        }
    }
}
