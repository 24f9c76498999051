//! Trino's protocol: a statement is posted, and its rows come by pages, each of which names the next.

use crate::ports::{EngineError, EngineErrorKind, SqlEngine, StatementWatcher};
use crate::web::{WebAnswer, WebClient, WebSettings};
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// A page is answered within a second, with or without rows; a coordinator may be busy.
const READ_TIMEOUT: Duration = Duration::from_mins(2);
/// The number of times that a request is made: for a minute or so.
const TRIES_MAX: u32 = 8;
/// The same where the server has not answered anything yet: its name may be wrong.
const FIRST_TRIES_MAX: u32 = 3;
/// Letters of a URL that are shown.
const URL_CHARS_SHOWN: usize = 100;
/// Bytes of an answer that are taken; a page of Trino has some 16 MB.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// The longest time for cancelling all statements.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);
/// Statements that run at the same time. Each is spread over all workers.
const STATEMENTS_AT_ONCE: usize = 4;
/// The marks of this program's own queries.
const SOURCE: &str = "qs-audit";

/// How a Trino is reached.
#[derive(Debug, Clone)]
pub struct TrinoServer {
    /// The name of the table in messages.
    pub name: String,
    /// Host and port.
    pub authority: String,
    /// True if it is spoken to in the clear: only on this machine.
    pub is_plain: bool,
    /// The user.
    pub user: String,
    /// The user's password; none without authentication.
    pub password: Option<String>,
    /// Certificates in PEM, instead of those that the system trusts.
    pub ca_bundle: Option<Vec<u8>>,
    /// Retries wait this long first.
    pub backoff: Duration,
}

/// A Trino.
pub struct Trino {
    server: TrinoServer,
    /// Scheme, host and port: requests go nowhere else.
    origin: String,
    web: WebClient,
    runtime: Runtime,
    /// Where the next pages of statements that run are: to be cancelled there.
    running: Arc<Mutex<BTreeSet<String>>>,
    /// True if nothing is asked any more: the program ends.
    is_cancelled: AtomicBool,
    /// True if the server has answered.
    has_answered: AtomicBool,
}

/// A page of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_uri: Option<String>,
    error: Option<PageError>,
    #[serde(default)]
    stats: PageStats,
    #[serde(default)]
    data: Vec<Vec<Option<String>>>,
}

/// How far a statement is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageStats {
    state: String,
    processed_bytes: u64,
}

/// The error of a statement.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_name: String,
    #[serde(default)]
    error_type: String,
}

/// Errors of the cluster itself: the statement was not at fault.
const PASSING_ERRORS: [&str; 13] = [
    "ABANDONED_QUERY",
    "CLUSTER_OUT_OF_MEMORY",
    "EXCHANGE_MANAGER_NOT_CONFIGURED",
    "NO_NODES_AVAILABLE",
    "PAGE_TRANSPORT_ERROR",
    "PAGE_TRANSPORT_TIMEOUT",
    "QUERY_QUEUE_FULL",
    "REMOTE_HOST_GONE",
    "REMOTE_TASK_ERROR",
    "REMOTE_TASK_MISMATCH",
    "SERVER_SHUTTING_DOWN",
    "SERVER_STARTING_UP",
    "TOO_MANY_REQUESTS_FAILED",
];

impl PageError {
    fn kind(&self) -> EngineErrorKind {
        if PASSING_ERRORS.contains(&self.error_name.as_str()) {
            return EngineErrorKind::Passing;
        }
        match self.error_type.as_str() {
            "USER_ERROR" => EngineErrorKind::Refused,
            _ => EngineErrorKind::Data,
        }
    }
}

impl Trino {
    /// Prepares to speak to a server. No request is made yet.
    ///
    /// # Errors
    ///
    /// When threads cannot be started, or certificates cannot be read.
    pub fn new(server: TrinoServer) -> Result<Self, EngineError> {
        let refused = |message: String| EngineError {
            message,
            kind: EngineErrorKind::Refused,
        };
        let scheme = if server.is_plain { "http" } else { "https" };
        let web = WebClient::new(WebSettings {
            is_plain: server.is_plain,
            ca_bundle: server.ca_bundle.clone(),
            read_timeout: READ_TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        });
        let web = web.map_err(|error| refused(format!("trino: {error}")))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("trino")
            .build()
            .map_err(|error| refused(format!("cannot start threads for trino: {error}")))?;
        Ok(Self {
            origin: format!("{scheme}://{}", server.authority),
            web,
            running: Arc::default(),
            is_cancelled: AtomicBool::new(false),
            has_answered: AtomicBool::new(false),
            runtime,
            server,
        })
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: EngineErrorKind, message: &str) -> EngineError {
        EngineError {
            message: format!("{}: {message}", self.server.name),
            kind,
        }
    }

    async fn statement(
        &self,
        statement: &str,
        watcher: &dyn StatementWatcher,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        let first = format!("{}/v1/statement", self.origin);
        let mut page = self.page("POST", &first, statement).await?;
        loop {
            watcher.state(&page.stats.state, page.stats.processed_bytes);
            page.data.into_iter().for_each(&mut *each);
            if let Some(error) = page.error {
                let message = format!("{}: {}", error.error_name, error.message);
                return Err(self.error(error.kind(), &message));
            }
            let Some(next) = page.next_uri else {
                return Ok(());
            };
            // Credentials go nowhere else.
            if !is_below(&next, &self.origin) {
                let other: String = next.chars().take(URL_CHARS_SHOWN).collect();
                let message = format!(
                    "the answer leads to another server than was asked ({other}); behind a load balancer, set \
                     http-server.process-forwarded=true in Trino"
                );
                return Err(self.error(EngineErrorKind::Refused, &message));
            }
            self.running().insert(next.clone());
            let answer = self.page("GET", &next, "").await;
            self.running().remove(&next);
            page = answer?;
        }
    }

    /// Asks until there is an answer, or there is no use in asking.
    async fn page(&self, method: &str, url: &str, body: &str) -> Result<Page, EngineError> {
        let mut tries = 1;
        loop {
            if self.is_cancelled.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let (error, asked_to_wait) = match self.ask(method, url, body).await {
                Ok(WebAnswer { status, body, wait }) => match status {
                    200 => match serde_json::from_slice(&body) {
                        Ok(page) => return Ok(page),
                        // It was cut short: the same page can be asked for again.
                        Err(error) => (format!("the answer cannot be read: {error}"), None),
                    },
                    429 | 502..=504 => (format!("HTTP {status}"), wait),
                    // A coordinator that was started anew knows of no statement.
                    404 | 410 if method == "GET" => {
                        let message = format!("HTTP {status}: the statement is gone");
                        return Err(self.error(EngineErrorKind::Passing, &message));
                    }
                    _ => {
                        let message = format!("HTTP {status}: {}", shortened(&body));
                        return Err(self.error(EngineErrorKind::Refused, &message));
                    }
                },
                Err(message) => (message, None),
            };
            if error.contains("certificate") {
                let message = format!("{error}; `ca_bundle` names certificates to trust");
                return Err(self.error(EngineErrorKind::Refused, &message));
            }
            let tries_max = if self.has_answered.load(Ordering::Relaxed) {
                TRIES_MAX
            } else {
                FIRST_TRIES_MAX
            };
            if tries >= tries_max {
                return Err(self.error(EngineErrorKind::Passing, &error));
            }
            let own = self.server.backoff * 2_u32.pow(tries - 1);
            tokio::time::sleep(asked_to_wait.unwrap_or(own)).await;
            tries += 1;
        }
    }

    /// Makes one request.
    async fn ask(&self, method: &str, url: &str, body: &str) -> Result<WebAnswer, String> {
        let mut headers = vec![
            ("x-trino-user", self.server.user.clone()),
            ("x-trino-source", SOURCE.to_owned()),
            ("x-trino-client-tags", SOURCE.to_owned()),
        ];
        if let Some(password) = &self.server.password {
            let told = format!("{}:{password}", self.server.user);
            let told = base64::engine::general_purpose::STANDARD.encode(told);
            headers.push(("authorization", format!("Basic {told}")));
        }
        let answer = self.web.send(method, url, &headers, body.to_owned()).await;
        if answer.is_ok() {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl SqlEngine for Trino {
    fn run(
        &self,
        statement: &str,
        watcher: &dyn StatementWatcher,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        self.runtime
            .block_on(self.statement(statement, watcher, each))
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::SeqCst);
        let running = std::mem::take(&mut *self.running());
        self.runtime.block_on(async {
            let all = async {
                for next in running {
                    let _ = self.ask("DELETE", &next, "").await;
                }
            };
            let _ = tokio::time::timeout(CANCEL_TIMEOUT, all).await;
        });
    }

    fn statements_at_once(&self) -> usize {
        STATEMENTS_AT_ONCE
    }

    fn name(&self) -> &str {
        &self.server.name
    }
}

/// Returns true if a URL is of an origin: scheme, host and port.
fn is_below(url: &str, origin: &str) -> bool {
    // Servers leave out the usual port.
    let port = if origin.starts_with("http:") {
        ":80"
    } else {
        ":443"
    };
    let short = origin.strip_suffix(port);
    let mut origins = [Some(origin), short].into_iter().flatten();
    origins.any(|origin| {
        let rest = url.strip_prefix(origin);
        rest.is_some_and(|rest| rest.starts_with('/'))
    })
}

/// The beginning of a text that a server sent.
fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_port_may_be_left_out() {
        let origin = "https://trino.example.com:443";
        assert!(is_below("https://trino.example.com:443/v1/x", origin));
        assert!(is_below("https://trino.example.com/v1/x", origin));
        assert!(!is_below("http://trino.example.com/v1/x", origin));
        assert!(!is_below(
            "https://trino.example.com.evil.example/x",
            origin
        ));
        assert!(!is_below(
            "https://trino.example.com@evil.example/x",
            origin
        ));
        assert!(!is_below("https://trino.example.com:4430/x", origin));
        assert!(is_below("http://127.0.0.1/v1", "http://127.0.0.1:80"));
    }

    #[test]
    fn errors_of_the_cluster_pass() {
        let error = |name: &str, kind: &str| PageError {
            message: String::new(),
            error_name: name.to_owned(),
            error_type: kind.to_owned(),
        };
        let told = |name, kind| error(name, kind).kind();
        assert_eq!(
            told("NO_NODES_AVAILABLE", "INSUFFICIENT_RESOURCES"),
            EngineErrorKind::Passing
        );
        assert_eq!(told("SYNTAX_ERROR", "USER_ERROR"), EngineErrorKind::Refused);
        assert_eq!(told("HIVE_CURSOR_ERROR", "EXTERNAL"), EngineErrorKind::Data);
        assert_eq!(
            told("EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES"),
            EngineErrorKind::Data
        );
    }
}
