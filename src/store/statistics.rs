//! Query statistics, kept for good: Athena forgets them after 45 days.

use super::error::StoreError;
use super::folder::{StoreFolder, WrittenSegment};
use super::ledger::LiveSegment;
use super::number::count;
use super::reader::{Store, event_days};
use super::revisions::revise;
use super::segments::{Segment, integer, segment_bytes};
use super::writer::{Writer, name_segment, starts};
use crate::model::execution::{QueryState, QueryStatistics, StatementType, Statistics};
use crate::model::ids::{QueryExecutionId, QuickQueryId};
use crate::model::money::parse_decimal;
use crate::model::table::{Table, TableBuilder};
use crate::model::table_name::{StatementTables, TableName};
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::TimeWindow;
use std::collections::{BTreeMap, BTreeSet};

/// Days that Athena remembers query executions for (docs/cloudtrail-facts.md#bytes-scanned).
const HISTORY_DAYS: i64 = 45;

/// Query executions that Athena still has to be asked about, in one account and
/// Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The account.
    pub account_id: String,
    /// The Region.
    pub region: String,
    /// Their ids.
    pub ids: Vec<String>,
}

/// The state of a question to Athena.
#[derive(Debug, Default)]
pub struct QuestionState {
    /// Final statistics, by id.
    pub known: Vec<(QueryExecutionId, QueryStatistics)>,
    /// Ids that Athena does not know, or no longer.
    pub unavailable: Vec<String>,
}

type StoredStatistics = (QueryExecutionId, QueryStatistics);

impl Writer {
    /// Returns the executions that Athena has not answered yet, and those whose statistics were
    /// kept before their substatement type and tables were. What it has forgotten by now is marked so.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read or written.
    pub fn pending(&mut self) -> Result<Vec<Pending>, StoreError> {
        let oldest = self.now.utc_day() - HISTORY_DAYS;
        self.ledger.try_to(|ledger| {
            let sql = "UPDATE executions SET state = 'unavailable'
                       WHERE state = 'pending' AND day < ?1";
            ledger.execute(sql, [oldest])
        })?;
        let sql = "SELECT account, region, id FROM executions WHERE state = 'pending'
                   ORDER BY account, region, id";
        let mut rows = self.ledger.rows(sql, &[], place_and_id)?;
        let again: Vec<String> = without_statement(self)?
            .into_values()
            .flatten()
            .map(|id| id.to_string())
            .collect();
        let list = serde_json::Value::from(again).to_string();
        let sql = "SELECT account, region, id FROM executions
                   WHERE state = 'known' AND id IN (SELECT value FROM json_each(?1))
                   ORDER BY account, region, id";
        rows.extend(self.ledger.rows(sql, &[&list], place_and_id)?);
        let mut places: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for (account, region, id) in rows {
            places.entry((account, region)).or_default().push(id);
        }
        let pending = places
            .into_iter()
            .map(|((account_id, region), ids)| Pending {
                account_id,
                region,
                ids,
            });
        Ok(pending.collect())
    }

    /// Keeps what was asked for.
    ///
    /// # Errors
    ///
    /// When something cannot be written. Then nothing of it counts.
    pub fn keep_statistics(&mut self, asked: QuestionState) -> Result<(), StoreError> {
        let asked_ids: Vec<String> = asked.known.iter().map(|(id, _)| id.to_string()).collect();
        let list = serde_json::Value::from(asked_ids).to_string();
        let sql = "SELECT id, day FROM executions WHERE id IN (SELECT value FROM json_each(?1))";
        let known = self.ledger.rows(sql, &[&list], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, UtcDay>(1)?))
        })?;
        let known: BTreeMap<String, UtcDay> = known.into_iter().collect();
        let answered: Vec<QueryExecutionId> =
            asked.known.iter().map(|(id, _)| id.clone()).collect();
        let mut days: BTreeMap<UtcDay, Vec<StoredStatistics>> = BTreeMap::new();
        for (id, statistics) in asked.known {
            let submitted = statistics.submitted_at.map(UtcSecond::utc_day);
            let day = known.get(&id.to_string()).copied().or(submitted);
            let day = day.unwrap_or(self.now.utc_day());
            days.entry(day).or_default().push((id, statistics));
        }
        self.leave_out_kept(&mut days)?;
        let mut segments = Vec::new();
        for (day, mut told) in days {
            told.sort();
            segments.push((day, self.write_statistics(day, &told)?, told));
        }
        self.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            let days: BTreeSet<UtcDay> = segments.iter().map(|(day, ..)| *day).collect();
            revise(&transaction, &days)?;
            for (day, written, told) in &segments {
                let rows = count(told.len());
                name_segment(&transaction, "statistics", *day, written, rows)?;
            }
            // Those that were kept before their query was, too.
            for id in &answered {
                let sql = "UPDATE executions SET state = 'known' WHERE id = ?1";
                transaction.execute(sql, [id.to_string()])?;
            }
            for id in &asked.unavailable {
                let sql = "UPDATE executions SET state = 'unavailable'
                           WHERE id = ?1 AND state = 'pending'";
                transaction.execute(sql, [id])?;
            }
            transaction.commit()
        })
    }

    /// Leaves out what is kept of these days already. What an earlier version kept lacks members, and is
    /// kept again.
    fn leave_out_kept(
        &mut self,
        days: &mut BTreeMap<UtcDay, Vec<StoredStatistics>>,
    ) -> Result<(), StoreError> {
        for (day, told) in &mut *days {
            let mut kept = Statistics::default();
            for named in self.ledger.segments("statistics", (*day, *day))? {
                let mut has_all = true;
                Segment::open(&self.folder, &named)?.for_each(|rows| {
                    has_all &= rows.texts_if_any("tables").is_some();
                    Ok(())
                })?;
                if has_all {
                    read(&self.folder, &named, &mut kept)?;
                }
            }
            told.retain(|(id, statistics)| kept.by_id.get(id) != Some(statistics));
        }
        days.retain(|_, told| !told.is_empty());
        Ok(())
    }

    fn write_statistics(
        &self,
        day: UtcDay,
        told: &[StoredStatistics],
    ) -> Result<WrittenSegment, StoreError> {
        let bytes = write(told).map_err(|message| StoreError::Segment {
            path: self.folder.root().to_owned(),
            message,
        })?;
        self.folder
            .write_segment(&starts("statistics", day), &bytes)
    }
}

fn place_and_id(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// Executions that Athena still has, and whose statistics were kept before their substatement
/// type was.
fn without_statement(
    writer: &mut Writer,
) -> Result<BTreeMap<UtcDay, BTreeSet<QueryExecutionId>>, StoreError> {
    let oldest = writer.now.utc_day() - HISTORY_DAYS;
    let named = writer
        .ledger
        .segments("statistics", (oldest, UtcDay::MAX))?;
    let mut days: BTreeMap<UtcDay, [BTreeSet<QueryExecutionId>; 2]> = BTreeMap::new();
    for named in named {
        let [without, with] = days.entry(named.day).or_default();
        Segment::open(&writer.folder, &named)?.for_each(|rows| {
            let ids = rows.texts("query_execution_id")?;
            let has_tables = rows.texts_if_any("tables").is_some();
            let told = if has_tables {
                &mut *with
            } else {
                &mut *without
            };
            told.extend(
                (0..rows.count()).filter_map(|row| Some(QueryExecutionId::new(ids.get(row)?))),
            );
            Ok(())
        })?;
    }
    days.retain(|_, [without, with]| {
        without.retain(|id| !with.contains(id));
        !without.is_empty()
    });
    let days = days.into_iter();
    Ok(days.map(|(day, [without, _])| (day, without)).collect())
}

/// One segment for each day, each execution once.
pub(super) fn compact(writer: &mut Writer) -> Result<u64, StoreError> {
    // A day with executions that are to be asked for again is left as it is.
    let asked_again = without_statement(writer)?;
    let mut days: BTreeMap<UtcDay, Vec<LiveSegment>> = BTreeMap::new();
    for named in writer
        .ledger
        .segments("statistics", (UtcDay::MIN, UtcDay::MAX))?
    {
        days.entry(named.day).or_default().push(named);
    }
    days.retain(|day, names| names.len() > 1 && !asked_again.contains_key(day));
    let compacted = days.len() as u64;
    for (day, names) in days {
        let mut all = Statistics::default();
        for name in &names {
            read(&writer.folder, name, &mut all)?;
        }
        let mut told: Vec<StoredStatistics> = all.by_id.into_iter().collect();
        told.sort();
        let made = writer.write_statistics(day, &told)?;
        let rows = count(told.len());
        writer.replace("statistics", day, &names, Some((made, rows)))?;
    }
    Ok(compacted)
}

impl Store {
    /// Statistics of the queries of a window.
    ///
    /// # Errors
    ///
    /// When the ledger or a segment cannot be read.
    pub fn statistics(&mut self, window: &TimeWindow) -> Result<Statistics, StoreError> {
        self.at_one_moment(|store| store.statistics_once(window))
    }

    /// Returns the number of query executions that logs name on the days of a window.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn execution_count(&mut self, window: &TimeWindow) -> Result<u64, StoreError> {
        let days = event_days(window);
        let sql = "SELECT count(*) FROM executions WHERE day BETWEEN ?1 AND ?2";
        let found = self
            .ledger
            .rows(sql, &[&days.0, &days.1], |row| row.get::<_, i64>(0))?;
        let count = found.first().copied().unwrap_or(0);
        Ok(count.try_into().unwrap_or(0))
    }

    fn statistics_once(&mut self, window: &TimeWindow) -> Result<Statistics, StoreError> {
        let mut statistics = Statistics::default();
        let days = event_days(window);
        for named in self.ledger.segments("statistics", days)? {
            read(&self.folder, &named, &mut statistics)?;
            statistics.files += 1;
        }
        // Of two segments that tell the same, one is as good.
        statistics.duplicates = 0;
        let sql = "SELECT count(*) FROM executions
                   WHERE state = 'unavailable' AND day BETWEEN ?1 AND ?2";
        let found = self
            .ledger
            .rows(sql, &[&days.0, &days.1], |row| row.get::<_, i64>(0))?;
        let found = found.first().copied().unwrap_or(0);
        statistics.unprocessed = found.try_into().unwrap_or(0);
        Ok(statistics)
    }
}

fn write(told: &[StoredStatistics]) -> Result<Vec<u8>, String> {
    segment_bytes(&statistics_table(told))
}

fn statistics_table(told: &[StoredStatistics]) -> Table {
    let moment = |at: Option<UtcSecond>| at.map(UtcSecond::unix);
    TableBuilder::new("statistics", told)
        .text("query_execution_id", |(id, _)| {
            Some(Text::from(id.to_string()))
        })
        .word("state", |(_, of)| Some(of.state.as_str()))
        .word("statement_type", |(_, of)| {
            of.statement_type.map(StatementType::as_str)
        })
        // Empty where Athena gave none; unknown where it was not asked for.
        .text("substatement_type", |(_, of)| {
            Some(of.substatement_type.clone().unwrap_or_default())
        })
        .signed("submitted_at", |(_, of)| moment(of.submitted_at))
        .signed("completed_at", |(_, of)| moment(of.completed_at))
        .integer("bytes_scanned", |(_, of)| of.bytes_scanned)
        .integer("result_reused", |(_, of)| of.result_reused.map(u64::from))
        .text("dpu_count", |(_, of)| {
            of.dpu_count.map(|count| Text::from(count.to_string()))
        })
        .text("work_group", |(_, of)| of.work_group.clone())
        .text("quick_query_id", |(_, of)| {
            of.quick_query_id
                .as_ref()
                .map(|id| Text::from(id.to_string()))
        })
        // Unknown where the SQL was not given, or cannot be parsed.
        .text("tables", |(_, of)| {
            let tables = of.tables.as_ref();
            tables.map(|tables| Text::from(written_tables(tables)))
        })
        .table()
}

/// Names of tables as JSON: those that are read and those that are written, each a list of
/// catalog, database and table.
fn written_tables(tables: &StatementTables) -> String {
    let names = |tables: &[TableName]| -> serde_json::Value {
        let parts = tables.iter().map(|name| {
            let table = Some(&*name.table);
            serde_json::json!([name.catalog.as_deref(), name.database.as_deref(), table])
        });
        parts.collect()
    };
    serde_json::json!([names(&tables.read), names(&tables.written)]).to_string()
}

/// Reads what [`written_tables`] gives.
fn read_tables(text: &str) -> Option<StatementTables> {
    type Parts = (Option<String>, Option<String>, String);
    let (read, written): (Vec<Parts>, Vec<Parts>) = serde_json::from_str(text).ok()?;
    let names = |parts: Vec<Parts>| {
        let names = parts
            .into_iter()
            .map(|(catalog, database, table)| TableName {
                catalog: catalog.map(Text::from),
                database: database.map(Text::from),
                table: table.into(),
            });
        names.collect()
    };
    Some(StatementTables {
        read: names(read),
        written: names(written),
    })
}

fn read(
    folder: &StoreFolder,
    named: &LiveSegment,
    into: &mut Statistics,
) -> Result<(), StoreError> {
    Segment::open(folder, named)?.for_each(|rows| {
        let ids = rows.texts("query_execution_id")?;
        let states = rows.texts("state")?;
        let kinds = rows.texts("statement_type")?;
        let statements = rows.texts_if_any("substatement_type");
        let submitted = rows.integers("submitted_at")?;
        let completed = rows.integers("completed_at")?;
        let bytes = rows.integers("bytes_scanned")?;
        let reused = rows.integers("result_reused")?;
        let dpus = rows.texts("dpu_count")?;
        let work_groups = rows.texts("work_group")?;
        let quick = rows.texts("quick_query_id")?;
        let tables = rows.texts_if_any("tables");
        for row in 0..rows.count() {
            let id = ids.get(row).map(QueryExecutionId::new);
            let state = states.get(row).and_then(QueryState::parse);
            let (Some(id), Some(state)) = (id, state) else {
                return Err(rows.broken("a row without an id or a state"));
            };
            let statistics = QueryStatistics {
                state,
                completed_at: integer(completed, row).map(UtcSecond::from_unix),
                submitted_at: integer(submitted, row).map(UtcSecond::from_unix),
                statement_type: kinds.get(row).and_then(StatementType::parse),
                substatement_type: statements
                    .and_then(|column| column.get(row))
                    .filter(|statement| !statement.is_empty())
                    .map(Into::into),
                bytes_scanned: integer(bytes, row).and_then(|bytes| bytes.try_into().ok()),
                result_reused: integer(reused, row).map(|flag| flag == 1),
                dpu_count: dpus.get(row).and_then(parse_decimal),
                work_group: work_groups.get(row).map(Into::into),
                quick_query_id: quick.get(row).map(QuickQueryId::new),
                tables: tables.and_then(|column| read_tables(column.get(row)?)),
            };
            into.add(id, statistics);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::execution::StatementType;
    use rusqlite::params;

    const DAY: i64 = 86_400;

    fn statistics(substatement_type: Option<&str>) -> QueryStatistics {
        QueryStatistics {
            state: QueryState::Succeeded,
            completed_at: None,
            submitted_at: None,
            statement_type: Some(StatementType::Dml),
            substatement_type: substatement_type.map(Text::from),
            bytes_scanned: Some(0),
            result_reused: None,
            dpu_count: None,
            work_group: None,
            quick_query_id: None,
            tables: None,
        }
    }

    /// A segment as it was written before substatement types were kept.
    fn write_old(writer: &mut Writer, day: UtcDay, id: &str) {
        let told = [(QueryExecutionId::new(id), statistics(None))];
        let mut table = statistics_table(&told);
        table
            .columns
            .retain(|column| column.name != "substatement_type" && column.name != "tables");
        let bytes = segment_bytes(&table).unwrap();
        let written = writer
            .folder
            .write_segment(&starts("statistics", day), &bytes);
        let written = written.unwrap();
        let named = writer.ledger.try_to(|ledger| {
            let transaction = ledger.transaction()?;
            name_segment(&transaction, "statistics", day, &written, 1)?;
            let sql =
                "INSERT INTO executions VALUES (?1, '444455556666', 'us-east-1', ?2, 'known')";
            transaction.execute(sql, params![id, day])?;
            transaction.commit()
        });
        named.unwrap();
    }

    fn ids(pending: &[Pending]) -> Vec<&str> {
        let ids = pending.iter().flat_map(|place| &place.ids);
        ids.map(String::as_str).collect()
    }

    #[test]
    fn statistics_of_before_substatement_types_are_asked_for_again_as_long_as_athena_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let now = UtcSecond::from_unix(20_000 * DAY);
        let mut writer = Writer::open(folder.path(), "a test", false, now).unwrap();
        let today = writer.today();
        write_old(&mut writer, today - 3, "recent");
        write_old(&mut writer, today - 3, "other");
        write_old(&mut writer, today - 46, "forgotten");
        assert_eq!(ids(&writer.pending().unwrap()), ["other", "recent"]);
        // Until they are known, nothing is put together.
        assert_eq!(compact(&mut writer).unwrap(), 0);
        let known = vec![(QueryExecutionId::new("recent"), statistics(Some("EXPLAIN")))];
        let asked = QuestionState {
            known,
            unavailable: vec!["other".to_owned()],
        };
        writer.keep_statistics(asked).unwrap();
        assert_eq!(ids(&writer.pending().unwrap()), ["other"]);
        // What Athena gives none for is not asked for again.
        let known = vec![(QueryExecutionId::new("other"), statistics(None))];
        let asked = QuestionState {
            known,
            unavailable: Vec::new(),
        };
        writer.keep_statistics(asked).unwrap();
        assert_eq!(writer.pending().unwrap(), []);
        assert_eq!(compact(&mut writer).unwrap(), 1);
        assert_eq!(writer.pending().unwrap(), []);
        drop(writer);
        let mut store = Store::open(folder.path()).unwrap().unwrap();
        let all = store.statistics(&TimeWindow::ALL).unwrap();
        let recent = &all.by_id[&QueryExecutionId::new("recent")];
        assert_eq!(recent.substatement_type.as_deref(), Some("EXPLAIN"));
        // It is still known that Athena once had the other one.
        assert_eq!((all.by_id.len(), all.unprocessed), (3, 0));
    }
}
