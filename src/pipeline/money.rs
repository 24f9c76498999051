//! Statistics and bills, joined to chains.

use super::plan::{Exports, PipelineError, Plan};
use crate::attribute::{self, AttributeError, BilledQueries, Pricing};
use crate::model::audit::Audit;
use crate::model::bill::{Bill, BillCoverage};
use crate::model::chain::Chain;
use crate::model::charge::Attribution;
use crate::model::execution::StatisticsCoverage;

/// The bill by its causes, and the coverage of statistics and bill, as far as they were given.
pub(super) struct Money {
    pub(super) statistics: Option<StatisticsCoverage>,
    pub(super) attribution: Option<Attribution>,
    pub(super) bill: Option<BillCoverage>,
}

/// Joins statistics to chains, and splits a bill among them.
pub(super) fn add_money(
    chains: &mut [Chain],
    exports: &Exports,
    bill: Option<&Bill>,
) -> Result<Money, AttributeError> {
    let pricing = &exports.pricing;
    let statistics = exports.statistics.as_ref();
    let statistics = statistics.map(|known| attribute::join_statistics(chains, known, pricing));
    let mut money = Money {
        statistics,
        attribution: None,
        bill: bill.and_then(coverage_of),
    };
    if let Some(bill) = bill {
        money.attribution = Some(attribute::attribute(chains, bill, pricing)?);
    }
    Ok(money)
}

/// The coverage of a bill, if there is one.
fn coverage_of(bill: &Bill) -> Option<BillCoverage> {
    (!bill.coverage.is_empty()).then(|| bill.coverage.clone())
}

/// A bill that is split among queries whose chains are gone.
#[derive(Default)]
pub struct Charging {
    queries: BilledQueries,
}

impl Charging {
    /// Has no queries yet. With `by_reads`, what these read is gathered: their charges are to be grouped
    /// by that.
    #[must_use]
    pub fn new(by_reads: bool) -> Self {
        let queries = if by_reads {
            BilledQueries::with_reads()
        } else {
            BilledQueries::default()
        };
        Self { queries }
    }

    /// Comes after queries that were gathered before.
    pub(super) fn after(queries: BilledQueries) -> Self {
        Self { queries }
    }

    /// Adds the queries of chains.
    pub fn add(&mut self, chains: &[Chain]) {
        self.queries.add(chains);
    }

    /// Splits the plan's bill.
    ///
    /// # Errors
    ///
    /// When the amounts are too large.
    pub fn finish(
        mut self,
        audit: &mut Audit,
        plan: &Plan,
    ) -> Result<BilledQueries, PipelineError> {
        if let Some(bill) = &plan.exports.bill {
            (audit.attribution, audit.bill) = self.split(bill, &plan.exports.pricing)?;
        }
        Ok(self.queries)
    }

    /// Splits a bill.
    pub(super) fn split(
        &mut self,
        bill: &Bill,
        pricing: &Pricing,
    ) -> Result<SplitBill, AttributeError> {
        let attribution = attribute::attribute_to(&mut self.queries, bill, pricing)?;
        Ok((Some(attribution), coverage_of(bill)))
    }
}

/// A bill by its causes, and its coverage.
type SplitBill = (Option<Attribution>, Option<BillCoverage>);
