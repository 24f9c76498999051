//! The account that a report is for, if it is for one.

use crate::model::ids::AccountId;

/// The part that an account plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum AccountPart {
    /// Quick queries its data there.
    Consumer,
    /// Others read its tables.
    Producer,
}

impl AccountPart {
    /// The part as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The account that a view is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountScope {
    /// The account.
    pub account_id: AccountId,
    /// Its part.
    pub part: AccountPart,
    /// What is told of the whole run.
    pub run: WholeRun,
}

/// What the owner of one account is told of the whole run: whose it is, is not known, or not theirs to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeRun {
    /// Files and records of the whole run that were not read: some may be the account's.
    pub unread: u64,
    /// Log files of the whole run that are not as they were delivered, or could not be verified.
    pub unverified: u64,
    /// True if the bill has the days of the report, of whatever account.
    pub is_billed: bool,
    /// Queries of all consumers of which it is not known what they read.
    pub unknown_query_count: u64,
}

impl AccountScope {
    /// Returns true if it is of a producer.
    #[must_use]
    pub fn is_producer(&self) -> bool {
        self.part == AccountPart::Producer
    }
}
