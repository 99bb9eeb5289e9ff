//! A deposit: money held for a stay, from which the house may keep what a resident was shown and could answer.
//!
//! ```text
//!            paid        assess             answer
//!  awaiting ──────▶ held ──────▶ assessed ─────────▶ answered ──▶ settled
//!     │               │ settle      ▲ │ settle           │  ▲
//!     ▼ stay given up ▼ without     └─┘ once the time ───┘  settle
//!         released      deductions      to answer is over
//! ```

use domicile_kernel::{AccountId, Code, Currency, Detail, Fault, HostelId, Instant, Text};
use serde::{Deserialize, Serialize};

use super::{BookingId, DepositId, InvoiceId};

/// Where a deposit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DepositStatus {
    /// Billed, and nothing was paid yet.
    Awaiting,
    /// At least a part is held.
    Held,
    /// Deductions were proposed; the resident may answer.
    Assessed,
    /// The resident answered.
    Answered,
    /// What was deducted is the house's, the rest went back.
    Settled,
    /// There is nothing to hold any more.
    Released,
}

impl DepositStatus {
    /// Every status.
    pub const ALL: &'static [Self] =
        &[Self::Awaiting, Self::Held, Self::Assessed, Self::Answered, Self::Settled, Self::Released];
    /// Their names, in the same order.
    pub const WORDS: &'static [&'static str] = &["awaiting", "held", "assessed", "answered", "settled", "released"];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Awaiting => "awaiting",
            Self::Held => "held",
            Self::Assessed => "assessed",
            Self::Answered => "answered",
            Self::Settled => "settled",
            Self::Released => "released",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.as_str() == name)
    }
}

/// What the house wants to keep, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deduction {
    /// What for, 1 to 200 characters.
    pub text: Text,
    /// In minor units, positive.
    pub amount: i64,
}

/// What the resident said to the deductions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether they agree.
    pub accepted: bool,
    /// What else they said, at most 2,000 characters.
    pub note: Option<Text>,
    /// When.
    pub at: Instant,
}

/// Everything that is kept of a deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositRecord {
    /// Which.
    pub id: DepositId,
    /// Whose house.
    pub hostel_id: HostelId,
    /// For which stay.
    pub booking_id: BookingId,
    /// Whose money.
    pub user_id: AccountId,
    /// The invoice it was billed by.
    pub invoice_id: InvoiceId,
    /// Its currency.
    pub currency: Currency,
    /// What is held, in minor units. 0 once settled or released.
    pub held: i64,
    /// What the house wants to keep, or kept; at most what is held.
    pub deductions: Vec<Deduction>,
    /// Until when the resident may answer.
    pub answer_until: Option<Instant>,
    /// What they said.
    pub answer: Option<Answer>,
    /// What went back when it was settled, in minor units.
    pub returned: i64,
    /// Where it stands.
    pub status: DepositStatus,
    /// From 1, one more with each change.
    pub version: i64,
    /// When it was billed.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// A deposit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit(DepositRecord);

/// The deposit's state does not allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IllegalDepositMove {
    /// The status does not allow it.
    #[error("This deposit is {} and cannot be {attempted}", status.as_str())]
    Status {
        /// Where it stands.
        status: DepositStatus,
        /// What was tried, such as `assessed`.
        attempted: &'static str,
    },
    /// The resident may still answer.
    #[error("The resident may answer until {until}. Settle the deposit after that, or when they have answered.")]
    NotAnsweredYet {
        /// Until when.
        until: Instant,
    },
    /// The resident's time to answer is over.
    #[error("The time to answer ended at {until}")]
    AnswerTooLate {
        /// When.
        until: Instant,
    },
    /// More would be deducted than is held.
    #[error("The deductions are more than what is held")]
    TooMuch,
    /// The resident has answered, and something else is proposed now.
    #[error("The resident has answered: deductions can only be lowered or taken back now")]
    Answered,
}

/// Whether each of the new deductions is one of the old ones, at most as high.
fn concedes(old: &[Deduction], new: &[Deduction]) -> bool {
    let mut left: Vec<&Deduction> = old.iter().collect();
    new.iter().all(|deduction| {
        let same = |old: &&Deduction| old.text == deduction.text && old.amount >= deduction.amount;
        left.iter().position(same).map(|place| left.swap_remove(place)).is_some()
    })
}

impl Fault for IllegalDepositMove {
    fn code(&self) -> Code {
        Code::ResourceConflict
    }

    fn detail(&self) -> Detail {
        match self {
            Self::Status { status, .. } => Detail::State(status.as_str().to_owned()),
            Self::NotAnsweredYet { .. } => Detail::State(DepositStatus::Assessed.as_str().to_owned()),
            Self::Answered => Detail::State(DepositStatus::Answered.as_str().to_owned()),
            Self::AnswerTooLate { until } => Detail::Data(serde_json::json!({ "answer_until": until })),
            Self::TooMuch => Detail::None,
        }
    }
}

impl Deposit {
    /// A deposit as it was kept, or as it is made.
    #[must_use]
    pub const fn from_record(record: DepositRecord) -> Self {
        Self(record)
    }

    /// What is kept of it.
    #[must_use]
    pub const fn record(&self) -> &DepositRecord {
        &self.0
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> DepositId {
        self.0.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.0.version
    }

    /// What is held, in minor units.
    #[must_use]
    pub const fn held(&self) -> i64 {
        self.0.held
    }

    /// What the house wants to keep, in minor units.
    #[must_use]
    pub fn deducted(&self) -> i64 {
        self.0.deductions.iter().map(|deduction| deduction.amount).sum()
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.0.status, DepositStatus::Settled | DepositStatus::Released)
    }

    /// With `amount` more held (less, when negative). What is held never falls below nothing, nor below what the house
    /// proposed to keep.
    pub fn holding(self, amount: i64, at: Instant) -> Result<Self, IllegalDepositMove> {
        let held = self.0.held.saturating_add(amount);
        if self.is_over() {
            return Err(self.illegal("paid into"));
        }
        if held < self.deducted() {
            return Err(IllegalDepositMove::TooMuch);
        }
        Ok(self.changed(at, |record| {
            record.held = held;
            if matches!(record.status, DepositStatus::Awaiting | DepositStatus::Held) {
                record.status = if held > 0 { DepositStatus::Held } else { DepositStatus::Awaiting };
            }
        }))
    }

    /// With deductions that the resident may answer until an instant, in the place of what was proposed before. Once they
    /// have answered, deductions can only be lowered or taken back, and their answer stands: nobody proposes past an
    /// objection.
    pub fn assess(
        self,
        deductions: Vec<Deduction>,
        answer_until: Instant,
        at: Instant,
    ) -> Result<Self, IllegalDepositMove> {
        if !matches!(self.0.status, DepositStatus::Held | DepositStatus::Assessed | DepositStatus::Answered) {
            return Err(self.illegal("assessed"));
        }
        let sum = deductions.iter().try_fold(0i64, |sum, deduction| sum.checked_add(deduction.amount));
        if sum.is_none_or(|sum| sum > self.0.held) {
            return Err(IllegalDepositMove::TooMuch);
        }
        if self.0.status == DepositStatus::Answered {
            if !concedes(&self.0.deductions, &deductions) {
                return Err(IllegalDepositMove::Answered);
            }
            return Ok(self.changed(at, |record| record.deductions = deductions));
        }
        Ok(self.changed(at, |record| {
            record.deductions = deductions;
            record.answer_until = Some(answer_until);
            record.status = DepositStatus::Assessed;
        }))
    }

    /// The resident says what they think of the deductions.
    pub fn answer(self, accepted: bool, note: Option<Text>, at: Instant) -> Result<Self, IllegalDepositMove> {
        match (self.0.status, self.0.answer_until) {
            (DepositStatus::Assessed, Some(until)) if at > until => Err(IllegalDepositMove::AnswerTooLate { until }),
            (DepositStatus::Assessed, _) => Ok(self.changed(at, |record| {
                record.answer = Some(Answer { accepted, note, at });
                record.status = DepositStatus::Answered;
            })),
            _ => Err(self.illegal("answered")),
        }
    }

    /// Ends it: what is deducted is the house's, the rest goes back. Answers the deposit, what is kept and what goes back.
    pub fn settle(self, at: Instant) -> Result<(Self, i64, i64), IllegalDepositMove> {
        match (self.0.status, self.0.answer_until) {
            (DepositStatus::Held | DepositStatus::Answered, _) => {}
            (DepositStatus::Assessed, Some(until)) if at <= until && !self.0.deductions.is_empty() => {
                return Err(IllegalDepositMove::NotAnsweredYet { until });
            }
            (DepositStatus::Assessed, _) => {}
            _ => return Err(self.illegal("settled")),
        }
        let kept = self.deducted();
        let back = self.0.held - kept;
        let settled = self.changed(at, |record| {
            record.held = 0;
            record.returned = back;
            record.status = DepositStatus::Settled;
        });
        Ok((settled, kept, back))
    }

    /// There is nothing to hold any more: the stay was given up, or ended before anything was paid.
    #[must_use]
    pub fn release(self, at: Instant) -> Self {
        self.changed(at, |record| {
            record.held = 0;
            record.deductions.clear();
            record.status = DepositStatus::Released;
        })
    }

    const fn illegal(&self, attempted: &'static str) -> IllegalDepositMove {
        IllegalDepositMove::Status { status: self.0.status, attempted }
    }

    fn changed(mut self, at: Instant, change: impl FnOnce(&mut DepositRecord)) -> Self {
        change(&mut self.0);
        self.0.version += 1;
        self.0.updated_at = at;
        self
    }
}
