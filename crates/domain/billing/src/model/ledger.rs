//! The ledger: accounts, and journals whose entries sum to zero. A journal can neither be changed nor taken away; what was
//! wrong is undone by another one.

use std::{collections::BTreeMap, fmt};

use domicile_kernel::{AccountId, Currency, HostelId, Instant};

use super::{JournalId, PaymentId};

/// An account of a hostel's ledger. Amounts are signed: positive entries are debits, negative ones credits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What a provider took for the house and did not give back. Its fees are not taken off: they are noted with each payment.
    Gateway(String),
    /// What a person owes on invoices.
    Receivable(AccountId),
    /// Rent that was billed.
    RentIncome,
    /// What was kept from deposits.
    OtherIncome,
    /// Deposits that were billed to a person and not paid yet.
    DepositBilled(AccountId),
    /// Deposits held for a person.
    DepositLiability(AccountId),
    /// A person's credit.
    Wallet(AccountId),
    /// Money of a payment that nobody knows yet what it is for.
    Suspense(PaymentId),
    /// Money of a payment that is on its way back.
    RefundPayable(PaymentId),
}

/// Which sign an account's balance has: the other one is refused, by the domain and by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Zero or positive.
    Debit,
    /// Zero or negative.
    Credit,
}

impl Side {
    /// Whether an account of this side may have the balance.
    #[must_use]
    pub const fn allows(self, balance: i64) -> bool {
        match self {
            Self::Debit => balance >= 0,
            Self::Credit => balance <= 0,
        }
    }

    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

/// Why a text is not an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an account of the ledger")]
pub struct AccountError;

impl Account {
    /// Its kind, as it is stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Gateway(_) => "gateway",
            Self::Receivable(_) => "receivable",
            Self::RentIncome => "rent_income",
            Self::OtherIncome => "other_income",
            Self::DepositBilled(_) => "deposit_billed",
            Self::DepositLiability(_) => "deposit_liability",
            Self::Wallet(_) => "wallet",
            Self::Suspense(_) => "suspense",
            Self::RefundPayable(_) => "refund_payable",
        }
    }

    /// Whose it is, as it is stored: a provider, an id, or nothing.
    #[must_use]
    pub fn owner(&self) -> String {
        match self {
            Self::Gateway(provider) => provider.clone(),
            Self::RentIncome | Self::OtherIncome => String::new(),
            Self::Receivable(id) | Self::DepositBilled(id) | Self::DepositLiability(id) | Self::Wallet(id) => {
                id.to_string()
            }
            Self::Suspense(id) | Self::RefundPayable(id) => id.to_string(),
        }
    }

    /// Reads what [`Account::kind`] and [`Account::owner`] wrote.
    pub fn parse(kind: &str, owner: &str) -> Result<Self, AccountError> {
        let person = || owner.parse::<AccountId>().map_err(|_not_an_id| AccountError);
        let payment = || owner.parse::<PaymentId>().map_err(|_not_an_id| AccountError);
        match (kind, owner) {
            ("gateway", provider) if !provider.is_empty() => Ok(Self::Gateway(provider.to_owned())),
            ("receivable", _) => person().map(Self::Receivable),
            ("rent_income", "") => Ok(Self::RentIncome),
            ("other_income", "") => Ok(Self::OtherIncome),
            ("deposit_billed", _) => person().map(Self::DepositBilled),
            ("deposit_liability", _) => person().map(Self::DepositLiability),
            ("wallet", _) => person().map(Self::Wallet),
            ("suspense", _) => payment().map(Self::Suspense),
            ("refund_payable", _) => payment().map(Self::RefundPayable),
            _ => Err(AccountError),
        }
    }

    /// Which sign its balance has.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self {
            Self::Gateway(_) | Self::Receivable(_) => Side::Debit,
            Self::RentIncome
            | Self::OtherIncome
            | Self::DepositBilled(_)
            | Self::DepositLiability(_)
            | Self::Wallet(_)
            | Self::Suspense(_)
            | Self::RefundPayable(_) => Side::Credit,
        }
    }
}

impl fmt::Display for Account {
    /// As it is told: `rent_income`, `wallet:<id>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner();
        if owner.is_empty() { f.write_str(self.kind()) } else { write!(f, "{}:{owner}", self.kind()) }
    }
}

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// On which account.
    pub account: Account,
    /// In minor units of the journal's currency: positive for a debit, negative for a credit. Never 0.
    pub amount: i64,
}

/// Why entries are no journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// They do not sum to zero.
    #[error("the entries of {key} sum to {sum}, not to zero")]
    Unbalanced {
        /// The journal's key.
        key: String,
        /// What they sum to.
        sum: i128,
    },
    /// Nothing moves.
    #[error("the journal {0} moves nothing")]
    Empty(String),
    /// A sum does not fit.
    #[error("the amounts of {0} are too large")]
    TooLarge(String),
}

/// What was moved between accounts at once: at least two entries, each account once, summing to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    id: JournalId,
    hostel_id: HostelId,
    key: String,
    text: String,
    currency: Currency,
    entries: Vec<Entry>,
    at: Instant,
}

impl Journal {
    /// A journal. Entries on one account become one, those that come to nothing go, and the order is that of the accounts.
    /// `key` says what it is the effect of, and is unique in the hostel: `charge:<payment id>`.
    pub fn new(
        id: JournalId,
        hostel_id: HostelId,
        key: String,
        text: String,
        currency: Currency,
        entries: impl IntoIterator<Item = (Account, i64)>,
        at: Instant,
    ) -> Result<Self, JournalError> {
        let mut sums: BTreeMap<Account, i128> = BTreeMap::new();
        for (account, amount) in entries {
            *sums.entry(account).or_default() += i128::from(amount);
        }
        let sum: i128 = sums.values().sum();
        if sum != 0 {
            return Err(JournalError::Unbalanced { key, sum });
        }
        let mut entries = Vec::with_capacity(sums.len());
        for (account, amount) in sums.into_iter().filter(|(_, amount)| *amount != 0) {
            let Ok(amount) = i64::try_from(amount) else { return Err(JournalError::TooLarge(key)) };
            entries.push(Entry { account, amount });
        }
        if entries.is_empty() {
            return Err(JournalError::Empty(key));
        }
        Ok(Self { id, hostel_id, key, text, currency, entries, at })
    }

    /// Which.
    #[must_use]
    pub const fn id(&self) -> JournalId {
        self.id
    }

    /// Whose ledger.
    #[must_use]
    pub const fn hostel_id(&self) -> HostelId {
        self.hostel_id
    }

    /// What it is the effect of; unique in the hostel, at most 100 characters.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// In words, without personal fields; at most 200 characters.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its one currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// What was moved, in the order of the accounts.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn journal(entries: Vec<(Account, i64)>) -> Result<Journal, JournalError> {
        let (id, hostel) = (JournalId::new(Uuid::nil()), HostelId::new(Uuid::nil()));
        Journal::new(id, hostel, "k:1".into(), "test".into(), Currency::GHS, entries, Instant::from_micros(0))
    }

    #[test]
    fn what_does_not_sum_to_zero_is_no_journal() {
        let refused = journal(vec![(Account::RentIncome, -5), (Account::OtherIncome, 4)]);
        assert_eq!(refused, Err(JournalError::Unbalanced { key: "k:1".into(), sum: -1 }));
        assert_eq!(journal(vec![]), Err(JournalError::Empty("k:1".into())));
        let moved_back = journal(vec![(Account::RentIncome, -5), (Account::RentIncome, 5)]);
        assert_eq!(moved_back, Err(JournalError::Empty("k:1".into())));
        let large = journal(vec![
            (Account::RentIncome, i64::MIN),
            (Account::RentIncome, i64::MIN),
            (Account::OtherIncome, i64::MAX),
            (Account::OtherIncome, i64::MAX),
            (Account::OtherIncome, 2),
        ]);
        assert_eq!(large, Err(JournalError::TooLarge("k:1".into())));
    }

    #[test]
    fn entries_of_one_account_become_one() {
        let person = AccountId::new(Uuid::from_u128(7));
        let journal = journal(vec![
            (Account::Wallet(person), -3),
            (Account::Receivable(person), 5),
            (Account::Wallet(person), -2),
        ]);
        let entries = journal.unwrap().entries().to_vec();
        assert_eq!(
            entries,
            [
                Entry { account: Account::Receivable(person), amount: 5 },
                Entry { account: Account::Wallet(person), amount: -5 }
            ]
        );
    }

    #[test]
    fn an_account_is_read_back() {
        let (person, payment) = (AccountId::new(Uuid::from_u128(7)), PaymentId::new(Uuid::from_u128(8)));
        for account in [
            Account::Gateway("sandbox".into()),
            Account::Receivable(person),
            Account::RentIncome,
            Account::OtherIncome,
            Account::DepositBilled(person),
            Account::DepositLiability(person),
            Account::Wallet(person),
            Account::Suspense(payment),
            Account::RefundPayable(payment),
        ] {
            assert_eq!(Account::parse(account.kind(), &account.owner()), Ok(account));
        }
        for (kind, owner) in [("gateway", ""), ("rent_income", "x"), ("wallet", "x"), ("bank", "")] {
            assert_eq!(Account::parse(kind, owner), Err(AccountError));
        }
        assert_eq!(Account::RentIncome.to_string(), "rent_income");
        assert_eq!(Account::Gateway("sandbox".into()).to_string(), "gateway:sandbox");
    }
}
