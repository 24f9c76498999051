//! The runtime, credentials, Regions and roles that every service shares.

use super::error::AwsError;
use super::prefetch::Ahead;
use super::retry_policy::RetryPolicy;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_types::retry::RetryConfig;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Tries of one request, where neither `AWS_MAX_ATTEMPTS` nor the profile says.
const ATTEMPTS_MAX: u32 = 6;
/// The SDK's own number of tries: fixed, not an option.
const ATTEMPTS_OF_SDK: u32 = 3;
/// Lists that run at once. Listing is a small part of the requests.
pub(super) const LISTS_AT_ONCE: usize = 64;
/// Bodies that are asked for at once, however well that pays.
const GETS_AT_ONCE_MAX: usize = 1024;
/// Files that may be open other than sockets.
const FILES_OPEN_MAX: usize = 96;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The Region of services that are asked in one place only, where none is set.
pub(super) const REGION_DEFAULT: &str = "us-east-1";

/// The access to an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The role to assume; the caller's own credentials where there is none.
    pub role_arn: Option<String>,
    /// The external id that the role asks for.
    pub external_id: Option<String>,
    /// The Region; the caller's own where there is none.
    pub region: Option<String>,
}

/// Access to AWS: profiles, SSO, Regions, FIPS and dual-stack endpoints and
/// `AWS_ENDPOINT_URL` as every AWS tool takes them from the environment.
pub struct Aws {
    runtime: Arc<Runtime>,
    base: SdkConfig,
    /// Retries wait this long first.
    backoff: Duration,
    configs: Mutex<BTreeMap<Access, SdkConfig>>,
    /// Regions of buckets that are elsewhere than was said.
    regions: Mutex<BTreeMap<String, String>>,
    /// Tries of a request, as the environment says.
    attempts: u32,
    /// Bodies of all buckets, brought ahead.
    ahead: OnceLock<Ahead>,
    lists: Arc<Semaphore>,
}

impl Aws {
    /// Reads profile and environment. No request is made yet, but for credentials
    /// that a profile takes from elsewhere.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn new() -> Result<Self, AwsError> {
        Self::with_loader(aws_config::defaults(BehaviorVersion::latest()).http_client(client()))
    }

    fn with_loader(loader: ConfigLoader) -> Result<Self, AwsError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("aws")
            .build()
            .map_err(|error| AwsError::other(format!("cannot start threads for AWS: {error}")))?;
        let name = AppName::new("qs-audit").map_err(|error| AwsError::other(error.to_string()))?;
        let base = runtime.block_on(loader.app_name(name).load());
        let told = base
            .retry_config()
            .cloned()
            .unwrap_or_else(RetryConfig::standard);
        // Three is what the SDK does when no one says anything.
        let says_nothing = told.max_attempts() == ATTEMPTS_OF_SDK
            && std::env::var_os("AWS_MAX_ATTEMPTS").is_none();
        let attempts = if says_nothing {
            ATTEMPTS_MAX
        } else {
            told.max_attempts()
        };
        let patient = told.with_max_attempts(attempts);
        let base = base.into_builder().retry_config(patient).build();
        Ok(Self {
            runtime: Arc::new(runtime),
            base,
            backoff: Duration::from_millis(200),
            configs: Mutex::default(),
            regions: Mutex::default(),
            attempts,
            ahead: OnceLock::new(),
            lists: Arc::new(Semaphore::new(LISTS_AT_ONCE)),
        })
    }

    /// Access with fixed credentials that waits so long before it tries again, at
    /// another place, or through another HTTP client: what tests need.
    ///
    /// # Errors
    ///
    /// When threads cannot be started.
    pub fn through(
        http: Option<SharedHttpClient>,
        endpoint: Option<&str>,
        backoff: Duration,
    ) -> Result<Self, AwsError> {
        let keys = aws_credential_types::Credentials::new("AKIAEXAMPLE", "x", None, None, "fixed");
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.unwrap_or_else(client))
            .credentials_provider(keys)
            .region(Region::new(REGION_DEFAULT))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS_MAX)
                    .with_initial_backoff(backoff),
            );
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let mut aws = Self::with_loader(loader)?;
        aws.backoff = backoff;
        Ok(aws)
    }

    /// Returns the retry policy for requests that are retried here and not by the SDK.
    pub(super) fn patience(&self) -> RetryPolicy {
        RetryPolicy {
            first: self.backoff,
            tries_max: self.attempts,
        }
    }

    /// Bodies of all buckets, brought ahead in one budget.
    pub(super) fn ahead(&self) -> &Ahead {
        self.ahead.get_or_init(|| {
            let at_once_max = sockets_max().saturating_sub(LISTS_AT_ONCE);
            let at_once_max = at_once_max.clamp(1, GETS_AT_ONCE_MAX);
            Ahead::new(self.runtime(), self.patience(), at_once_max)
        })
    }

    /// Lists that may be made at once, of all buckets.
    pub(super) fn lists(&self) -> Arc<Semaphore> {
        Arc::clone(&self.lists)
    }

    /// Returns the actual Region of a bucket.
    pub(super) fn region_of(&self, bucket: &str) -> Option<String> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket).cloned()
    }

    pub(super) fn note_region(&self, bucket: &str, region: &str) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.to_owned(), region.to_owned());
    }

    /// The account of the caller's own credentials.
    ///
    /// # Errors
    ///
    /// When there are none, or no one takes them.
    pub fn own_account(&self) -> Result<String, AwsError> {
        let client = aws_sdk_sts::Client::new(&self.base);
        let answer = self.block_on(client.get_caller_identity().send());
        let answer =
            answer.map_err(|error| AwsError::of(&error, "sts:GetCallerIdentity", "AWS STS"))?;
        Ok(answer.account.unwrap_or_default())
    }

    /// The Region of the environment.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.base.region().map(Region::as_ref)
    }

    /// The settings for an access; a role is assumed when the first request is made.
    pub(super) fn config(&self, access: &Access) -> SdkConfig {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = configs.get(access) {
            return known.clone();
        }
        let region = access.region.as_deref().or(self.region());
        let region = Region::new(region.unwrap_or(REGION_DEFAULT).to_owned());
        let mut builder = self.base.to_builder().region(region.clone());
        if let Some(role) = &access.role_arn {
            // STS is asked where the caller is: the target's Region may not be open to it.
            let own = self.region().unwrap_or(region.as_ref()).to_owned();
            let mut provider = AssumeRoleProvider::builder(role)
                .session_name("qs-audit")
                .region(Region::new(own))
                .configure(&self.base);
            if let Some(id) = &access.external_id {
                provider = provider.external_id(id);
            }
            let provider = self.block_on(async {
                if let Some(own) = self.base.credentials_provider() {
                    provider.build_from_provider(own).await
                } else {
                    let chain = DefaultCredentialsChain::builder().build().await;
                    provider.build_from_provider(chain).await
                }
            });
            builder = builder.credentials_provider(SharedCredentialsProvider::new(provider));
        }
        let config = builder.build();
        configs.insert(access.clone(), config.clone());
        config
    }

    /// Waits for a future on the threads of this access.
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The threads themselves, for sources that outlive this access.
    pub(super) fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.runtime)
    }
}

/// Returns the number of sockets that may be open: the process's limit of open files, less those
/// that it needs otherwise. The process asks for as many as it may have: where 256 are usual, 4096
/// often are allowed.
fn sockets_max() -> usize {
    #[cfg(unix)]
    let files_max = {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let told = getrlimit(Resource::Nofile);
        let wanted = told.maximum.unwrap_or(u64::MAX).min(FILES_WANTED);
        let current = told.current.unwrap_or(u64::MAX);
        let raised = Rlimit {
            current: Some(wanted),
            ..told
        };
        if current < wanted && setrlimit(Resource::Nofile, raised).is_ok() {
            wanted
        } else {
            current
        }
    };
    #[cfg(not(unix))]
    let files_max = FILES_WANTED;
    let files_max = usize::try_from(files_max).unwrap_or(usize::MAX);
    files_max.saturating_sub(FILES_OPEN_MAX)
}

/// Files that a process of this kind wants to be able to open.
const FILES_WANTED: u64 = 4096;

/// An HTTP client with the proxies of the environment.
fn client() -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .proxy_config(ProxyConfig::from_env())
        .connector_settings(settings)
        .build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}
