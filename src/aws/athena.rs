//! Query statistics: `BatchGetQueryExecution`, 50 ids at a time, in the account and Region
//! that ran them (docs/cloudtrail-facts.md#bytes-scanned). Answers leave as text in the shape
//! of the AWS CLI, which `exports` reads.

use super::described::{Described, Request, Service, list};
use super::error::{AwsError, AwsErrorKind};
use super::session::{Access, Aws};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) const ATHENA: Service = Service {
    name: "athena",
    id: "Athena",
    target_prefix: "AmazonAthena",
    is_global: false,
};
/// Ids of one request.
pub const BATCH_MAX: usize = 50;

/// Athena's answer about a batch of query executions.
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
        let get = ATHENA.operation("BatchGetQueryExecution", &self.config(access))?;
        let patience = self.patience();
        self.block_on(async {
            let mut told = Vec::new();
            let mut answer = ExecutionAnswer::default();
            let mut asked: Vec<Vec<String>> = vec![ids.to_vec()];
            let mut tries = 1;
            while let Some(batch) = asked.pop() {
                match ask(&get, place, batch).await? {
                    BatchOutcome::Answer(executions, unprocessed) => {
                        told.extend(executions);
                        let (unknown, again): (Vec<_>, Vec<_>) = unprocessed
                            .into_iter()
                            .partition(|(_, is_unknown)| *is_unknown);
                        let again: Vec<String> = again.into_iter().map(|(id, _)| id).collect();
                        answer
                            .unavailable
                            .extend(unknown.into_iter().map(|(id, _)| id));
                        if again.is_empty() {
                            continue;
                        }
                        // What Athena did not get to is asked for as what was not reached.
                        match patience.wait_for(AwsErrorKind::Unreachable, tries, 0) {
                            Some(wait) => {
                                tokio::time::sleep(wait).await;
                                tries += 1;
                                asked.push(again);
                            }
                            None => answer.unprocessed.extend(again),
                        }
                    }
                    // One bad id spoils a whole batch: halves find it.
                    BatchOutcome::Refused(mut batch) if batch.len() > 1 => {
                        let half = batch.split_off(batch.len() / 2);
                        asked.extend([half, batch]);
                    }
                    BatchOutcome::Refused(batch) => answer.unavailable.extend(batch),
                }
            }
            let executions: Vec<Value> = told.iter().map(execution).collect();
            answer.text = json!({ "QueryExecutions": executions }).to_string();
            Ok(answer)
        })
    }
}

enum BatchOutcome {
    /// Executions, and ids that were not processed: whether they are unknown.
    Answer(Vec<Value>, Vec<(String, bool)>),
    /// An id among these makes no sense to Athena.
    Refused(Vec<String>),
}

async fn ask(get: &Described, place: &str, ids: Vec<String>) -> Result<BatchOutcome, AwsError> {
    let asked = json!({ "QueryExecutionIds": ids });
    let mut answer = match get.invoke(Request::Json(asked)).await {
        Ok(answer) => answer,
        Err(error) if error.code() == Some("InvalidRequestException") => {
            return Ok(BatchOutcome::Refused(ids));
        }
        Err(error) => return Err(AwsError::of(&error, "athena:BatchGetQueryExecution", place)),
    };
    let executions = list(&mut answer, "QueryExecutions");
    let unprocessed = list(&mut answer, "UnprocessedQueryExecutionIds").into_iter();
    let unprocessed = unprocessed.filter_map(|one| {
        let said = one["ErrorMessage"].as_str().unwrap_or_default();
        let is_unknown = said.contains("not found") || one["ErrorCode"] == "INVALID_INPUT";
        let id = one["QueryExecutionId"].as_str()?.to_owned();
        Some((id, is_unknown))
    });
    Ok(BatchOutcome::Answer(executions, unprocessed.collect()))
}

/// Returns the part of the SQL that is kept: its leading comment, in which Quick names its own
/// query.
fn comment(sql: &str) -> Option<&str> {
    let sql = sql.trim_start();
    let end = sql.strip_prefix("/*")?.find("*/")? + 4;
    sql.get(..end)
}

/// Returns the part of an execution that is stored: the statistics, as JSON.
fn execution(from: &Value) -> Value {
    let mut kept = members(from, &["QueryExecutionId", "StatementType", "WorkGroup"]);
    kept["Query"] = from["Query"].as_str().and_then(comment).into();
    kept["Status"] = members(
        &from["Status"],
        &["State", "SubmissionDateTime", "CompletionDateTime"],
    );
    kept["Statistics"] = members(
        &from["Statistics"],
        &["DataScannedInBytes", "DpuCount", "ResultReuseInformation"],
    );
    kept
}

/// These members of an object, where it has them.
fn members(object: &Value, names: &[&str]) -> Value {
    let member = |name: &&str| Some(((*name).to_owned(), object.get(name)?.clone()));
    names.iter().filter_map(member).collect()
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
