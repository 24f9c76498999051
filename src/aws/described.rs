//! Operations that are described here and not by a crate of the SDK, whose runtime signs,
//! sends and retries them like any other.
//!
//! A service's own crate takes a minute to build and is megabytes of program, for one or
//! two operations (docs/building.md).

use super::error::AwsError;
use super::session::REGION_DEFAULT;
use crate::model::region::is_region_name;
use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
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
use aws_smithy_xml::decode::{Document, try_data};
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

const PAGES_MAX: usize = 1000;

/// A service, as its model describes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// Its name in host names and signatures.
    pub(super) name: &'static str,
    /// Its id, by which environment and profile give it an endpoint of its own.
    pub(super) id: &'static str,
    /// The prefix of the `X-Amz-Target` header, for services that speak AWS JSON 1.1.
    pub(super) target_prefix: &'static str,
    /// True if it is asked in one Region of each partition.
    pub(super) is_global: bool,
}

/// The parts of an HTTP request.
#[derive(Debug)]
pub(super) enum Request {
    /// `GET` of this path.
    Get(String),
    /// AWS JSON 1.1 with these parameters.
    Json(Value),
    /// `POST` of these parameters to this path.
    Post(&'static str, Value),
    /// A form of AWS Query, whose answer is XML.
    Form(Vec<(&'static str, String)>),
}

/// An operation; gives the answer's JSON.
pub(super) type Described = Operation<Request, Value, ErrorMetadata>;

/// Hosts of a partition (the SDK's `partitions.json`).
struct Partition {
    /// The Regions' prefix in a partition.
    prefix: &'static str,
    domain: &'static str,
    dual_stack_domain: &'static str,
    /// The Region of global services.
    home: &'static str,
}

const AWS: Partition = Partition {
    prefix: "",
    domain: "amazonaws.com",
    dual_stack_domain: "api.aws",
    home: "us-east-1",
};

const GOV_CLOUD: Partition = Partition {
    prefix: "us-gov-",
    home: "us-gov-west-1",
    ..AWS
};

/// The others, by what tells them apart.
const PARTITIONS: [Partition; 7] = [
    GOV_CLOUD,
    Partition {
        prefix: "cn-",
        domain: "amazonaws.com.cn",
        dual_stack_domain: "api.amazonwebservices.com.cn",
        home: "cn-northwest-1",
    },
    Partition {
        prefix: "eusc-",
        domain: "amazonaws.eu",
        dual_stack_domain: "api.amazonwebservices.eu",
        home: "eusc-de-east-1",
    },
    Partition {
        prefix: "us-iso-",
        domain: "c2s.ic.gov",
        dual_stack_domain: "api.aws.ic.gov",
        home: "us-iso-east-1",
    },
    Partition {
        prefix: "us-isob-",
        domain: "sc2s.sgov.gov",
        dual_stack_domain: "api.aws.scloud",
        home: "us-isob-east-1",
    },
    Partition {
        prefix: "eu-isoe-",
        domain: "cloud.adc-e.uk",
        dual_stack_domain: "api.cloud-aws.adc-e.uk",
        home: "eu-isoe-west-1",
    },
    Partition {
        prefix: "us-isof-",
        domain: "csp.hci.ic.gov",
        dual_stack_domain: "api.aws.hci.ic.gov",
        home: "us-isof-south-1",
    },
];

fn partition(region: &str) -> &'static Partition {
    let mut others = PARTITIONS.iter();
    let found = others.find(|partition| region.starts_with(partition.prefix));
    found.unwrap_or(&AWS)
}

impl Service {
    /// An operation of this name, in the Region of the configuration.
    ///
    /// # Errors
    ///
    /// When it cannot be asked there.
    pub(super) fn operation(
        &self,
        operation: &'static str,
        config: &SdkConfig,
    ) -> Result<Described, AwsError> {
        let region = match region(config) {
            region if self.is_global => partition(region).home,
            region => region,
        };
        let mut builder: OperationBuilder = Operation::builder()
            .service_name(self.id)
            .operation_name(operation)
            .endpoint_url(&self.endpoint(config, region)?)
            .timeout_config(
                config
                    .timeout_config()
                    .cloned()
                    .unwrap_or_else(TimeoutConfig::disabled),
            )
            .standard_retry(config.retry_config().unwrap_or(&RetryConfig::standard()))
            .with_connection_poisoning()
            .runtime_plugin(self.signing(config, region));
        if let Some(http) = config.http_client() {
            builder = builder.http_client(http);
        }
        if let Some(sleep) = config.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(clock) = config.time_source() {
            builder = builder.time_source(clock);
        }
        let target = format!("{}.{operation}", self.target_prefix);
        let write = move |request| write(&target, request);
        Ok(builder.serializer(write).deserializer(read).build())
    }

    /// Returns the endpoint of the service in a Region.
    fn endpoint(&self, config: &SdkConfig, region: &str) -> Result<String, AwsError> {
        let is_fips = config.use_fips() == Some(true);
        let is_dual_stack = config.use_dual_stack() == Some(true);
        if let Some(url) = self.own_endpoint(config) {
            // As the SDK's own crates have it.
            if is_fips || is_dual_stack {
                let kind = if is_fips { "FIPS" } else { "dual-stack" };
                return Err(AwsError::other(format!(
                    "{}: {kind} endpoints and a custom endpoint ({url}) cannot be used together",
                    self.id
                )));
            }
            return Ok(url.trim_end_matches('/').to_owned());
        }
        if !is_region_name(region) {
            return Err(AwsError::other(format!(
                "{}: {region:?} is not a Region",
                self.id
            )));
        }
        let partition = partition(region);
        let has_fips_host = !(self.is_global && partition.prefix == GOV_CLOUD.prefix);
        let fips = if is_fips && has_fips_host {
            "-fips"
        } else {
            ""
        };
        let domain = if is_dual_stack {
            partition.dual_stack_domain
        } else {
            partition.domain
        };
        Ok(format!("https://{}{fips}.{region}.{domain}", self.name))
    }

    /// The endpoint that code, environment or profile name: code first, then the service's
    /// own, then that of all services.
    fn own_endpoint(&self, config: &SdkConfig) -> Option<String> {
        let of_all = config.endpoint_url().map(str::to_owned);
        if config.get_origin("endpoint_url").is_client_config() {
            return of_all;
        }
        let key = ServiceConfigKey::builder()
            .service_id(self.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let own = key
            .ok()
            .and_then(|key| config.service_config()?.load_config(key));
        own.or(of_all)
    }

    /// Returns the plugin that signs requests, with its credentials.
    fn signing(&self, config: &SdkConfig, region: &str) -> StaticRuntimePlugin {
        let mut auth = RuntimeComponentsBuilder::new(self.name)
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
                StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
            )))
            .with_identity_cache(config.identity_cache())
            .with_retry_classifier(HttpStatusCodeClassifier::default())
            .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new())
            .with_interceptor(ServiceClockSkewInterceptor::new())
            .with_interceptor(RequestInfoInterceptor::new())
            .with_interceptor(UserAgentInterceptor::new())
            .with_interceptor(InvocationIdInterceptor::new());
        if let Some(credentials) = config.credentials_provider() {
            auth = auth.with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
        }
        let mut layer = Layer::new(self.name);
        let mut signing_options = SigningOptions::default();
        signing_options.double_uri_encode = true;
        signing_options.normalize_uri_path = true;
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(region.to_owned()))),
            name: Some(SigningName::from_static(self.name)),
            signing_options,
            ..SigV4OperationSigningConfig::default()
        });
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        // What is throttled in one Region costs no other its tries.
        layer.store_put(RetryPartition::new(format!("{}-{region}", self.name)));
        layer.store_put(ApiMetadata::new(self.name, env!("CARGO_PKG_VERSION")));
        if let Some(app) = config.app_name() {
            layer.store_put(app.clone());
        }
        StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(auth)
    }
}

fn write(target: &str, request: Request) -> Result<HttpRequest, BoxError> {
    match request {
        Request::Get(path) => {
            let mut http = HttpRequest::new(SdkBody::empty());
            http.set_uri(path)?;
            Ok(http)
        }
        Request::Json(parameters) => {
            let mut http = HttpRequest::new(SdkBody::from(parameters.to_string()));
            http.set_method("POST")?;
            http.set_uri("/")?;
            http.headers_mut()
                .insert("content-type", "application/x-amz-json-1.1");
            http.headers_mut().insert("x-amz-target", target.to_owned());
            Ok(http)
        }
        Request::Post(path, parameters) => {
            let mut http = HttpRequest::new(SdkBody::from(parameters.to_string()));
            http.set_method("POST")?;
            http.set_uri(path)?;
            http.headers_mut()
                .insert("content-type", "application/json");
            Ok(http)
        }
        Request::Form(parameters) => {
            let pairs = parameters.iter();
            let pairs = pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
            let pairs: Vec<String> = pairs.collect();
            let mut http = HttpRequest::new(SdkBody::from(pairs.join("&")));
            http.set_method("POST")?;
            http.set_uri("/")?;
            http.headers_mut()
                .insert("content-type", "application/x-www-form-urlencoded");
            Ok(http)
        }
    }
}

/// An answer of AWS Query as JSON: its members, or code and message of the error.
fn read_xml(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let mut document = Document::try_from(body).ok()?;
    let mut root = document.root_element().ok()?;
    let mut members = serde_json::Map::new();
    while let Some(mut part) = root.next_tag() {
        while let Some(mut inner) = part.next_tag() {
            let name = inner.start_el().local().to_owned();
            if let Ok(value) = try_data(&mut inner) {
                members.insert(name, value.into_owned().into());
            }
        }
    }
    let code = members.get("Code").cloned();
    if let Some(code) = code {
        members.insert("__type".to_owned(), code);
    }
    (!text.is_empty()).then_some(Value::Object(members))
}

/// The answer, or what the service says instead.
fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    let answer = match body.trim_ascii_start().first() {
        Some(b'<') => read_xml(body),
        _ => serde_json::from_slice(body).ok(),
    };
    let answer = answer.unwrap_or(Value::Null);
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

/// The items of all pages of a list; `page` is the request for a page by its token.
///
/// # Errors
///
/// When a request is refused, or fails to the end, or there is no end.
pub(super) async fn all_pages(
    operation: &Described,
    page: impl Fn(Option<&str>) -> Request,
    items: &str,
    action: &str,
    place: &str,
) -> Result<Vec<Value>, AwsError> {
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let answer = operation.invoke(page(token.as_deref())).await;
        let mut answer = answer.map_err(|error| AwsError::of(&error, action, place))?;
        all.extend(list(&mut answer, items));
        let next = answer["NextToken"].as_str();
        let next = next.or_else(|| answer["nextToken"].as_str());
        let next = next.map(str::to_owned);
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
    Err(AwsError::other(format!(
        "{place}: more than {PAGES_MAX} pages"
    )))
}

/// The parameters of a page.
pub(super) fn page_of(mut parameters: Value, token: Option<&str>) -> Value {
    if let Some(token) = token {
        parameters["NextToken"] = token.into();
    }
    parameters
}

/// The path of a page.
pub(super) fn page_path(path: &str, token: Option<&str>) -> String {
    match token {
        Some(token) => format!("{path}&next-token={}", escaped(token)),
        None => path.to_owned(),
    }
}

/// A text as part of a path or query.
pub(super) fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    });
    escaped.collect()
}

/// Takes a list out of an answer.
pub(super) fn list(answer: &mut Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// The Region that is asked.
pub(super) fn region(config: &SdkConfig) -> &str {
    config.region().map_or(REGION_DEFAULT, Region::as_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATHENA: Service = Service {
        name: "athena",
        id: "Athena",
        target_prefix: "AmazonAthena",
        is_global: false,
    };
    const ORGANIZATIONS: Service = Service {
        name: "organizations",
        id: "Organizations",
        target_prefix: "AWSOrganizationsV20161128",
        is_global: true,
    };

    #[test]
    fn hosts_are_those_of_the_sdk() {
        let config = |fips: bool, dual_stack: bool| {
            let builder = SdkConfig::builder().use_fips(fips);
            builder.use_dual_stack(dual_stack).build()
        };
        // Whether FIPS, whether dual-stack.
        let (plain, fips, dual, both) =
            ((false, false), (true, false), (false, true), (true, true));
        for (service, region, (fips, dual_stack), host) in [
            (
                ATHENA,
                "eu-central-1",
                plain,
                "athena.eu-central-1.amazonaws.com",
            ),
            (
                ATHENA,
                "us-east-2",
                fips,
                "athena-fips.us-east-2.amazonaws.com",
            ),
            (ATHENA, "us-east-2", dual, "athena.us-east-2.api.aws"),
            (
                ATHENA,
                "us-gov-east-1",
                both,
                "athena-fips.us-gov-east-1.api.aws",
            ),
            (
                ATHENA,
                "cn-north-1",
                plain,
                "athena.cn-north-1.amazonaws.com.cn",
            ),
            (
                ATHENA,
                "eusc-de-east-1",
                plain,
                "athena.eusc-de-east-1.amazonaws.eu",
            ),
            (
                ATHENA,
                "us-isob-east-1",
                plain,
                "athena.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                ORGANIZATIONS,
                "us-gov-west-1",
                fips,
                "organizations.us-gov-west-1.amazonaws.com",
            ),
            (
                ORGANIZATIONS,
                "us-east-1",
                fips,
                "organizations-fips.us-east-1.amazonaws.com",
            ),
            (
                ORGANIZATIONS,
                "cn-northwest-1",
                dual,
                "organizations.cn-northwest-1.api.amazonwebservices.com.cn",
            ),
        ] {
            let endpoint = service.endpoint(&config(fips, dual_stack), region);
            assert_eq!(endpoint.unwrap(), format!("https://{host}"));
        }
        assert_eq!(partition("ap-southeast-2").home, "us-east-1");
        assert_eq!(partition("us-gov-east-1").home, "us-gov-west-1");
    }

    #[test]
    fn an_endpoint_that_is_given_is_taken_where_it_can_be() {
        let given = || SdkConfig::builder().endpoint_url("http://127.0.0.1:1/");
        let endpoint = |config: &SdkConfig, region| ATHENA.endpoint(config, region);
        let own = endpoint(&given().build(), "us-east-1");
        assert_eq!(own.unwrap(), "http://127.0.0.1:1");
        assert!(endpoint(&given().use_fips(true).build(), "us-east-1").is_err());
        assert!(endpoint(&given().use_dual_stack(true).build(), "us-east-1").is_err());
        let none = SdkConfig::builder().build();
        assert!(endpoint(&none, "x.example.com/").is_err());
    }
}
