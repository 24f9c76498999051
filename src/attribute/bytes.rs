//! Bytes that Athena bills for a query (docs/cloudtrail-facts.md#pricing).

use crate::model::execution::{QueryState, QueryStatistics, StatementType};
use crate::model::money::TerabyteBase;

/// The least that is billed for a query, in megabytes.
const MEGABYTES_MIN: u64 = 10;

/// Bytes billed: scanned bytes rounded up to a megabyte, ten at least, for
/// queries that succeeded or were cancelled; none for failed ones, DDL, reused
/// results and reserved capacity. Statements such as `SHOW` scan nothing and are
/// free; `EXPLAIN ANALYZE` is not.
///
/// `None` while the query runs, and where its bytes or its kind are not told.
#[must_use]
pub fn billed_bytes(statistics: &QueryStatistics, base: TerabyteBase) -> Option<u64> {
    match statistics.state {
        QueryState::Queued | QueryState::Running => return None,
        QueryState::Failed => return Some(0),
        QueryState::Succeeded | QueryState::Cancelled => {}
    }
    let is_free = statistics.result_reused == Some(true)
        || statistics.dpu_count.is_some()
        || statistics.statement_type == Some(StatementType::Ddl);
    if is_free {
        return Some(0);
    }
    let scanned = statistics.bytes_scanned;
    match statistics.statement_type? {
        StatementType::Ddl => Some(0),
        StatementType::Utility if scanned? == 0 => Some(0),
        StatementType::Utility | StatementType::Dml => {
            let megabyte = base.bytes_per_megabyte();
            let megabytes = scanned?.div_ceil(megabyte).max(MEGABYTES_MIN);
            megabytes.checked_mul(megabyte)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn dml(scanned: u64) -> QueryStatistics {
        QueryStatistics {
            state: QueryState::Succeeded,
            completed_at: None,
            submitted_at: None,
            statement_type: Some(StatementType::Dml),
            bytes_scanned: Some(scanned),
            result_reused: Some(false),
            dpu_count: None,
            work_group: None,
            quick_query_id: None,
        }
    }

    fn decimal(statistics: &QueryStatistics) -> Option<u64> {
        billed_bytes(statistics, TerabyteBase::Decimal)
    }

    #[test]
    fn bytes_are_rounded_up_to_megabytes_and_ten_at_least() {
        for (scanned, billed) in [
            (0, 10_000_000),
            (1, 10_000_000),
            (10_000_000, 10_000_000),
            (10_000_001, 11_000_000),
            (123_456_789, 124_000_000),
        ] {
            assert_eq!(decimal(&dml(scanned)), Some(billed), "{scanned}");
        }
        let binary = billed_bytes(&dml(10_485_761), TerabyteBase::Binary);
        assert_eq!(binary, Some(11 << 20));
        assert_eq!(decimal(&dml(u64::MAX)), None);
    }

    #[test]
    fn only_finished_statements_that_scan_are_billed() {
        let with = |change: fn(&mut QueryStatistics)| {
            let mut statistics = dml(123_456_789);
            change(&mut statistics);
            decimal(&statistics)
        };
        assert_eq!(
            with(|one| one.state = QueryState::Cancelled),
            Some(124_000_000)
        );
        assert_eq!(with(|one| one.state = QueryState::Failed), Some(0));
        assert_eq!(with(|one| one.state = QueryState::Running), None);
        assert_eq!(with(|one| one.state = QueryState::Queued), None);
        assert_eq!(with(|one| one.result_reused = Some(true)), Some(0));
        assert_eq!(with(|one| one.dpu_count = Some(Decimal::from(4))), Some(0));
        assert_eq!(
            with(|one| one.statement_type = Some(StatementType::Ddl)),
            Some(0)
        );
        assert_eq!(
            with(|one| one.statement_type = Some(StatementType::Utility)),
            Some(124_000_000)
        );
        assert_eq!(
            with(|one| {
                one.statement_type = Some(StatementType::Utility);
                one.bytes_scanned = Some(0);
            }),
            Some(0)
        );
        assert_eq!(with(|one| one.statement_type = None), None);
        assert_eq!(with(|one| one.bytes_scanned = None), None);
    }
}
