//! Chargeback rows, version 1 (ARCHITECTURE.md#how-a-bill-is-allocated).

use super::coverage::{BillV1, CoverageV1, RejectsV1, StatisticsV1};
use super::window::WindowV1;
use crate::model::audit::{Audit, AuditSlice};
use crate::model::bill::BillCoverage;
use crate::model::charge::{
    Attribution, Billed, Chargeback, ChargebackRow, Dimension, ListPrice, OtherServiceRow, Reason,
    Reconciliation,
};
use crate::model::coverage::{Coverage, Rejects};
use crate::model::execution::StatisticsCoverage;
use crate::model::ids::Region;
use crate::model::money::exact;
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::io::{self, Write};

const ROW_SCHEMA: &str = "qs-audit/chargeback/v1";
const TABLE_SCHEMA: &str = "qs-audit/chargeback-table/v1";

/// The one currency whose amounts are in members that end in `_usd`.
const USD: &str = "USD";

/// Dimensions and their values, in the order asked for.
struct GroupValues<'a> {
    by: Vec<Dimension>,
    values: &'a [Text],
}

impl Serialize for GroupValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (dimension, value) in self.by.iter().zip(self.values) {
            map.serialize_entry(dimension.as_str(), value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ChargebackRowV1<'a> {
    schema: &'static str,
    group: GroupValues<'a>,
    currency: &'a Text,
    query_count: u64,
    bytes_scanned: Option<u64>,
    bytes_billed: Option<u64>,
    estimated_cost_usd: Option<String>,
    billed_cost_usd: Option<String>,
    quick_cost_usd: Option<String>,
    other_cost_usd: Option<String>,
    unallocated_cost_usd: Option<String>,
    estimated_days: u64,
    queries_without_statistics: u64,
    queries_without_bill: u64,
    billed_cost: Option<String>,
    quick_cost: Option<String>,
    other_cost: Option<String>,
    unallocated_cost: Option<String>,
}

impl<'a> ChargebackRowV1<'a> {
    fn of(row: &'a ChargebackRow, by: &[Dimension]) -> Self {
        let cost = |of: fn(&Billed) -> Decimal| row.billed.as_ref().map(of).map(exact);
        let in_usd = |cost: Option<String>| cost.filter(|_| &*row.currency == USD);
        let [billed, quick, other, unallocated] = [
            cost(Billed::total),
            cost(|billed| billed.quick),
            cost(|billed| billed.other),
            cost(|billed| billed.unallocated),
        ];
        Self {
            schema: ROW_SCHEMA,
            group: GroupValues {
                by: by.to_vec(),
                values: &row.group,
            },
            currency: &row.currency,
            query_count: row.figures.query_count,
            bytes_scanned: row.figures.bytes_scanned,
            bytes_billed: row.figures.bytes_billed,
            estimated_cost_usd: row.figures.estimated_cost_usd.map(exact),
            billed_cost_usd: in_usd(billed.clone()),
            quick_cost_usd: in_usd(quick.clone()),
            other_cost_usd: in_usd(other.clone()),
            unallocated_cost_usd: in_usd(unallocated.clone()),
            estimated_days: row.estimated_days,
            queries_without_statistics: row.figures.queries_without_statistics,
            queries_without_bill: row.figures.queries_without_bill,
            billed_cost: billed,
            quick_cost: quick,
            other_cost: other,
            unallocated_cost: unallocated,
        }
    }
}

#[derive(Serialize)]
struct OtherServiceV1<'a> {
    group: GroupValues<'a>,
    service: &'a str,
    category: &'static str,
    currency: &'a Text,
    cost: String,
}

impl<'a> OtherServiceV1<'a> {
    fn of(row: &'a OtherServiceRow, by: &[Dimension]) -> Self {
        let of_bill = by.iter().copied().filter(|by| by.is_of_bill());
        Self {
            group: GroupValues {
                by: of_bill.collect(),
                values: &row.group,
            },
            service: row.billed_for.name(),
            category: row.category.as_str(),
            currency: &row.currency,
            cost: exact(row.cost),
        }
    }
}

#[derive(Serialize)]
struct ReconciliationV1<'a> {
    currency: &'a Text,
    billed_cost: Option<String>,
    quick_cost: Option<String>,
    other_cost: Option<String>,
    unallocated_cost: Option<String>,
    estimated_cost_usd: Option<String>,
    estimated_without_bill_usd: Option<String>,
    difference_usd: Option<String>,
    billed_terabytes: Option<String>,
    known_bytes_billed: u64,
    reasons: Vec<ReasonV1<'a>>,
}

#[derive(Serialize)]
struct ReasonV1<'a> {
    code: &'static str,
    count: u64,
    amount: Option<String>,
    bytes: Option<u64>,
    text: &'a str,
}

impl<'a> ReconciliationV1<'a> {
    fn of(block: &'a Reconciliation) -> Self {
        let cost = |of: fn(&Billed) -> Decimal| block.billed.as_ref().map(of).map(exact);
        let reason = |reason: &'a Reason| ReasonV1 {
            code: reason.code,
            count: reason.count,
            amount: reason.amount.map(exact),
            bytes: reason.bytes,
            text: &reason.text,
        };
        Self {
            currency: &block.currency,
            billed_cost: cost(Billed::total),
            quick_cost: cost(|billed| billed.quick),
            other_cost: cost(|billed| billed.other),
            unallocated_cost: cost(|billed| billed.unallocated),
            estimated_cost_usd: block.estimated_cost_usd.map(exact),
            estimated_without_bill_usd: block.estimated_without_bill_usd.map(exact),
            difference_usd: block.difference_usd().map(exact),
            billed_terabytes: block.billed_terabytes.map(exact),
            known_bytes_billed: block.known_bytes_billed,
            reasons: block.reasons.iter().map(reason).collect(),
        }
    }
}

#[derive(Serialize)]
struct PriceV1<'a> {
    region: &'a Region,
    usd_per_tb: String,
    source: &'a Text,
    effective_from: Option<String>,
}

impl<'a> PriceV1<'a> {
    fn of(price: &'a ListPrice) -> Self {
        Self {
            region: &price.region,
            usd_per_tb: exact(price.usd_per_terabyte),
            source: &price.source,
            effective_from: price.effective_from.map(|day| day.to_string()),
        }
    }
}

/// A chargeback with everything it rests on.
#[derive(Serialize)]
pub struct ChargebackTableV1<'a> {
    schema: &'static str,
    window: WindowV1,
    by: Vec<&'static str>,
    terabyte: &'static str,
    prices: Vec<PriceV1<'a>>,
    rows: Vec<ChargebackRowV1<'a>>,
    /// `null` where there are several currencies: they are never added up.
    total: Option<ChargebackRowV1<'a>>,
    totals: Vec<ChargebackRowV1<'a>>,
    other_services: Vec<OtherServiceV1<'a>>,
    reconciliation: Vec<ReconciliationV1<'a>>,
    bill: Option<BillV1<'a>>,
    statistics: Option<StatisticsV1<'a>>,
    business_unit_rejects: RejectsV1<'a>,
    coverage: CoverageV1<'a>,
    notes: Vec<&'static str>,
}

/// The inputs of a chargeback: a whole run, or a part of it.
#[derive(Debug, Clone, Copy)]
pub struct ChargebackInputs<'a> {
    /// The window.
    pub window: TimeWindow,
    /// The bill, split.
    pub attribution: Option<&'a Attribution>,
    /// The coverage of the bill.
    pub bill: Option<&'a BillCoverage>,
    /// The coverage of query statistics.
    pub statistics: Option<&'a StatisticsCoverage>,
    /// Lines of business units that could not be read.
    pub units_rejects: &'a Rejects,
    /// The coverage of the logs.
    pub coverage: &'a Coverage,
}

impl<'a> ChargebackInputs<'a> {
    /// A whole run.
    #[must_use]
    pub fn of(audit: &'a Audit) -> Self {
        Self {
            window: audit.window,
            attribution: audit.attribution.as_ref(),
            bill: audit.bill.as_ref(),
            statistics: audit.statistics.as_ref(),
            units_rejects: &audit.units_rejects,
            coverage: &audit.coverage,
        }
    }

    /// A part of a run.
    #[must_use]
    pub fn of_part(audit: &'a Audit, slice: &'a AuditSlice) -> Self {
        Self {
            window: slice.window,
            attribution: slice.attribution.as_ref(),
            bill: slice.bill.as_ref(),
            statistics: slice.statistics.as_ref(),
            ..Self::of(audit)
        }
    }
}

impl<'a> ChargebackTableV1<'a> {
    /// Rows, totals, reconciliation and coverage.
    #[must_use]
    pub fn of(basis: ChargebackInputs<'a>, chargeback: &'a Chargeback) -> Self {
        let by = &chargeback.by;
        let attribution = basis.attribution;
        let total = match &chargeback.totals[..] {
            [only] => Some(ChargebackRowV1::of(only, &[])),
            _ => None,
        };
        Self {
            schema: TABLE_SCHEMA,
            window: WindowV1::of(basis.window),
            by: by.iter().map(|by| by.as_str()).collect(),
            terabyte: attribution.map_or("decimal", |attribution| attribution.terabyte.as_str()),
            prices: attribution
                .iter()
                .flat_map(|attribution| &attribution.prices)
                .map(PriceV1::of)
                .collect(),
            rows: chargeback
                .rows
                .iter()
                .map(|row| ChargebackRowV1::of(row, by))
                .collect(),
            total,
            totals: chargeback
                .totals
                .iter()
                .map(|row| ChargebackRowV1::of(row, &[]))
                .collect(),
            other_services: chargeback
                .other_services
                .iter()
                .map(|row| OtherServiceV1::of(row, by))
                .collect(),
            reconciliation: attribution
                .iter()
                .flat_map(|attribution| &attribution.reconciliations)
                .map(ReconciliationV1::of)
                .collect(),
            bill: basis.bill.map(BillV1::of),
            statistics: basis.statistics.map(StatisticsV1::of),
            business_unit_rejects: RejectsV1::of(basis.units_rejects),
            coverage: CoverageV1::of(basis.coverage),
            notes: chargeback.by_reads_note().into_iter().collect(),
        }
    }
}

/// Writes one JSON document with rows, totals, reconciliation and coverage.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(
    audit: &Audit,
    chargeback: &Chargeback,
    writer: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer(
        &mut *writer,
        &ChargebackTableV1::of(ChargebackInputs::of(audit), chargeback),
    )?;
    writer.write_all(b"\n")
}

/// Writes one row per line.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(chargeback: &Chargeback, writer: &mut dyn Write) -> io::Result<()> {
    for row in &chargeback.rows {
        serde_json::to_writer(&mut *writer, &ChargebackRowV1::of(row, &chargeback.by))?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
