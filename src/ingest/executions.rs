//! `BatchGetQueryExecution` and `GetQueryExecution` output
//! (docs/cloudtrail-facts.md#bytes-scanned).
//!
//! A file holds one answer, several one after the other, JSON lines, or an array;
//! answers wrap executions or are executions themselves. Times come as RFC 3339 or
//! as seconds since 1970. The SQL is read for Quick's comment and
//! the tables that it names, and dropped.

#[cfg(test)]
use super::documents::BROKEN_DOCUMENTS_MAX;
use super::documents::{DocumentFault, DocumentReader, read_documents};
use super::sql_tables::tables_of;
use crate::model::coverage::{Reject, RejectReason};
use crate::model::execution::{QueryState, QueryStatistics, StatementType, Statistics};
use crate::model::ids::{QueryExecutionId, QuickQueryId};
use crate::model::json::{for_each_of, is_list};
use crate::model::money::parse_decimal;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// More bytes than any query scans (100 PB); sums of it stay far from overflow.
const BYTES_SCANNED_MAX: u64 = 100_000_000_000_000_000;

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct RawExecutionAnswer<'a> {
    #[serde(borrow, rename = "QueryExecutions")]
    executions: Option<&'a RawValue>,
    #[serde(borrow, rename = "QueryExecution")]
    execution: Option<&'a RawValue>,
    #[serde(borrow, rename = "QueryExecutionId")]
    own_id: Option<&'a RawValue>,
    #[serde(rename = "UnprocessedQueryExecutionIds")]
    unprocessed: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawExecution<'a> {
    #[serde(borrow)]
    query_execution_id: Option<&'a RawValue>,
    #[serde(borrow)]
    query: Option<&'a RawValue>,
    #[serde(borrow)]
    statement_type: Option<&'a RawValue>,
    #[serde(borrow)]
    substatement_type: Option<&'a RawValue>,
    #[serde(borrow)]
    work_group: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<RawStatus<'a>>,
    #[serde(borrow)]
    statistics: Option<RawStatistics<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawStatus<'a> {
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    submission_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_date_time: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawStatistics<'a> {
    #[serde(borrow)]
    data_scanned_in_bytes: Option<&'a RawValue>,
    #[serde(borrow)]
    dpu_count: Option<&'a RawValue>,
    #[serde(borrow)]
    result_reuse_information: Option<RawReuse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[serde(expecting = "a JSON object")]
struct RawReuse<'a> {
    #[serde(borrow)]
    reused_previous_result: Option<&'a RawValue>,
}

/// The reason why one execution is refused.
struct Refusal(RejectReason, String);

fn bad(member: &str, what: &str) -> Refusal {
    Refusal(RejectReason::BadMember, format!("{member} {what}"))
}

/// Reads one file into the statistics. What cannot be read becomes a reject, and
/// reading goes on behind it. `quick_query_id` finds Quick's own id in SQL.
pub fn read_executions(
    name: &str,
    text: &[u8],
    quick_query_id: fn(&str) -> Option<&str>,
    into: &mut Statistics,
) {
    into.files += 1;
    let mut reader = ExecutionsReader {
        name: name.into(),
        record: 0,
        quick_query_id,
        into,
    };
    read_documents(text, &mut reader);
}

struct ExecutionsReader<'a> {
    name: Text,
    record: u32,
    quick_query_id: fn(&str) -> Option<&str>,
    into: &'a mut Statistics,
}

impl DocumentReader for ExecutionsReader<'_> {
    fn document(&mut self, document: &RawValue) {
        if is_list(document) {
            for_each_of(Some(document), &mut |item| self.answer(item.get()));
        } else {
            self.answer(document.get());
        }
    }

    fn fault(&mut self, fault: DocumentFault) {
        self.reject(fault.offset, fault.reason, fault.detail);
    }
}

impl ExecutionsReader<'_> {
    fn reject(&mut self, offset: Option<u64>, reason: RejectReason, detail: String) {
        self.into.rejects.add(Reject {
            object: self.name.clone(),
            record: offset.is_none().then_some(self.record),
            offset,
            reason,
            detail,
        });
    }

    fn answer(&mut self, text: &str) {
        let Ok(answer) = serde_json::from_str::<RawExecutionAnswer<'_>>(text) else {
            return self.not_an_answer();
        };
        let is_no_list = answer
            .executions
            .is_some_and(|executions| !is_list(executions));
        if is_no_list {
            return self.not_an_answer();
        }
        if answer.executions.is_none() && answer.execution.is_none() && answer.own_id.is_none() {
            return self.not_an_answer();
        }
        self.into.unprocessed += answer.unprocessed.map_or(0, |ids| ids.len() as u64);
        for_each_of(answer.executions, &mut |execution| {
            self.execution(execution.get());
        });
        if let Some(execution) = answer.execution {
            self.execution(execution.get());
        }
        if answer.own_id.is_some() {
            self.execution(text);
        }
    }

    fn not_an_answer(&mut self) {
        let expected = "expected QueryExecutions, QueryExecution or QueryExecutionId: output of \
                        aws athena batch-get-query-execution or get-query-execution";
        self.reject(None, RejectReason::NotARecord, expected.to_owned());
        self.record += 1;
    }

    fn execution(&mut self, text: &str) {
        let read = serde_json::from_str::<RawExecution<'_>>(text)
            .map_err(|error| Refusal(RejectReason::WrongType, error.to_string()))
            .and_then(|raw| statistics(&raw, self.quick_query_id));
        match read {
            Ok(ReadExecution {
                id,
                statistics,
                unread_members,
            }) => {
                self.into.unread_members += unread_members;
                self.into.add(id, statistics);
            }
            Err(Refusal(reason, detail)) => self.reject(None, reason, detail),
        }
        self.record += 1;
    }
}

/// An execution, and how many of its members are unknown because they could not be read.
struct ReadExecution {
    id: QueryExecutionId,
    statistics: QueryStatistics,
    unread_members: u64,
}

fn statistics(
    raw: &RawExecution<'_>,
    quick_query_id: fn(&str) -> Option<&str>,
) -> Result<ReadExecution, Refusal> {
    let id = text_of(raw.query_execution_id, "QueryExecutionId")?
        .filter(|id| !id.is_empty())
        .ok_or_else(|| bad("QueryExecutionId", "is missing"))?;
    let status = raw.status.as_ref();
    let state = text_of(status.and_then(|status| status.state), "Status.State")?
        .ok_or_else(|| bad("Status.State", "is missing"))?;
    let state = QueryState::parse(&state).ok_or_else(|| {
        bad(
            "Status.State",
            "is none of QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED",
        )
    })?;
    let mut unread_members = 0;
    // What no amount depends on costs nothing but itself.
    let mut or_unknown = |text: Result<Option<String>, Refusal>| {
        unread_members += u64::from(text.is_err());
        text.ok().flatten()
    };
    let statement_type = text_of(raw.statement_type, "StatementType")?;
    let substatement_type = or_unknown(text_of(raw.substatement_type, "SubstatementType"));
    let work_group = or_unknown(text_of(raw.work_group, "WorkGroup"));
    let figures = raw.statistics.as_ref();
    let scanned = figures.and_then(|figures| figures.data_scanned_in_bytes);
    let reuse = figures.and_then(|figures| figures.result_reuse_information.as_ref());
    let reused = reuse.and_then(|reuse| reuse.reused_previous_result);
    let sql = text_of(raw.query, "Query").ok().flatten();
    let completed = status.and_then(|status| status.completion_date_time);
    let submitted = status.and_then(|status| status.submission_date_time);
    let [completed_at, submitted_at] = [completed, submitted].map(moment_of);
    for is_unread in [
        completed_at.is_none() && told(completed).is_some(),
        submitted_at.is_none() && told(submitted).is_some(),
    ] {
        unread_members += u64::from(is_unread);
    }
    let statistics = QueryStatistics {
        state,
        completed_at,
        submitted_at,
        statement_type: statement_type.and_then(|kind| StatementType::parse(&kind)),
        substatement_type: substatement_type.map(Text::from),
        bytes_scanned: bytes_of(scanned)?,
        result_reused: flag_of(reused)?,
        dpu_count: dpu_of(figures.and_then(|figures| figures.dpu_count))?,
        work_group: work_group.map(Text::from),
        quick_query_id: sql
            .as_deref()
            .and_then(quick_query_id)
            .map(QuickQueryId::new),
        tables: sql.as_deref().and_then(tables_of),
    };
    Ok(ReadExecution {
        id: QueryExecutionId::new(&id),
        statistics,
        unread_members,
    })
}

/// The raw value, unless it is `null`.
fn told(raw: Option<&RawValue>) -> Option<&str> {
    raw.map(RawValue::get).filter(|text| *text != "null")
}

fn text_of(raw: Option<&RawValue>, member: &str) -> Result<Option<String>, Refusal> {
    let Some(text) = told(raw) else {
        return Ok(None);
    };
    let text = serde_json::from_str(text).map_err(|_| bad(member, "is not a string"))?;
    Ok(Some(text))
}

fn number_of(text: &str) -> Option<Decimal> {
    parse_decimal(text.trim_matches('"'))
}

fn bytes_of(raw: Option<&RawValue>) -> Result<Option<u64>, Refusal> {
    let Some(text) = told(raw) else {
        return Ok(None);
    };
    let bytes = number_of(text).filter(Decimal::is_integer);
    let bytes = bytes.and_then(|bytes| bytes.to_u64());
    match bytes {
        Some(bytes) if bytes <= BYTES_SCANNED_MAX => Ok(Some(bytes)),
        _ => Err(bad(
            "Statistics.DataScannedInBytes",
            "is not a number of bytes that a query can scan",
        )),
    }
}

fn dpu_of(raw: Option<&RawValue>) -> Result<Option<Decimal>, Refusal> {
    let Some(text) = told(raw) else {
        return Ok(None);
    };
    let count = number_of(text).filter(|count| *count >= Decimal::ZERO);
    let count = count.ok_or_else(|| bad("Statistics.DpuCount", "is not a number"))?;
    Ok(Some(count).filter(|count| !count.is_zero()))
}

fn flag_of(raw: Option<&RawValue>) -> Result<Option<bool>, Refusal> {
    match told(raw) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(bad("ReusedPreviousResult", "is neither true nor false")),
    }
}

/// RFC 3339 text, or seconds since 1970 with or without a fraction; `None` for anything else, and
/// for a time without a zone.
fn moment_of(raw: Option<&RawValue>) -> Option<UtcSecond> {
    let text = told(raw)?;
    if let Ok(spelled) = serde_json::from_str::<String>(text) {
        return UtcSecond::parse(&spelled);
    }
    let seconds = parse_decimal(text)?.floor().to_i64()?;
    (seconds < SECONDS_MAX).then(|| UtcSecond::from_unix(seconds))
}

/// Seconds of the year 5138. A greater number counts milliseconds, or nothing that is known.
const SECONDS_MAX: i64 = 100_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"QueryExecutionId":"q-1","Query":"/* QuickSight x */ SELECT 1","StatementType":"DML","WorkGroup":"wg",
        "Status":{"State":"SUCCEEDED","SubmissionDateTime":"2026-07-01T10:00:11.204000+00:00","CompletionDateTime":1782900019.9},
        "Statistics":{"DataScannedInBytes":123456789,"NewThing":{"a":[1]},"ResultReuseInformation":{"ReusedPreviousResult":false}}}"#;

    fn read(text: &str) -> Statistics {
        let mut all = Statistics::default();
        let none: fn(&str) -> Option<&str> = |_| None;
        read_executions("executions.json", text.as_bytes(), none, &mut all);
        all
    }

    #[test]
    fn every_wrapping_is_read() {
        let other = ONE.replace("q-1", "q-2");
        for text in [
            format!(
                r#"{{"QueryExecutions":[{ONE},{other}],"UnprocessedQueryExecutionIds":[{{}}]}}"#
            ),
            format!("{{\"QueryExecution\":{ONE}}}\n{{\"QueryExecution\":{other}}}"),
            format!("{}\n{}\n", ONE.replace('\n', ""), other.replace('\n', "")),
            format!("[{ONE},{{\"QueryExecution\":{other}}}]"),
        ] {
            let all = read(&text);
            assert_eq!(all.rejects.total(), 0, "{text}");
            assert_eq!(all.by_id.len(), 2, "{text}");
            let one = &all.by_id[&QueryExecutionId::new("q-1")];
            assert_eq!(one.bytes_scanned, Some(123_456_789));
            assert_eq!(one.submitted_at, UtcSecond::parse("2026-07-01T10:00:11Z"));
            assert_eq!(one.completed_at, UtcSecond::parse("2026-07-01T10:00:19Z"));
            assert_eq!(one.result_reused, Some(false));
        }
    }

    #[test]
    fn a_bad_execution_is_rejected_and_costs_no_other() {
        for (from, to, reason) in [
            ("123456789", "\"many\"", RejectReason::BadMember),
            ("123456789", "-1", RejectReason::BadMember),
            ("123456789", "1e30", RejectReason::BadMember),
            ("SUCCEEDED", "DONE", RejectReason::BadMember),
            ("\"q-1\"", "7", RejectReason::BadMember),
            (
                "{\"State\":\"SUCCEEDED\",",
                "7,\"x\":{",
                RejectReason::WrongType,
            ),
        ] {
            let text = format!(
                r#"{{"QueryExecutions":[{},{}]}}"#,
                ONE.replace(from, to),
                ONE.replace("q-1", "q-2")
            );
            let all = read(&text);
            assert_eq!(all.by_id.len(), 1, "{to}");
            let (found, count, _) = all.rejects.iter().next().unwrap();
            assert_eq!((found, count), (reason, 1), "{to}");
        }
    }

    #[test]
    fn an_odd_time_or_name_costs_itself_and_not_the_bytes() {
        for (from, to, unread_members) in [
            ("1782900019.9", "\"soon\"", 1),
            ("1782900019.9", "1782900019900", 1),
            ("1782900019.9", "[]", 1),
            ("1782900019.9", "null", 0),
            ("2026-07-01T10:00:11.204000+00:00", "2026-07-01 10:00:11", 1),
            ("\"wg\"", "7", 1),
            (
                "\"StatementType\"",
                "\"SubstatementType\":1,\"StatementType\"",
                1,
            ),
        ] {
            let all = read(&ONE.replace(from, to));
            assert_eq!(all.rejects.total(), 0, "{to}");
            assert_eq!(all.unread_members, unread_members, "{to}");
            let one = &all.by_id[&QueryExecutionId::new("q-1")];
            assert_eq!(one.bytes_scanned, Some(123_456_789), "{to}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_brackets_takes_no_time_by_the_square() {
        let all = read(&"[\n".repeat(200_000));
        assert!(all.by_id.is_empty());
        assert!(all.rejects.total() <= BROKEN_DOCUMENTS_MAX as u64 + 1);
    }

    #[test]
    fn reading_goes_on_behind_a_broken_line() {
        let line = ONE.replace('\n', "");
        let broken = &line[..line.len() - 20];
        let text = format!("{line}\n{broken}\n{}\n", line.replace("q-1", "q-2"));
        let all = read(&text);
        assert_eq!((all.by_id.len(), all.rejects.total()), (2, 1));
        let all = read("");
        assert_eq!((all.by_id.len(), all.rejects.total()), (0, 1));
        let all = read(r#"{"ResultsByTime":[]}"#);
        assert_eq!((all.by_id.len(), all.rejects.total()), (0, 1));
    }
}
