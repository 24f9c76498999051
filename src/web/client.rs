//! One request, and its answer. Redirects are not followed: what is sent goes where it was meant to go.

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
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait that a server may ask for, in seconds.
const RETRY_AFTER_MAX: u64 = 60;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// True if they are on this machine: without TLS, and without a proxy.
    pub is_plain: bool,
    /// Certificates in PEM, instead of those that the system trusts.
    pub ca_bundle: Option<Vec<u8>>,
    /// The longest wait for an answer.
    pub read_timeout: Duration,
    /// Bytes of an answer that are taken.
    pub answer_bytes_max: u64,
}

/// A client for any number of requests.
pub struct WebClient {
    http: SharedHttpConnector,
    settings: WebSettings,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The wait that the server asks for.
    pub wait: Option<Duration>,
}

impl WebClient {
    /// Prepares a client. No request is made yet.
    ///
    /// # Errors
    ///
    /// When the certificates cannot be read.
    pub fn new(settings: WebSettings) -> Result<Self, String> {
        let timeouts = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(settings.read_timeout)
            .build();
        let trusted = match &settings.ca_bundle {
            Some(bundle) => TrustStore::empty().with_pem_certificate(bundle.as_slice()),
            None => TrustStore::empty().with_native_roots(true),
        };
        let tls = TlsContext::builder().with_trust_store(trusted).build();
        let tls = tls.map_err(|error| format!("the CA bundle: {error}"))?;
        let proxy = if settings.is_plain {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        };
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .proxy_config(proxy)
            .connector_settings(timeouts)
            .build();
        Ok(Self {
            http: SharedHttpConnector::new(connector),
            settings,
        })
    }

    /// Makes one request.
    ///
    /// # Errors
    ///
    /// When there is no whole answer.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<WebAnswer, String> {
        let mut request = HttpRequest::new(SdkBody::from(body));
        let wrong = |error: &dyn std::error::Error| with_causes(error);
        request.set_method(method).map_err(|error| wrong(&error))?;
        request.set_uri(url).map_err(|error| wrong(&error))?;
        let own = request.headers_mut();
        own.insert(
            "user-agent",
            concat!("qs-audit/", env!("CARGO_PKG_VERSION")),
        );
        for (name, value) in headers {
            own.insert(*name, value.clone());
        }
        let response = self.http.call(request).await;
        let response: HttpResponse = response.map_err(|error| wrong(&error))?;
        let status = response.status().as_u16();
        let seconds = response.headers().get("retry-after");
        let seconds = seconds.and_then(|seconds| seconds.parse::<u64>().ok());
        let wait = seconds.map(|seconds| Duration::from_secs(seconds.min(RETRY_AFTER_MAX)));
        let length = response.headers().get("content-length");
        let length = length.and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > self.settings.answer_bytes_max) {
            return Err("the answer is too large".to_owned());
        }
        let body = ByteStream::new(response.into_body()).collect();
        let body = tokio::time::timeout(self.settings.read_timeout, body).await;
        let body = body.map_err(|_| "the answer stopped in the middle".to_owned())?;
        let body = body.map_err(|error| wrong(&error))?;
        Ok(WebAnswer {
            status,
            body: body.to_vec(),
            wait,
        })
    }
}

/// An error with all of its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        told.push_str(": ");
        told.push_str(&inner.to_string());
        cause = inner.source();
    }
    told
}
