//! The bill: charges by account, period, service and work group
//! (docs/cloudtrail-facts.md#apis-and-bills).

use super::coverage::Rejects;
use super::exact::ExactAmount;
use super::ids::{AccountId, Region};
use super::text::Text;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// A cost metric of the bill, in the terms of Cost Explorer.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum CostMetric {
    /// The cost as charged, on the day of the charge.
    #[default]
    Unblended,
    /// Averaged over the organization.
    Blended,
    /// Commitments spread over the time they cover.
    Amortized,
    /// Unblended after discounts.
    NetUnblended,
    /// Amortized after discounts.
    NetAmortized,
}

impl CostMetric {
    /// All metrics.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The metric as options and outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The metric as Cost Explorer spells it.
    #[must_use]
    pub fn cost_explorer_name(self) -> &'static str {
        match self {
            Self::Unblended => "UnblendedCost",
            Self::Blended => "BlendedCost",
            Self::Amortized => "AmortizedCost",
            Self::NetUnblended => "NetUnblendedCost",
            Self::NetAmortized => "NetAmortizedCost",
        }
    }
}

/// The kind of bill that a line is from. The later ones say more; where two cover the same account
/// and day, the one that says more counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BillKind {
    /// Cost Explorer, grouped by account and service.
    CostExplorerByService,
    /// Cost Explorer, grouped by account and usage type.
    CostExplorerByUsageType,
    /// Cost Explorer, grouped by account and record type: credits, refunds and taxes.
    CostExplorerByRecordType,
    /// FOCUS 1.x.
    Focus,
    /// Cost and Usage Report, legacy or 2.0.
    Cur,
}

impl BillKind {
    /// The kind in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CostExplorerByService => "Cost Explorer by service",
            Self::CostExplorerByUsageType => "Cost Explorer by usage type",
            Self::CostExplorerByRecordType => "Cost Explorer by record type",
            Self::Focus => "FOCUS",
            Self::Cur => "Cost and Usage Report",
        }
    }
}

/// The category of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ChargeCategory {
    /// Use of a service.
    Usage,
    /// Tax.
    Tax,
    /// A credit.
    Credit,
    /// A refund.
    Refund,
    /// A fee, a discount line, or anything else.
    Other,
}

impl ChargeCategory {
    /// All categories that are left out unless asked for.
    pub const EXTRA: [Self; 4] = [Self::Tax, Self::Credit, Self::Refund, Self::Other];

    /// The category as options and outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The purpose of a charge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BilledFor {
    /// Athena, by bytes scanned: what queries are billed by.
    AthenaScan,
    /// Athena as a whole, where the bill does not tell bytes from capacity.
    Athena,
    /// Reserved capacity, Spark, and whatever else of Athena is not by bytes.
    AthenaOther,
    /// Another service, by the bill's name of it.
    Service(Text),
}

impl BilledFor {
    /// Returns true if queries share it.
    #[must_use]
    pub fn is_shared_by_queries(&self) -> bool {
        matches!(self, Self::AthenaScan | Self::Athena)
    }

    /// The name that people know.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AthenaScan => "Amazon Athena (data scanned)",
            Self::Athena => "Amazon Athena",
            Self::AthenaOther => "Amazon Athena (capacity and other)",
            Self::Service(name) => name,
        }
    }
}

/// Whole UTC days, from the first to the day after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillPeriod {
    /// The first day.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
}

impl BillPeriod {
    /// A single day.
    #[must_use]
    pub fn day(day: Date) -> Self {
        Self {
            from: day,
            to: day.tomorrow().unwrap_or(Date::MAX),
        }
    }

    /// Its days, in order.
    pub fn days(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.from), |day| day.tomorrow().ok())
            .take_while(move |day| *day < self.to)
    }

    /// Returns the number of days.
    #[must_use]
    pub fn day_count(self) -> usize {
        self.days().count()
    }

    /// Returns true if all days of the other are its own.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// Returns true if it is no longer than a day.
    #[must_use]
    pub fn is_one_day(self) -> bool {
        self == Self::day(self.from)
    }
}

impl std::fmt::Display for BillPeriod {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_one_day() {
            write!(formatter, "{}", self.from)
        } else {
            write!(formatter, "{}/{}", self.from, self.to)
        }
    }
}

/// The properties by which lines of a bill differ, as far as any result depends on them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey {
    /// The kind of bill.
    pub kind: BillKind,
    /// The account that used it.
    pub account_id: AccountId,
    /// The days.
    pub period: BillPeriod,
    /// The purpose of the charge.
    pub billed_for: BilledFor,
    /// Use, tax, credit ...
    pub category: ChargeCategory,
    /// The Region, where the bill tells it.
    pub region: Option<Region>,
    /// The work group, where the bill tells it.
    pub work_group: Option<Text>,
    /// ISO 4217 code of the amounts.
    pub currency: Text,
}

/// Amounts of lines with one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineAmounts {
    /// The cost, in the key's currency.
    pub cost: ExactAmount,
    /// Terabytes of use, where any line gives them.
    pub terabytes: Option<ExactAmount>,
    /// The number of lines.
    pub lines: u64,
    /// True if the bill may still change.
    pub is_estimated: bool,
    /// The SKU, where any line gives it.
    pub sku: Option<Sku>,
}

/// The ids of an SKU and of its price, as the price list has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sku {
    /// The id of the SKU.
    pub id: Text,
    /// The id of its price.
    pub price_id: Option<Text>,
}

impl LineAmounts {
    /// Adds the amounts of more lines of the same key.
    pub fn merge(&mut self, more: &Self) {
        self.cost += &more.cost;
        self.lines += more.lines;
        self.is_estimated |= more.is_estimated;
        // Of two the first by name, whatever the order of lines.
        self.sku = match (self.sku.take(), more.sku.clone()) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        if let Some(terabytes) = &more.terabytes {
            *self.terabytes.get_or_insert_default() += terabytes;
        }
    }
}

/// Lines that were not counted: the number for each reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// The same line, or the same file, was given before; or an estimate whose final figure was
    /// given, too.
    pub repeated: u64,
    /// The same entry was given with other amounts: the final one counts, else the
    /// one given later.
    pub outdated: u64,
    /// Another bill that says more covers the account and day.
    pub covered_elsewhere: u64,
    /// Another export of the same bill covers the account and day.
    pub same_bill: u64,
    /// Another provider than AWS charges them (FOCUS).
    pub other_providers: u64,
    /// Days outside the window.
    pub outside_window: u64,
    /// Periods that reach beyond the window: they cannot be split.
    pub across_window: u64,
    /// Taxes, credits and the like that were not asked for.
    pub categories: BTreeMap<ChargeCategory, u64>,
}

impl Uncounted {
    /// Counts all of another's.
    pub fn merge(&mut self, more: &Self) {
        let Self {
            repeated,
            outdated,
            covered_elsewhere,
            same_bill,
            other_providers,
            outside_window,
            across_window,
            categories,
        } = more;
        self.repeated += repeated;
        self.outdated += outdated;
        self.covered_elsewhere += covered_elsewhere;
        self.same_bill += same_bill;
        self.other_providers += other_providers;
        self.outside_window += outside_window;
        self.across_window += across_window;
        for (category, lines) in categories {
            *self.categories.entry(*category).or_default() += lines;
        }
    }
}

/// The bill, from all given files together.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// Lines by key.
    pub lines: BTreeMap<LineKey, LineAmounts>,
    /// The accounts that pay, by the accounts that use, where the bill tells them.
    pub payers: BTreeMap<AccountId, AccountId>,
    /// Names of accounts, where the bill tells them.
    pub account_names: BTreeMap<AccountId, Text>,
    /// The coverage of the bill.
    pub coverage: BillCoverage,
}

/// The coverage of the bill: what was read, and what was not.
#[derive(Debug, Clone, Default)]
pub struct BillCoverage {
    /// Kinds that were read.
    pub kinds: BTreeSet<BillKind>,
    /// The cost metric.
    pub metric: CostMetric,
    /// Files read.
    pub files: u64,
    /// Files that AWS delivers with a bill: manifests, SQL, markers.
    pub side_files: u64,
    /// Files of billing periods that have nothing of the window.
    pub other_period_files: u64,
    /// Files of earlier assemblies of a report, which a later one replaces.
    pub replaced_files: u64,
    /// Files that a manifest names and that were not given.
    pub missing_files: u64,
    /// Accounts and days of which two exports of one bill give different totals.
    pub undecided: u64,
    /// Prefixes of usage types that stand for no Region that is known.
    pub unknown_prefixes: BTreeSet<Text>,
    /// True if Cost Explorer's pages are not all there.
    pub pages_missing: bool,
    /// Lines that were read and not counted.
    pub uncounted: Uncounted,
    /// The rejected rows.
    pub rejects: Rejects,
    /// Notes for readers.
    pub notes: BTreeSet<String>,
}

impl BillCoverage {
    /// Returns true if there was nothing that could have been a bill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files == 0
            && self.side_files == 0
            && self.missing_files == 0
            && self.other_period_files == 0
            && self.replaced_files == 0
            && self.rejects.total() == 0
    }
}
