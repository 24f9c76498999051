//! Answers of AWS in their own shapes, given to the SDK in turn in place of a network.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// An answer: status, what kind of error where it is one, body.
pub(crate) type Answer = (u16, &'static str, Value);

/// A request that was made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) uri: String,
    pub(crate) target: String,
    pub(crate) authorization: String,
    pub(crate) user_agent: String,
    /// `null` where the body is no JSON.
    pub(crate) body: Value,
}

/// Gives its answers in turn, and keeps what was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replay {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Replay {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    pub(crate) fn http(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let header = |name| request.headers().get(name).unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(Asked {
            uri: request.uri().to_owned(),
            target: header("x-amz-target"),
            authorization: header("authorization"),
            user_agent: header("user-agent"),
            body: serde_json::from_slice(body).unwrap_or_default(),
        });
        let Some((status, kind, body)) = self.answers.lock().unwrap().pop_front() else {
            let error = ConnectorError::other("there are no more answers".into(), None);
            return HttpConnectorFuture::ready(Err(error));
        };
        let status = status.try_into().unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
        if !kind.is_empty() {
            response.headers_mut().insert("x-amzn-errortype", kind);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}
