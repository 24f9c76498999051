//! Statistics that Athena reports for a query execution (docs/cloudtrail-facts.md#bytes-scanned).

use super::coverage::{RejectReason, Rejects};
use super::ids::{QueryExecutionId, QuickQueryId};
use super::table_name::StatementTables;
use super::text::Text;
use super::time::UtcSecond;
use hashbrown::HashMap;
use rust_decimal::Decimal;

/// The state of a query execution.
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
#[strum(serialize_all = "UPPERCASE")]
pub enum QueryState {
    /// Waiting.
    Queued,
    /// At work: its bytes are not final.
    Running,
    /// Done.
    Succeeded,
    /// Failed: free of charge.
    Failed,
    /// Stopped: billed for what it scanned.
    Cancelled,
}

impl QueryState {
    /// All states, in the order of a query.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Reads the API's spelling, and the `CANCELED` of `CloudWatch`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "QUEUED" => Self::Queued,
            "RUNNING" => Self::Running,
            "SUCCEEDED" => Self::Succeeded,
            "FAILED" => Self::Failed,
            "CANCELLED" | "CANCELED" => Self::Cancelled,
            _ => return None,
        })
    }

    /// The state as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns true if it will not change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// The kind of statement.
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
#[strum(serialize_all = "UPPERCASE")]
pub enum StatementType {
    /// `CREATE`, `ALTER`, `DROP` ..., and `CREATE TABLE AS SELECT`, which scans.
    Ddl,
    /// `SELECT`, `INSERT`, `EXPLAIN` ...
    Dml,
    /// `SHOW`, `DESCRIBE` ...
    Utility,
}

impl StatementType {
    /// All types.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Reads the API's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "DDL" => Self::Ddl,
            "DML" => Self::Dml,
            "UTILITY" => Self::Utility,
            _ => return None,
        })
    }

    /// The type as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Statistics of one query execution, from `GetQueryExecution` or
/// `BatchGetQueryExecution`. The SQL itself is dropped when it is read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryStatistics {
    /// Its state at the time of the answer.
    pub state: QueryState,
    /// The time it ended.
    pub completed_at: Option<UtcSecond>,
    /// The time it was submitted.
    pub submitted_at: Option<UtcSecond>,
    /// The kind of statement; `None` where it is not given or of a new kind.
    pub statement_type: Option<StatementType>,
    /// The statement itself (`SELECT`, `EXPLAIN`, `CREATE_TABLE_AS_SELECT` ...).
    pub substatement_type: Option<Text>,
    /// Bytes it scanned.
    pub bytes_scanned: Option<u64>,
    /// True if an earlier result was given out again.
    pub result_reused: Option<bool>,
    /// Data processing units, where it ran on reserved capacity.
    pub dpu_count: Option<Decimal>,
    /// The work group.
    pub work_group: Option<Text>,
    /// Quick's own query id, from a leading comment of the SQL
    /// (docs/cloudtrail-facts.md#the-sql-comment).
    pub quick_query_id: Option<QuickQueryId>,
    /// The tables that its SQL names; `None` where the SQL was not given, or is none that can be
    /// parsed.
    pub tables: Option<StatementTables>,
}

/// Statistics as they were read from all given files.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// One for each query execution.
    pub by_id: HashMap<QueryExecutionId, QueryStatistics>,
    /// Files read, whole or in part.
    pub files: u64,
    /// Executions told again with the same figures.
    pub duplicates: u64,
    /// Executions told again with other figures: the later state is kept.
    pub updates: u64,
    /// Ids that Athena gave no answer for (`UnprocessedQueryExecutionIds`).
    pub unprocessed: u64,
    /// Members other than bytes and state that could not be read, and are unknown.
    pub unread_members: u64,
    /// The rejected executions.
    pub rejects: Rejects,
}

impl Statistics {
    /// Returns the number of entries about executions, including those that Athena had no answer
    /// for.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.by_id.len() as u64 + self.duplicates + self.updates + self.unprocessed
    }

    /// Returns true if anything was rejected that may have been an execution.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        let mut rejects = self.rejects.iter();
        rejects
            .any(|(reason, ..)| reason != RejectReason::NotARecord && reason != RejectReason::Empty)
    }

    /// Takes in one. Of two that differ the final one is kept, then the one that
    /// ended later, then the greater in every figure: never the one that came
    /// later, since files have no order.
    pub fn add(&mut self, id: QueryExecutionId, statistics: QueryStatistics) {
        let rank = |of: &QueryStatistics| (of.state.is_final(), of.completed_at);
        match self.by_id.get_mut(&id) {
            None => {
                self.by_id.insert(id, statistics);
            }
            Some(known) if *known == statistics => self.duplicates += 1,
            Some(known) => {
                self.updates += 1;
                if (rank(known), &*known) < (rank(&statistics), &statistics) {
                    *known = statistics;
                }
            }
        }
    }
}

/// The coverage of query statistics, and the queries that they were joined to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatisticsCoverage {
    /// Files read, whole or in part.
    pub files: u64,
    /// Query executions told of.
    pub executions: u64,
    /// Executions told again with the same figures.
    pub duplicates: u64,
    /// Executions told again with other figures: the later state counts.
    pub updates: u64,
    /// Ids that Athena gave no answer for.
    pub unprocessed: u64,
    /// Members other than bytes and state that could not be read, and are unknown.
    pub unread_members: u64,
    /// The rejected executions.
    pub rejects: Rejects,
    /// Queries in the window that Athena took.
    pub queries: u64,
    /// Those whose statistics were read.
    pub queries_with_statistics: u64,
    /// Executions that no query in the window is.
    pub executions_without_query: u64,
    /// Bytes those scanned.
    pub bytes_without_query: u64,
}

/// The bytes that a query scanned and is billed for, joined in from statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFigures {
    /// Its state.
    pub state: QueryState,
    /// The kind of statement.
    pub statement_type: Option<StatementType>,
    /// The statement itself (`SELECT`, `EXPLAIN`, `CREATE_TABLE_AS_SELECT` ...).
    pub substatement_type: Option<Text>,
    /// Bytes it scanned.
    pub bytes_scanned: Option<u64>,
    /// Bytes that Athena bills: rounded up, or none (docs/cloudtrail-facts.md#pricing). `None`
    /// while it runs, or where its statement type is not told.
    pub bytes_billed: Option<u64>,
    /// True if an earlier result was given out again.
    pub result_reused: Option<bool>,
    /// Data processing units: it ran on reserved capacity and is not priced by
    /// bytes.
    pub dpu_count: Option<Decimal>,
    /// Billed bytes at the list price of its Region and day, in USD; `None` where
    /// no price is known.
    pub estimated_cost_usd: Option<Decimal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(state: QueryState, bytes: u64) -> QueryStatistics {
        QueryStatistics {
            state,
            completed_at: None,
            submitted_at: None,
            statement_type: Some(StatementType::Dml),
            substatement_type: None,
            bytes_scanned: Some(bytes),
            result_reused: None,
            dpu_count: None,
            work_group: None,
            quick_query_id: None,
            tables: None,
        }
    }

    #[test]
    fn the_final_state_is_kept_in_any_order() {
        let running = statistics(QueryState::Running, 9);
        let done = statistics(QueryState::Succeeded, 7);
        for told in [[&running, &done, &done], [&done, &running, &done]] {
            let mut all = Statistics::default();
            for one in told {
                all.add(QueryExecutionId::new("q"), one.clone());
            }
            assert_eq!(all.by_id[&QueryExecutionId::new("q")], done);
            assert_eq!(all.updates + all.duplicates, 2);
        }
    }
}
