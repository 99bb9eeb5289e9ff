//! What a list can be narrowed by: as it was asked, and as it was checked.

use domicile_kernel::{AccountId, Checks, FieldErrors, HostelDay};
use serde::Deserialize;
use serde_json::json;

use crate::model::{Account, BookingId, DepositStatus, InvoiceId, InvoiceStatus, PaymentStatus, Purpose};

/// Which invoices are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListInvoices {
    /// For which stay.
    pub booking_id: Option<String>,
    /// Who owes them.
    pub user_id: Option<String>,
    /// `open`, `partially_paid`, `paid` or `void`.
    pub status: Option<String>,
    /// Only those due on this day or before.
    pub due_until: Option<String>,
}

/// Which invoices are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceFilter {
    /// For this stay.
    pub booking_id: Option<BookingId>,
    /// Of this person.
    pub user_id: Option<AccountId>,
    /// Of this status.
    pub status: Option<InvoiceStatus>,
    /// Due on this day or before.
    pub due_until: Option<HostelDay>,
}

impl ListInvoices {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<InvoiceFilter, FieldErrors> {
        let mut checks = Checks::new();
        let filter = InvoiceFilter {
            booking_id: checks.id("booking_id", self.booking_id.as_deref(), "Invalid booking ID"),
            user_id: checks.id("user_id", self.user_id.as_deref(), "Invalid user ID"),
            status: checks.one_of("status", self.status.as_deref(), InvoiceStatus::parse, InvoiceStatus::WORDS),
            due_until: checks.day("due_until", self.due_until.as_deref()),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// Which payments are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListPayments {
    /// One of the five statuses.
    pub status: Option<String>,
    /// Whose.
    pub user_id: Option<String>,
    /// For which stay.
    pub booking_id: Option<String>,
    /// For which invoice.
    pub invoice_id: Option<String>,
    /// `invoice`, `booking` or `wallet_topup`.
    pub purpose: Option<String>,
}

/// Which payments are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Of this status.
    pub status: Option<PaymentStatus>,
    /// Of this person.
    pub user_id: Option<AccountId>,
    /// For this stay.
    pub booking_id: Option<BookingId>,
    /// For this invoice.
    pub invoice_id: Option<InvoiceId>,
    /// For this.
    pub purpose: Option<Purpose>,
}

impl ListPayments {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<PaymentFilter, FieldErrors> {
        const PURPOSES: &[&str] = &["invoice", "booking", "wallet_topup"];
        let mut checks = Checks::new();
        let filter = PaymentFilter {
            status: checks.one_of("status", self.status.as_deref(), PaymentStatus::parse, PaymentStatus::WORDS),
            user_id: checks.id("user_id", self.user_id.as_deref(), "Invalid user ID"),
            booking_id: checks.id("booking_id", self.booking_id.as_deref(), "Invalid booking ID"),
            invoice_id: checks.id("invoice_id", self.invoice_id.as_deref(), "Invalid invoice ID"),
            purpose: checks.one_of("purpose", self.purpose.as_deref(), Purpose::parse, PURPOSES),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// Which deposits are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListDeposits {
    /// `awaiting`, `held`, `assessed`, `answered`, `settled` or `released`.
    pub status: Option<String>,
    /// Whose.
    pub user_id: Option<String>,
    /// For which stay.
    pub booking_id: Option<String>,
}

/// Which deposits are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepositFilter {
    /// Of this status.
    pub status: Option<DepositStatus>,
    /// Of this person.
    pub user_id: Option<AccountId>,
    /// For this stay.
    pub booking_id: Option<BookingId>,
}

impl ListDeposits {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<DepositFilter, FieldErrors> {
        let mut checks = Checks::new();
        let filter = DepositFilter {
            status: checks.one_of("status", self.status.as_deref(), DepositStatus::parse, DepositStatus::WORDS),
            user_id: checks.id("user_id", self.user_id.as_deref(), "Invalid user ID"),
            booking_id: checks.id("booking_id", self.booking_id.as_deref(), "Invalid booking ID"),
        };
        checks.finish()?;
        Ok(filter)
    }
}

/// Whose wallet is asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AskWallet {
    /// Whose; one's own when absent.
    pub user_id: Option<String>,
}

impl AskWallet {
    /// Reads whose, or says what is wrong with it.
    pub fn check(self) -> Result<Option<AccountId>, FieldErrors> {
        let mut checks = Checks::new();
        let person = checks.id("user_id", self.user_id.as_deref(), "Invalid user ID");
        checks.finish()?;
        Ok(person)
    }
}

/// Which journals are asked for, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ListJournals {
    /// Only those with an entry on this account, such as `rent_income` or `wallet:<user id>`.
    pub account: Option<String>,
    /// Only the one with this key, such as `charge:<payment id>`.
    pub key: Option<String>,
}

/// Which journals are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalFilter {
    /// With an entry on this account.
    pub account: Option<Account>,
    /// With this key.
    pub key: Option<String>,
}

impl ListJournals {
    /// Reads the filter, or says what is wrong with it.
    pub fn check(self) -> Result<JournalFilter, FieldErrors> {
        let mut checks = Checks::new();
        let account = self.account.as_deref().and_then(|text| {
            let (kind, owner) = text.split_once(':').unwrap_or((text, ""));
            let account = Account::parse(kind, owner).ok();
            if account.is_none() {
                let message = "account must be one of the ledger's, such as rent_income or wallet:<user id>";
                checks.fail("account", "account", json!({}), message);
            }
            account
        });
        let key = checks.line("key", self.key.as_deref(), 1, 100, "key is required");
        checks.finish()?;
        Ok(JournalFilter { account, key: key.map(domicile_kernel::Text::into_string) })
    }
}
