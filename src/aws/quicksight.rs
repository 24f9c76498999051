//! Quick's data sources: `ListDataSources`. They leave as text in the shape of the AWS
//! CLI, which `exports` reads.
//!
//! The service's own SDK crate takes two minutes to build, for one operation; so the
//! operation is described here, and the SDK's runtime signs, sends and retries it like
//! any other.

use super::session::{Access, Aws, REGION_DEFAULT};
use super::trouble::AwsError;
use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde_json::{Value, json};

const NAME: &str = "quicksight";
const DATA_SOURCES_PER_PAGE: u8 = 100;
const PAGES_MAX: usize = 1000;

impl Aws {
    /// All data sources of an account in the access's Region:
    /// `{"DataSources": [...]}`.
    ///
    /// # Errors
    ///
    /// When a request is refused, or fails to the end.
    pub fn data_sources(&self, access: &Access, account_id: &str) -> Result<String, AwsError> {
        let config = self.config(access);
        let region = config.region().map_or(REGION_DEFAULT, Region::as_ref);
        let place = format!("Quick in account {account_id}, {region}");
        let operation = operation(&config, region);
        self.block_on(async {
            let mut sources: Vec<Value> = Vec::new();
            let mut token = None;
            for _ in 0..PAGES_MAX {
                let path = path(account_id, token.as_deref());
                let answer = operation.invoke(path).await;
                let mut answer = answer
                    .map_err(|error| AwsError::of(&error, "quicksight:ListDataSources", &place))?;
                if let Some(Value::Array(page)) = answer.get_mut("DataSources").map(Value::take) {
                    sources.extend(page);
                }
                let next = answer["NextToken"].as_str().map(str::to_owned);
                token = next.filter(|token| !token.is_empty());
                if token.is_none() {
                    return Ok(json!({ "DataSources": sources }).to_string());
                }
            }
            Err(AwsError::other(format!(
                "{place}: more than {PAGES_MAX} pages"
            )))
        })
    }
}

/// `ListDataSources` as its service describes it: `GET` on this path.
fn path(account_id: &str, token: Option<&str>) -> String {
    let page = format!("/accounts/{account_id}/data-sources?max-results={DATA_SOURCES_PER_PAGE}");
    match token {
        Some(token) => {
            let escaped = token.bytes().map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            });
            format!("{page}&next-token={}", escaped.collect::<String>())
        }
        None => page,
    }
}

/// Where the service is, for a Region.
fn endpoint(config: &SdkConfig, region: &str) -> String {
    if let Some(url) = config.endpoint_url() {
        return url.trim_end_matches('/').to_owned();
    }
    let fips = if config.use_fips() == Some(true) {
        "-fips"
    } else {
        ""
    };
    let is_china = region.starts_with("cn-");
    let domain = match (config.use_dual_stack() == Some(true), is_china) {
        (true, false) => "api.aws",
        (true, true) => "api.amazonwebservices.com.cn",
        (false, false) => "amazonaws.com",
        (false, true) => "amazonaws.com.cn",
    };
    format!("https://{NAME}{fips}.{region}.{domain}")
}

fn operation(config: &SdkConfig, region: &str) -> Operation<String, Value, ErrorMetadata> {
    let mut auth = RuntimeComponentsBuilder::new(NAME)
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_identity_cache(config.identity_cache())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new());
    if let Some(credentials) = config.credentials_provider() {
        auth = auth.with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    let mut layer = Layer::new(NAME);
    let mut signing_options = SigningOptions::default();
    signing_options.double_uri_encode = true;
    signing_options.normalize_uri_path = true;
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(Region::new(region.to_owned()))),
        name: Some(SigningName::from_static(NAME)),
        signing_options,
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let mut builder: OperationBuilder = Operation::builder()
        .service_name("QuickSight")
        .operation_name("ListDataSources")
        .endpoint_url(&endpoint(config, region))
        .timeout_config(
            config
                .timeout_config()
                .cloned()
                .unwrap_or_else(TimeoutConfig::disabled),
        )
        .standard_retry(config.retry_config().unwrap_or(&RetryConfig::standard()))
        .with_connection_poisoning()
        .runtime_plugin(
            StaticRuntimePlugin::new()
                .with_config(layer.freeze())
                .with_runtime_components(auth),
        );
    if let Some(http) = config.http_client() {
        builder = builder.http_client(http);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(clock) = config.time_source() {
        builder = builder.time_source(clock);
    }
    builder
        .serializer(|path: String| {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(path)?;
            Ok(request)
        })
        .deserializer(read)
        .build()
}

/// The answer, or what the service says instead.
fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if response.status().is_success() {
        if answer.is_object() {
            return Ok(answer);
        }
        return Err(OrchestratorError::other("the answer is not JSON"));
    }
    let named = response.headers().get("x-amzn-errortype");
    let named = named
        .or_else(|| answer["__type"].as_str())
        .unwrap_or_default();
    let code = named.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let said = answer["Message"]
        .as_str()
        .or_else(|| answer["message"].as_str());
    let mut metadata = ErrorMetadata::builder().code(code);
    if let Some(said) = said {
        metadata = metadata.message(said);
    }
    Err(OrchestratorError::operation(metadata.build()))
}
