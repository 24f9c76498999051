//! Trino's protocol: a statement is posted, and its rows come by pages, each of which names the next.

use crate::ports::{EngineError, EngineErrorKind, SqlEngine};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A page is answered within a second, with or without rows; a coordinator may be busy.
const READ_TIMEOUT: Duration = Duration::from_secs(120);
/// The number of times that a request is made: for a minute or so.
const TRIES_MAX: u32 = 8;
/// The longest wait that a server may ask for, in seconds.
const RETRY_AFTER_MAX: u64 = 60;
/// Statements that run at the same time. Each is spread over all workers.
const STATEMENTS_AT_ONCE: usize = 4;
/// The marks of this program's own queries.
const SOURCE: &str = "qs-audit";

/// How a Trino is reached.
#[derive(Debug, Clone)]
pub struct TrinoServer {
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
    name: String,
    http: SharedHttpConnector,
    runtime: Runtime,
    /// Where the next pages of statements that run are: to be cancelled there.
    running: Arc<Mutex<BTreeSet<String>>>,
}

/// A page of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    next_uri: Option<String>,
    error: Option<PageError>,
    #[serde(default)]
    data: Vec<Vec<Option<String>>>,
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
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        let trusted = match &server.ca_bundle {
            Some(bundle) => TrustStore::empty().with_pem_certificate(bundle.as_slice()),
            None => TrustStore::empty().with_native_roots(true),
        };
        let tls = TlsContext::builder().with_trust_store(trusted).build();
        let tls = tls.map_err(|error| refused(format!("trino: the CA bundle: {error}")))?;
        let proxy = if server.is_plain {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        };
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .proxy_config(proxy)
            .connector_settings(settings)
            .build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("trino")
            .build()
            .map_err(|error| refused(format!("cannot start threads for trino: {error}")))?;
        Ok(Self {
            origin: format!("{scheme}://{}", server.authority),
            name: format!("trino://{}", server.authority),
            http: SharedHttpConnector::new(connector),
            running: Arc::default(),
            runtime,
            server,
        })
    }

    /// Cancels all statements that run.
    pub fn cancel(&self) {
        let running = std::mem::take(&mut *self.running());
        self.runtime.block_on(async {
            for next in running {
                let _ = self.ask("DELETE", &next, "").await;
            }
        });
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: EngineErrorKind, message: &str) -> EngineError {
        EngineError {
            message: format!("{}: {message}", self.name),
            kind,
        }
    }

    async fn statement(
        &self,
        statement: &str,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        let first = format!("{}/v1/statement", self.origin);
        let mut page = self.page("POST", &first, statement).await?;
        loop {
            page.data.into_iter().for_each(&mut *each);
            if let Some(error) = page.error {
                let message = format!("{}: {}", error.error_name, error.message);
                return Err(self.error(error.kind(), &message));
            }
            let Some(next) = page.next_uri else {
                return Ok(());
            };
            if !self.is_own(&next) {
                let message = "the answer leads to another server than was asked";
                return Err(self.error(EngineErrorKind::Refused, message));
            }
            self.running().insert(next.clone());
            let answer = self.page("GET", &next, "").await;
            self.running().remove(&next);
            page = answer?;
        }
    }

    /// Returns true if a URL is of the server that was asked: credentials go nowhere else.
    fn is_own(&self, url: &str) -> bool {
        let rest = url.strip_prefix(self.origin.as_str());
        rest.is_some_and(|rest| rest.starts_with('/'))
    }

    /// Asks until there is an answer, or there is no use in asking.
    async fn page(&self, method: &str, url: &str, body: &str) -> Result<Page, EngineError> {
        let mut tries = 1;
        loop {
            let (error, asked_to_wait) = match self.ask(method, url, body).await {
                Ok((status, text, wait)) => match status {
                    200 => match serde_json::from_slice(&text) {
                        Ok(page) => return Ok(page),
                        // It was cut short: the same page can be asked for again.
                        Err(error) => (format!("the answer cannot be read: {error}"), None),
                    },
                    401 | 403 => {
                        let message = format!("HTTP {status}: {}", shortened(&text));
                        return Err(self.error(EngineErrorKind::Refused, &message));
                    }
                    429 | 502..=504 => (format!("HTTP {status}"), wait),
                    // A coordinator that was started anew knows of no statement.
                    404 | 410 if method == "GET" => {
                        let message = format!("HTTP {status}: the statement is gone");
                        return Err(self.error(EngineErrorKind::Passing, &message));
                    }
                    _ => {
                        let message = format!("HTTP {status}: {}", shortened(&text));
                        return Err(self.error(EngineErrorKind::Refused, &message));
                    }
                },
                Err(message) => (message, None),
            };
            if tries >= TRIES_MAX {
                return Err(self.error(EngineErrorKind::Passing, &error));
            }
            let own = self.server.backoff * 2_u32.pow(tries - 1);
            tokio::time::sleep(asked_to_wait.unwrap_or(own)).await;
            tries += 1;
        }
    }

    /// Makes one request: status, body, and how long the server asks to wait.
    async fn ask(
        &self,
        method: &str,
        url: &str,
        body: &str,
    ) -> Result<(u16, Vec<u8>, Option<Duration>), String> {
        let mut request = HttpRequest::new(SdkBody::from(body.to_owned()));
        let wrong = |error: &dyn std::error::Error| with_causes(error);
        request.set_method(method).map_err(|error| wrong(&error))?;
        request.set_uri(url).map_err(|error| wrong(&error))?;
        let headers = request.headers_mut();
        headers.insert("x-trino-user", self.server.user.clone());
        headers.insert("x-trino-source", SOURCE);
        headers.insert("x-trino-client-tags", SOURCE);
        headers.insert(
            "user-agent",
            concat!("qs-audit/", env!("CARGO_PKG_VERSION")),
        );
        if let Some(password) = &self.server.password {
            let told = format!("{}:{password}", self.server.user);
            let told = base64::engine::general_purpose::STANDARD.encode(told);
            headers.insert("authorization", format!("Basic {told}"));
        }
        let response = self.http.call(request).await;
        let response: HttpResponse = response.map_err(|error| wrong(&error))?;
        let status = response.status().as_u16();
        let seconds = response.headers().get("retry-after");
        let seconds = seconds.and_then(|seconds| seconds.parse::<u64>().ok());
        let wait = seconds.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_MAX)));
        let body = ByteStream::new(response.into_body()).collect().await;
        let body = body.map_err(|error| wrong(&error))?;
        Ok((status, body.to_vec(), wait))
    }
}

impl SqlEngine for Trino {
    fn run(
        &self,
        statement: &str,
        each: &mut dyn FnMut(Vec<Option<String>>),
    ) -> Result<(), EngineError> {
        self.runtime.block_on(self.statement(statement, each))
    }

    fn statements_at_once(&self) -> usize {
        STATEMENTS_AT_ONCE
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// An error with all of its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        told += &format!(": {inner}");
        cause = inner.source();
    }
    told
}

/// The beginning of a text that a server sent.
fn shortened(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(200).collect()
}
