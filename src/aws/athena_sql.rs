//! SQL run by Athena: a statement is started, asked after until it has ended, and its rows come by pages.

use super::athena::ATHENA;
use super::described::{Described, Request, list};
use super::error::{AwsError, AwsErrorKind};
use super::session::{Access, Aws};
use crate::ports::{EngineError, EngineErrorKind, SqlEngine, StatementWatcher};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Statements that run at the same time: an account may run twenty or more in most Regions, and is not
/// this program's alone.
const STATEMENTS_AT_ONCE: usize = 4;
/// Rows of a page.
const PAGE_ROWS: u32 = 1_000;
/// The longest wait between two questions after a statement.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The longest time for cancelling all statements.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);
/// The data catalog of databases that are in AWS Glue.
const CATALOG: &str = "AwsDataCatalog";

/// A work group of Athena that runs statements.
pub struct AthenaSql {
    aws: Aws,
    start: Described,
    state: Described,
    results: Described,
    stop: Described,
    work_group: String,
    name: String,
    /// Statements that run: to be cancelled.
    running: Mutex<BTreeSet<String>>,
    /// True if nothing is asked any more: the program ends.
    is_cancelled: AtomicBool,
}

/// A table, as its catalog describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AthenaTable {
    /// Columns and their types, in lower case.
    pub columns: BTreeMap<String, String>,
    /// Columns that it is partitioned by.
    pub partitions: Vec<String>,
    /// Its location.
    pub location: String,
}

/// A work group's settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkGroup {
    /// The bytes after which it ends a statement.
    pub cutoff_bytes: Option<u64>,
    /// True if it is enabled.
    pub is_enabled: bool,
    /// True if results have a place: one in S3, or Athena's own.
    pub has_results: bool,
}

impl AthenaSql {
    /// Prepares to ask a work group; `name` is that of the table in messages. No request is made yet.
    ///
    /// # Errors
    ///
    /// When Athena cannot be asked in the Region.
    pub fn new(
        aws: Aws,
        access: &Access,
        work_group: &str,
        name: String,
    ) -> Result<Self, AwsError> {
        let config = aws.config(access);
        Ok(Self {
            start: ATHENA.operation("StartQueryExecution", &config)?,
            state: ATHENA.operation("GetQueryExecution", &config)?,
            results: ATHENA.operation("GetQueryResults", &config)?,
            stop: ATHENA.operation("StopQueryExecution", &config)?,
            work_group: work_group.to_owned(),
            name,
            running: Mutex::default(),
            is_cancelled: AtomicBool::new(false),
            aws,
        })
    }

    /// Asks how a table is described.
    ///
    /// # Errors
    ///
    /// When it is not there, or the caller may not look at it.
    pub fn table(
        &self,
        access: &Access,
        database: &str,
        table: &str,
    ) -> Result<AthenaTable, AwsError> {
        let get = ATHENA.operation("GetTableMetadata", &self.aws.config(access))?;
        let asked = json!({"CatalogName": CATALOG, "DatabaseName": database, "TableName": table});
        let answer = self.aws.block_on(get.invoke(Request::Json(asked)));
        let answer =
            answer.map_err(|error| AwsError::of(&error, "athena:GetTableMetadata", &self.name))?;
        let told = &answer["TableMetadata"];
        let named = |column: &Value| {
            let part = |name: &str| Some(column[name].as_str()?.to_ascii_lowercase());
            Some((part("Name")?, part("Type").unwrap_or_default()))
        };
        let of = |name: &str| {
            let columns = told[name].as_array().into_iter().flatten();
            columns.filter_map(named).collect::<Vec<_>>()
        };
        let location = told["Parameters"]["location"].as_str();
        Ok(AthenaTable {
            columns: of("Columns").into_iter().collect(),
            partitions: of("PartitionKeys")
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            location: location.unwrap_or_default().to_owned(),
        })
    }

    /// Asks for the settings of the work group.
    ///
    /// # Errors
    ///
    /// When it is not there, or the caller may not look at it.
    pub fn work_group(&self, access: &Access) -> Result<WorkGroup, AwsError> {
        let get = ATHENA.operation("GetWorkGroup", &self.aws.config(access))?;
        let asked = json!({ "WorkGroup": self.work_group });
        let answer = self.aws.block_on(get.invoke(Request::Json(asked)));
        let answer =
            answer.map_err(|error| AwsError::of(&error, "athena:GetWorkGroup", &self.name))?;
        let told = &answer["WorkGroup"];
        let settings = &told["Configuration"];
        let location = settings["ResultConfiguration"]["OutputLocation"].as_str();
        let is_managed = settings["ManagedQueryResultsConfiguration"]["Enabled"] == true;
        Ok(WorkGroup {
            cutoff_bytes: settings["BytesScannedCutoffPerQuery"].as_u64(),
            is_enabled: told["State"] != "DISABLED",
            has_results: is_managed || location.is_some_and(|place| !place.is_empty()),
        })
    }

    fn error(&self, kind: EngineErrorKind, message: &str) -> EngineError {
        EngineError {
            message: format!("{}: {message}", self.name),
            kind,
        }
    }

    async fn ask(
        &self,
        operation: &Described,
        action: &str,
        asked: Value,
    ) -> Result<Value, EngineError> {
        let answer = operation.invoke(Request::Json(asked)).await;
        answer.map_err(|error| {
            let error = AwsError::of(&error, action, &self.name);
            let kind = match error.kind {
                AwsErrorKind::Throttled | AwsErrorKind::Unreachable => EngineErrorKind::Passing,
                _ => EngineErrorKind::Refused,
            };
            EngineError {
                message: error.message,
                kind,
            }
        })
    }

    async fn statement(
        &self,
        statement: &str,
        watcher: &dyn StatementWatcher,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        if self.is_cancelled.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // An old token would give an old answer.
        let token = format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
        let asked = json!({
            "QueryString": statement,
            "WorkGroup": self.work_group,
            "ClientRequestToken": token,
            "QueryExecutionContext": {"Catalog": CATALOG},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": false}},
        });
        let started = self
            .ask(&self.start, "athena:StartQueryExecution", asked)
            .await?;
        let Some(id) = started["QueryExecutionId"].as_str() else {
            return Err(self.error(EngineErrorKind::Passing, "the answer names no query"));
        };
        self.change_running(|running| running.insert(id.to_owned()));
        let ended = self.wait_for(id, watcher).await;
        self.change_running(|running| running.remove(id));
        ended?;
        self.rows(id, each).await
    }

    fn change_running(&self, change: impl FnOnce(&mut BTreeSet<String>) -> bool) {
        change(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until a statement has ended.
    async fn wait_for(&self, id: &str, watcher: &dyn StatementWatcher) -> Result<(), EngineError> {
        let mut wait = self.aws.patience().first;
        loop {
            let asked = json!({ "QueryExecutionId": id });
            let answer = self
                .ask(&self.state, "athena:GetQueryExecution", asked)
                .await?;
            let execution = &answer["QueryExecution"];
            let state = execution["Status"]["State"].as_str().unwrap_or_default();
            let scanned = execution["Statistics"]["DataScannedInBytes"].as_u64();
            watcher.state(state, scanned.unwrap_or_default());
            if matches!(state, "QUEUED" | "RUNNING") {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WAIT_MAX);
                continue;
            }
            return match state {
                "SUCCEEDED" => Ok(()),
                _ => Err(self.failed(id, &execution["Status"])),
            };
        }
    }

    /// Why a statement did not succeed.
    fn failed(&self, id: &str, status: &Value) -> EngineError {
        let error = &status["AthenaError"];
        let reason = status["StateChangeReason"].as_str();
        let reason = reason.or_else(|| error["ErrorMessage"].as_str());
        let reason = reason.unwrap_or("no reason was given");
        let state = status["State"].as_str().unwrap_or_default();
        let is_of_data = [
            "HIVE_",
            "GENERIC_INTERNAL_ERROR",
            "exhausted resources",
            "EXCEEDED_",
        ];
        let kind = if state == "CANCELLED" {
            EngineErrorKind::Refused
        } else if is_of_data.iter().any(|text| reason.contains(text)) {
            EngineErrorKind::Data
        } else if error["Retryable"] == true || error["ErrorCategory"] == 1 {
            EngineErrorKind::Passing
        } else {
            EngineErrorKind::Refused
        };
        self.error(
            kind,
            &format!("query {id} {}: {reason}", state.to_lowercase()),
        )
    }

    /// Hands out the rows of a statement that has succeeded.
    async fn rows(
        &self,
        id: &str,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        let mut next: Option<String> = None;
        let mut is_first = true;
        loop {
            let mut asked = json!({ "QueryExecutionId": id, "MaxResults": PAGE_ROWS });
            if let Some(next) = &next {
                asked["NextToken"] = json!(next);
            }
            let mut answer = self
                .ask(&self.results, "athena:GetQueryResults", asked)
                .await?;
            let rows = list(&mut answer["ResultSet"], "Rows");
            // The first row of all has the names of the columns.
            for row in rows.into_iter().skip(usize::from(is_first)) {
                let values = row["Data"].as_array().into_iter().flatten();
                let values = values.map(|value| value["VarCharValue"].as_str().map(str::to_owned));
                each(values.collect());
            }
            is_first = false;
            match answer["NextToken"].as_str() {
                Some(token) => next = Some(token.to_owned()),
                None => return Ok(()),
            }
        }
    }
}

impl SqlEngine for AthenaSql {
    fn run(
        &self,
        statement: &str,
        watcher: &dyn StatementWatcher,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        self.aws.block_on(self.statement(statement, watcher, each))
    }

    fn cancel(&self) {
        let running =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        self.is_cancelled.store(true, Ordering::SeqCst);
        let all = async {
            for id in running {
                let asked = json!({ "QueryExecutionId": id });
                let _ = self
                    .ask(&self.stop, "athena:StopQueryExecution", asked)
                    .await;
            }
        };
        self.aws.block_on(async {
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, all).await;
        });
    }

    fn statements_at_once(&self) -> usize {
        STATEMENTS_AT_ONCE
    }

    fn name(&self) -> &str {
        &self.name
    }
}
