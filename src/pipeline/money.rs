//! Statistics and bills, joined to chains.

use super::plan::{Exports, PipelineError, Plan};
use crate::attribute::{self, AttributeError, BilledQueries, Pricing};
use crate::model::audit::Audit;
use crate::model::bill::{Bill, BillCoverage};
use crate::model::chain::Chain;
use crate::model::charge::Attribution;
use crate::model::execution::StatisticsCoverage;

/// Joins statistics to chains, if any were given.
pub(super) fn join_statistics(
    chains: &mut [Chain],
    exports: &Exports,
) -> Option<StatisticsCoverage> {
    let known = exports.statistics.as_ref()?;
    let coverage = attribute::join_statistics(chains, known, &exports.pricing);
    Some(coverage)
}

/// Splits the plan's bill among queries whose chains may be gone.
///
/// # Errors
///
/// When the amounts are too large.
pub fn charge(
    audit: &mut Audit,
    queries: &mut BilledQueries,
    plan: &Plan,
) -> Result<(), PipelineError> {
    if let Some(bill) = &plan.exports.bill {
        (audit.attribution, audit.bill) = split(bill, queries, &plan.exports.pricing)?;
    }
    Ok(())
}

/// A bill by its causes, and its coverage if there is one.
type SplitBill = (Option<Attribution>, Option<BillCoverage>);

/// Splits a bill among queries.
pub(super) fn split(
    bill: &Bill,
    queries: &mut BilledQueries,
    pricing: &Pricing,
) -> Result<SplitBill, AttributeError> {
    let attribution = attribute::attribute_to(queries, bill, pricing)?;
    let coverage = (!bill.coverage.is_empty()).then(|| bill.coverage.clone());
    Ok((Some(attribution), coverage))
}
