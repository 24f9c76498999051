//! Query statistics: `BatchGetQueryExecution`, 50 ids at a time, in the account and
//! Region that ran them (facts.md 4.2). Answers leave as text in the shape of the AWS
//! CLI, which `exports` reads.

use super::session::{Access, Aws};
use super::trouble::AwsError;
use aws_sdk_athena::Client;
use aws_sdk_athena::operation::batch_get_query_execution::BatchGetQueryExecutionError;
use aws_sdk_athena::types::QueryExecution;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Ids of one request.
pub const BATCH_MAX: usize = 50;
/// How often ids are asked for that Athena did not get to.
const TRIES_MAX: u32 = 4;

/// What Athena says of some ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionAnswer {
    /// `{"QueryExecutions": [...]}`, without the SQL but for its leading comment.
    pub text: String,
    /// Ids that Athena does not know, or no longer (after 45 days).
    pub unavailable: BTreeSet<String>,
    /// Ids that it did not get to, also when asked again.
    pub unprocessed: BTreeSet<String>,
}

impl Aws {
    /// Asks for the statistics of at most [`BATCH_MAX`] ids of one account and Region.
    ///
    /// # Errors
    ///
    /// When the request is refused, or fails to the end.
    pub fn executions(
        &self,
        access: &Access,
        place: &str,
        ids: &[String],
    ) -> Result<ExecutionAnswer, AwsError> {
        let client = Client::new(&self.config(access));
        let backoff = self.patience().first;
        self.block_on(async {
            let mut told = Vec::new();
            let mut answer = ExecutionAnswer::default();
            let mut asked: Vec<Vec<String>> = vec![ids.to_vec()];
            let mut tries = 0;
            while let Some(batch) = asked.pop() {
                match ask(&client, place, batch).await? {
                    Asked::Answer(executions, unprocessed) => {
                        told.extend(executions);
                        let mut again = Vec::new();
                        for (id, is_unknown) in unprocessed {
                            if is_unknown {
                                answer.unavailable.insert(id);
                            } else if tries < TRIES_MAX {
                                again.push(id);
                            } else {
                                answer.unprocessed.insert(id);
                            }
                        }
                        if !again.is_empty() {
                            tokio::time::sleep(backoff * 2_u32.pow(tries)).await;
                            tries += 1;
                            asked.push(again);
                        }
                    }
                    // One bad id spoils a whole batch: halves find it.
                    Asked::Refused(mut batch) if batch.len() > 1 => {
                        let half = batch.split_off(batch.len() / 2);
                        asked.extend([half, batch]);
                    }
                    Asked::Refused(batch) => answer.unavailable.extend(batch),
                }
            }
            let executions: Vec<Value> = told.iter().map(execution).collect();
            answer.text = json!({ "QueryExecutions": executions }).to_string();
            Ok(answer)
        })
    }
}

enum Asked {
    /// Executions, and ids that were not processed: whether they are unknown.
    Answer(Vec<QueryExecution>, Vec<(String, bool)>),
    /// An id among these makes no sense to Athena.
    Refused(Vec<String>),
}

async fn ask(client: &Client, place: &str, ids: Vec<String>) -> Result<Asked, AwsError> {
    let asked = client
        .batch_get_query_execution()
        .set_query_execution_ids(Some(ids.clone()));
    let answer = match asked.send().await {
        Ok(answer) => answer,
        Err(error)
            if error
                .as_service_error()
                .is_some_and(BatchGetQueryExecutionError::is_invalid_request_exception) =>
        {
            return Ok(Asked::Refused(ids));
        }
        Err(error) => return Err(AwsError::of(&error, "athena:BatchGetQueryExecution", place)),
    };
    let unprocessed = answer.unprocessed_query_execution_ids.unwrap_or_default();
    let unprocessed = unprocessed.into_iter().filter_map(|one| {
        let said = one.error_message.unwrap_or_default();
        let code = one.error_code.unwrap_or_default();
        let is_unknown = said.contains("not found") || code == "INVALID_INPUT";
        Some((one.query_execution_id?, is_unknown))
    });
    Ok(Asked::Answer(
        answer.query_executions.unwrap_or_default(),
        unprocessed.collect(),
    ))
}

/// What is kept of the SQL: its leading comment, in which Quick names its own query.
fn comment(sql: &str) -> Option<&str> {
    let sql = sql.trim_start();
    let end = sql.strip_prefix("/*")?.find("*/")? + 4;
    sql.get(..end)
}

fn moment(moment: Option<&DateTime>) -> Option<String> {
    moment.and_then(|moment| moment.fmt(Format::DateTime).ok())
}

fn execution(from: &QueryExecution) -> Value {
    let status = from.status.as_ref();
    let statistics = from.statistics.as_ref().map(|figures| {
        let reuse = figures.result_reuse_information.as_ref();
        json!({
            "DataScannedInBytes": figures.data_scanned_in_bytes,
            "DpuCount": figures.dpu_count,
            "ResultReuseInformation":
                reuse.map(|reuse| json!({"ReusedPreviousResult": reuse.reused_previous_result})),
        })
    });
    json!({
        "QueryExecutionId": from.query_execution_id,
        "Query": from.query.as_deref().and_then(comment),
        "StatementType": from.statement_type.as_ref().map(aws_sdk_athena::types::StatementType::as_str),
        "WorkGroup": from.work_group,
        "Status": status.map(|status| json!({
            "State": status.state.as_ref().map(aws_sdk_athena::types::QueryExecutionState::as_str),
            "SubmissionDateTime": moment(status.submission_date_time.as_ref()),
            "CompletionDateTime": moment(status.completion_date_time.as_ref()),
        })),
        "Statistics": statistics,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_leading_comment_of_sql_is_kept() {
        assert_eq!(comment(" /* Quick */ SELECT 1"), Some("/* Quick */"));
        assert_eq!(comment("SELECT '/* no */'"), None);
        assert_eq!(comment("/* open"), None);
        assert_eq!(comment(""), None);
    }
}
