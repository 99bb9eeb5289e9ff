//! The terms a house bills by (J32).

use domicile_kernel::{Call, Checks, FieldErrors, Outcome, Permission, Refusal, StoreError, VersionConflict, faults};
use serde::Deserialize;

use crate::{Bursar, events::note_terms, model::BillingTerms, ports::Written, queries::TermsView};

/// What of the terms is to change, as it was sent; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UpdateTerms {
    /// The deposit, in hundredths of a month's rent, 0 to 1200: 100 is one month. Stays that were billed keep theirs.
    pub deposit_percent: Option<i64>,
    /// How many days after the bills are made the first one is due, 0 to 60, if that is after the first day of its period.
    pub first_due_days: Option<i64>,
    /// Whether bills can be paid before the one that is due next.
    pub advance_allowed: Option<bool>,
    /// How many days a resident has to answer proposed deductions, 1 to 60.
    pub answer_days: Option<i64>,
    /// How many hours money for a stay that lost its bed waits to be used for another, 0 to 720, before it is refunded.
    pub rehousing_hours: Option<i64>,
}

/// Why the terms could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Fields are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// Somebody else changed them in between.
    #[error(transparent)]
    Stale(#[from] VersionConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

faults!(TermsError: through Refused, Invalid, Stale, Store);

impl Bursar {
    /// The terms the hostel bills by.
    pub async fn terms(&self, call: &Call) -> Result<TermsView, TermsError> {
        call.require(Permission::PaymentsReadAll)?;
        Self::house(call)?;
        Ok(TermsView::of(&self.queries.terms(call).await?.unwrap_or_default()))
    }

    /// Changes the terms, of which the caller saw `version`. Bills that were made stay as they are.
    pub async fn update_terms(&self, call: &Call, version: i64, command: UpdateTerms) -> Result<TermsView, TermsError> {
        call.require(Permission::BillingManage)?;
        let hostel = Self::house(call)?;
        let mut uow = self.uows.begin(call).await?;
        let before = uow.terms().find().await?.unwrap_or_default();
        let mut after = command.check(&before)?;
        VersionConflict::check(before.version, version, || TermsView::of(&before))?;
        after.version = before.version + 1;
        after.updated_at = Some(self.ambient.now());
        match uow.terms().put(&after).await? {
            Written::Written => {}
            Written::Exists | Written::Stale => return Err(StoreError::Stale.into()),
        }
        note_terms(&mut *uow, &self.ambient, hostel.uuid(), &before, &after);
        let view = TermsView::of(&after);
        uow.commit(Outcome::of(&view)).await?;
        Ok(view)
    }
}

impl UpdateTerms {
    fn check(self, is: &BillingTerms) -> Result<BillingTerms, FieldErrors> {
        let mut checks = Checks::new();
        let numbers = [self.deposit_percent, self.first_due_days, self.answer_days, self.rehousing_hours];
        let sent = self.advance_allowed.is_some() || numbers.iter().any(Option::is_some);
        checks.ensure(sent, "body", "not_empty", "Send at least one field to change");
        let number = |checks: &mut Checks, field: &str, value, (min, max), is| {
            checks.whole(field, value, min, max).and_then(|value| u32::try_from(value).ok()).unwrap_or(is)
        };
        let terms = BillingTerms {
            deposit_percent: number(
                &mut checks,
                "deposit_percent",
                self.deposit_percent,
                (0, 1200),
                is.deposit_percent,
            ),
            first_due_days: number(&mut checks, "first_due_days", self.first_due_days, (0, 60), is.first_due_days),
            advance_allowed: self.advance_allowed.unwrap_or(is.advance_allowed),
            answer_days: number(&mut checks, "answer_days", self.answer_days, (1, 60), is.answer_days),
            rehousing_hours: number(&mut checks, "rehousing_hours", self.rehousing_hours, (0, 720), is.rehousing_hours),
            version: is.version,
            updated_at: is.updated_at,
        };
        checks.finish()?;
        Ok(terms)
    }
}
