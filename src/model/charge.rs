//! The parts of the bill by who caused them: Quick's role chains + other known queries +
//! unallocated = billed, to the last digit (ARCHITECTURE.md#how-a-bill-is-allocated).

use super::bill::{BillPeriod, BilledFor, ChargeCategory, Sku};
use super::ids::{AccountId, DataSourceArn, Region};
use super::money::TerabyteBase;
use super::road::OWN_QUERIES;
use super::text::Text;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// The owner of a charge's share.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Share {
    /// Queries of Quick's role chains.
    Quick,
    /// Queries of others that the logs know.
    Other,
    /// Cost that no known query explains.
    Unallocated,
}

impl Share {
    /// All shares, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The share as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Queries and money of one group, whatever it is grouped by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Queries that Athena took.
    pub query_count: u64,
    /// Those of which no statistics were read: their bytes are unknown.
    pub queries_without_statistics: u64,
    /// Those that no line of the bill covers.
    pub queries_without_bill: u64,
    /// Bytes scanned; `None` where nothing is known of any query.
    pub bytes_scanned: Option<u64>,
    /// Bytes that Athena bills; `None` where nothing is known of any query.
    pub bytes_billed: Option<u64>,
    /// Billed bytes at list price; `None` where it is known of no query.
    pub estimated_cost_usd: Option<Decimal>,
}

/// One charge: queries alike in every dimension, and their share of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The day of the queries; the bill's own period where nothing is nearer.
    pub period: BillPeriod,
    /// The account that pays.
    pub account_id: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The work group.
    pub work_group: Option<Text>,
    /// The Quick data source.
    pub data_source_arn: Option<DataSourceArn>,
    /// The Quick user.
    pub quick_user: Option<Text>,
    /// The origin of the queries, as [`Origin::label`](super::road::Origin::label) has it; `None` for
    /// what no query explains.
    pub origin: Option<Text>,
    /// The owner of the share.
    pub share: Share,
    /// ISO 4217 code of `billed_cost`.
    pub currency: Text,
    /// Queries and bytes.
    pub figures: Figures,
    /// The share of the bill; `None` where no line of the bill covers it.
    pub billed_cost: Option<Decimal>,
    /// True if the bill may still change.
    pub is_estimated: bool,
    /// The price of a terabyte that the bill comes to, in the same currency, to
    /// [`UNIT_PRICE_PLACES`]; `None` where the bill gives no bytes.
    pub billed_unit_price: Option<Decimal>,
    /// The list price of a terabyte, in the same currency, where it is known.
    pub list_unit_price: Option<Decimal>,
    /// The SKU, where the bill gives it.
    pub sku: Option<Sku>,
}

/// Places of prices of a terabyte.
pub const UNIT_PRICE_PLACES: u32 = 10;

/// A dimension to group by.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Dimension {
    /// The business unit that pays.
    BusinessUnit,
    /// The consumer account.
    Consumer,
    /// The Athena work group.
    WorkGroup,
    /// The Quick data source.
    DataSource,
    /// The Quick user.
    User,
    /// The UTC day.
    Day,
    /// The table that was read.
    Table,
    /// The account whose tables were read.
    Producer,
    /// The maker of the first session: Quick, another service, people.
    Origin,
}

impl Charge {
    /// Returns true if it is for queries that this program sent to Athena.
    #[must_use]
    pub fn is_for_own_queries(&self) -> bool {
        self.origin.as_deref() == Some(OWN_QUERIES)
    }
}

impl Dimension {
    /// All dimensions, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The dimension as options and outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns true if it is about what queries read: their amounts are split among their tables.
    #[must_use]
    pub fn is_of_reads(self) -> bool {
        matches!(self, Self::Table | Self::Producer)
    }

    /// Returns true if the bill itself knows it, for every line.
    #[must_use]
    pub fn is_of_bill(self) -> bool {
        matches!(self, Self::BusinessUnit | Self::Consumer | Self::Day)
    }
}

/// The group value of an account without a business unit.
pub const UNMAPPED: &str = "(unmapped)";
/// The group value for a dimension that the logs do not tell.
pub const UNKNOWN: &str = "(unknown)";
/// The group value for a dimension that a query does not have.
pub const NONE: &str = "(none)";
/// The group value for the part of the bill that no query explains.
pub const UNALLOCATED: &str = "(unallocated)";

/// The group value of this program's own queries: they are a row of their own.
pub const OWN: &str = "(qs-audit)";

/// One row of a chargeback table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargebackRow {
    /// Values of the dimensions, in the order they were asked for.
    pub group: Vec<Text>,
    /// ISO 4217 code of the billed amounts.
    pub currency: Text,
    /// Queries and bytes.
    pub figures: Figures,
    /// Amounts of the bill; `None` where no line of the bill covers the group.
    pub billed: Option<Billed>,
    /// Days of the group's bill that may still change.
    pub estimated_days: u64,
}

/// A part of the bill, and who caused it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Billed {
    /// Queries of Quick's role chains.
    pub quick: Decimal,
    /// Other known queries.
    pub other: Decimal,
    /// The cost that no known query explains.
    pub unallocated: Decimal,
}

impl Billed {
    /// The bill: the sum of the three.
    #[must_use]
    pub fn total(&self) -> Decimal {
        self.quick + self.other + self.unallocated
    }
}

/// A cost of the same accounts that queries do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherServiceRow {
    /// Values of those dimensions that the bill knows, in the order asked for.
    pub group: Vec<Text>,
    /// The purpose of the charge.
    pub billed_for: BilledFor,
    /// Use, tax, credit ...
    pub category: ChargeCategory,
    /// ISO 4217 code.
    pub currency: Text,
    /// The cost.
    pub cost: Decimal,
}

/// The reconciliation of the estimate with the bill, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// ISO 4217 code of the billed amounts.
    pub currency: Text,
    /// The bill, and who caused it; `None` where there is none.
    pub billed: Option<Billed>,
    /// Billed bytes of all known queries at list price, where the bill is in USD.
    pub estimated_cost_usd: Option<Decimal>,
    /// The same for queries that no line of the bill covers.
    pub estimated_without_bill_usd: Option<Decimal>,
    /// Terabytes the bill gives, where it gives any.
    pub billed_terabytes: Option<Decimal>,
    /// Billed bytes of the known queries that the bill covers.
    pub known_bytes_billed: u64,
    /// The reasons that explain the difference, one by one.
    pub reasons: Vec<Reason>,
}

impl Reconciliation {
    /// The estimate of the queries that the bill covers, in USD.
    #[must_use]
    pub fn covered_estimate_usd(&self) -> Option<Decimal> {
        Some(self.estimated_cost_usd? - self.estimated_without_bill_usd.unwrap_or_default())
    }

    /// Bill less estimate of the queries it covers, in USD; `None` in another
    /// currency or without one of the two.
    #[must_use]
    pub fn difference_usd(&self) -> Option<Decimal> {
        let covered = self.covered_estimate_usd()?;
        (&*self.currency == "USD")
            .then(|| self.billed.map(|billed| billed.total() - covered))
            .flatten()
    }
}

/// One reason why an estimate and a bill differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A fixed name.
    pub code: &'static str,
    /// The number of queries, days or accounts.
    pub count: u64,
    /// The amount in question, where it is known.
    pub amount: Option<Decimal>,
    /// The bytes in question, where they are known.
    pub bytes: Option<u64>,
    /// The reason in words; never text from a log or a bill.
    pub text: String,
}

/// The bill split among queries.
#[derive(Debug, Clone, Default)]
pub struct Attribution {
    /// Charges, alike in no two, in a fixed order.
    pub charges: Vec<Charge>,
    /// The share of every query, in the order of chains and their queries.
    pub query_shares: Vec<Option<QueryShare>>,
    /// Charges for other services of the same accounts.
    pub other_services: Vec<OtherServiceCharge>,
    /// Estimate against bill, by currency.
    pub reconciliations: Vec<Reconciliation>,
    /// The definition of a billed terabyte.
    pub terabyte: TerabyteBase,
    /// Prices that queries were estimated by.
    pub prices: Vec<ListPrice>,
    /// The accounts that pay, by the accounts that use, where the bill tells them.
    pub payers: BTreeMap<AccountId, AccountId>,
}

/// A price of scanned data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPrice {
    /// The Region.
    pub region: Region,
    /// USD per terabyte.
    pub usd_per_terabyte: Decimal,
    /// The source of the price.
    pub source: Text,
    /// The first day on which it holds; `None` for one of the configuration, which holds on every
    /// day.
    pub effective_from: Option<Date>,
}

/// A query's share of the bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryShare {
    /// The amount.
    pub cost: Decimal,
    /// ISO 4217 code.
    pub currency: Text,
}

/// A line of the bill that queries do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherServiceCharge {
    /// The account that pays.
    pub account_id: AccountId,
    /// The days.
    pub period: BillPeriod,
    /// The purpose of the charge.
    pub billed_for: BilledFor,
    /// Use, tax, credit ...
    pub category: ChargeCategory,
    /// ISO 4217 code.
    pub currency: Text,
    /// The cost.
    pub cost: Decimal,
}

/// A chargeback table.
#[derive(Debug, Clone, Default)]
pub struct Chargeback {
    /// The dimensions of the groups, in the requested order.
    pub by: Vec<Dimension>,
    /// Rows, by group and currency; names in brackets come last.
    pub rows: Vec<ChargebackRow>,
    /// The sum of all rows of each currency.
    pub totals: Vec<ChargebackRow>,
    /// Charges for other services of the same accounts, by those dimensions that a bill has.
    pub other_services: Vec<OtherServiceRow>,
}

impl Chargeback {
    /// Returns what is to be said of amounts by table; `None` where they are by other dimensions.
    #[must_use]
    pub fn by_reads_note(&self) -> Option<&'static str> {
        let by_reads = self.by.iter().any(|dimension| dimension.is_of_reads());
        by_reads.then_some(
            "Amounts by table or producer are an estimate: a bill has no tables, so the amounts of a query are split \
             evenly among the tables that it read. A query counts once in each row.",
        )
    }
}
