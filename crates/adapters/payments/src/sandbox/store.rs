//! Where the sandbox keeps its charges and refunds. A gateway is nobody's tenant: the rows know references only.

use async_trait::async_trait;
use domicile_kernel::StoreError;

use super::{charge::SandboxCharge, refund::SandboxRefund};

/// What became of writing a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum RefundWritten {
    /// It is written, and the charge's `refunded` is raised by its amount if it counts.
    Written,
    /// There is a refund with this reference. Nothing was changed.
    Exists,
    /// There is no charge with the reference, or it is not paid. Nothing was changed.
    NotPaid,
    /// The charge does not hold so much any more, or is of another currency. Nothing was changed.
    TooMuch,
}

/// What a notice is about, by the table it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum About {
    /// A row of `sandbox_charges`.
    Charge,
    /// A row of `sandbox_refunds`.
    Refund,
}

/// One telling of one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoticeId {
    /// Which table.
    pub about: About,
    /// Which row.
    pub reference: String,
    /// Which telling, from 1 to the row's `notices_due`.
    pub number: u32,
}

/// A row whose outcome is still to be told: `notices_sent < notices_due`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untold {
    /// A charge that was paid or declined.
    Charge(SandboxCharge),
    /// A refund.
    Refund(SandboxRefund),
}

/// Keeps the sandbox's charges and refunds. Each method is a transaction of its own: all of it is done, or nothing.
#[async_trait]
pub trait SandboxStore: Send + Sync {
    /// Writes a new charge. False, and nothing is changed, when there is one with the reference.
    async fn insert_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError>;

    /// The charge of a reference.
    async fn find_charge(&self, reference: &str) -> Result<Option<SandboxCharge>, StoreError>;

    /// Writes `state`, `decided_at`, `notices_due` and `version` over the version before the charge's. False, and nothing
    /// is changed, when the stored charge is not of that version: somebody else was faster.
    async fn move_charge(&self, charge: &SandboxCharge) -> Result<bool, StoreError>;

    /// Writes a new refund, and raises `refunded` of its charge by its amount if it counts; of any number that are written
    /// at once, no more go through than the charge's amount covers. The charge's version stays as it is.
    async fn insert_refund(&self, refund: &SandboxRefund) -> Result<RefundWritten, StoreError>;

    /// The refund of a reference.
    async fn find_refund(&self, reference: &str) -> Result<Option<SandboxRefund>, StoreError>;

    /// Writes `state`, `notices_due` and `version` over the version before the refund's. False, and nothing is changed,
    /// when the stored refund is not of that version. Never changes whether it counts.
    async fn move_refund(&self, refund: &SandboxRefund) -> Result<bool, StoreError>;

    /// At most so many rows whose outcome is still to be told, those that wait longest first.
    async fn untold(&self, at_most: u32) -> Result<Vec<Untold>, StoreError>;

    /// Raises `notices_sent` of the row from `number - 1` to `number`. False, and nothing is changed, when it stands
    /// elsewhere. The row's version stays as it is.
    async fn delivered(&self, notice: &NoticeId) -> Result<bool, StoreError>;
}
