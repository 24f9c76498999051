//! Bytes that Athena bills for a query (docs/cloudtrail-facts.md#pricing).

use crate::model::exact::ExactAmount;
use crate::model::execution::{QueryState, QueryStatistics, StatementType};
use crate::model::money::TerabyteBase;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

/// The least that is billed for a query, in megabytes.
const MEGABYTES_MIN: u64 = 10;

/// How scanned bytes become billed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanBilling {
    /// The definition of a billed terabyte and megabyte.
    pub terabyte: TerabyteBase,
    /// True if DML that scanned nothing (`SELECT 1`) is billed the least there is, which AWS does
    /// not say.
    pub has_floor_for_unscanned_dml: bool,
}

impl Default for ScanBilling {
    fn default() -> Self {
        Self {
            terabyte: TerabyteBase::default(),
            has_floor_for_unscanned_dml: true,
        }
    }
}

/// Bytes billed: scanned bytes rounded up to a megabyte, ten at least, for
/// queries that succeeded or were cancelled; none for failed ones, reused
/// results and reserved capacity. Whatever scanned bytes is billed, DDL such as
/// `CREATE TABLE AS SELECT`, too. Of what scanned nothing only DML may be billed,
/// and no `EXPLAIN`.
///
/// `None` while the query runs, and where its bytes are not told, or the kind of
/// a statement that scanned nothing.
#[must_use]
pub fn billed_bytes(statistics: &QueryStatistics, billing: ScanBilling) -> Option<u64> {
    match statistics.state {
        QueryState::Queued | QueryState::Running => return None,
        QueryState::Failed => return Some(0),
        QueryState::Succeeded | QueryState::Cancelled => {}
    }
    if statistics.result_reused == Some(true) || statistics.dpu_count.is_some() {
        return Some(0);
    }
    let scanned = statistics.bytes_scanned?;
    let megabyte = billing.terabyte.bytes_per_megabyte();
    if scanned > 0 {
        let megabytes = scanned.div_ceil(megabyte).max(MEGABYTES_MIN);
        return megabytes.checked_mul(megabyte);
    }
    let has_floor = match statistics.statement_type? {
        StatementType::Ddl | StatementType::Utility => false,
        StatementType::Dml => {
            billing.has_floor_for_unscanned_dml
                && statistics.substatement_type.as_deref() != Some(EXPLAIN)
        }
    };
    Some(if has_floor {
        MEGABYTES_MIN * megabyte
    } else {
        0
    })
}

/// The statement that is DML and free of charge.
const EXPLAIN: &str = "EXPLAIN";

/// Places of terabytes that are bytes: what is behind them is from doubles.
pub(super) const TERABYTE_PLACES: u32 = 15;

/// Whole bytes of so many terabytes; `None` for nothing and for corrections.
pub(super) fn usage_bytes(terabytes: &ExactAmount, base: TerabyteBase) -> Option<u128> {
    let per_terabyte = Decimal::from(base.bytes_per_terabyte());
    let bytes = terabytes
        .rounded(TERABYTE_PLACES)?
        .checked_mul(per_terabyte)?;
    let whole = bytes.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven);
    whole.to_u128().filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dml(scanned: u64) -> QueryStatistics {
        QueryStatistics {
            state: QueryState::Succeeded,
            completed_at: None,
            submitted_at: None,
            statement_type: Some(StatementType::Dml),
            substatement_type: None,
            bytes_scanned: Some(scanned),
            result_reused: Some(false),
            dpu_count: None,
            work_group: None,
            quick_query_id: None,
            tables: None,
        }
    }

    fn decimal(statistics: &QueryStatistics) -> Option<u64> {
        billed_bytes(statistics, ScanBilling::default())
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
        let billing = ScanBilling {
            terabyte: TerabyteBase::Binary,
            ..ScanBilling::default()
        };
        let binary = billed_bytes(&dml(10_485_761), billing);
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
            Some(124_000_000)
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
        assert_eq!(with(|one| one.statement_type = None), Some(124_000_000));
        assert_eq!(with(|one| one.bytes_scanned = None), None);
    }

    #[test]
    fn of_what_scanned_nothing_only_dml_has_a_floor_and_no_explain() {
        let billed = |statement_type, substatement_type: Option<&str>, floor| {
            let statistics = QueryStatistics {
                statement_type,
                substatement_type: substatement_type.map(Into::into),
                ..dml(0)
            };
            let billing = ScanBilling {
                has_floor_for_unscanned_dml: floor,
                ..ScanBilling::default()
            };
            billed_bytes(&statistics, billing)
        };
        let dml = Some(StatementType::Dml);
        for (substatement_type, with_floor) in [
            (None, 10_000_000),
            (Some("SELECT"), 10_000_000),
            (Some("EXPLAIN"), 0),
        ] {
            assert_eq!(billed(dml, substatement_type, true), Some(with_floor));
            assert_eq!(billed(dml, substatement_type, false), Some(0));
        }
        let ddl = Some(StatementType::Ddl);
        assert_eq!(billed(ddl, Some("CREATE_TABLE_AS_SELECT"), true), Some(0));
        assert_eq!(billed(Some(StatementType::Utility), None, true), Some(0));
        assert_eq!(billed(None, None, true), None);
    }
}
