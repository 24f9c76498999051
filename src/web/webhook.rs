//! A webhook: a message is posted until it is taken. Its URL is a secret, and is shown nowhere.

use super::client::{WebAnswer, WebClient, WebSettings};
use std::time::Duration;
use tokio::runtime::Runtime;

const READ_TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// The number of times that a message is posted in one run.
const TRIES_MAX: u32 = 4;
/// Letters of an answer that are shown.
const ANSWER_CHARS_SHOWN: usize = 200;

/// The reason why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WebhookError(String);

/// A webhook.
pub struct Webhook {
    client: WebClient,
    runtime: Runtime,
    url: String,
    backoff: Duration,
}

impl Webhook {
    /// Prepares to post to a URL. No request is made yet.
    ///
    /// # Errors
    ///
    /// When it is neither `https://` nor `http://` on this machine, or certificates cannot be read.
    pub fn new(
        url: &str,
        ca_bundle: Option<Vec<u8>>,
        backoff: Duration,
    ) -> Result<Self, WebhookError> {
        let url = url.trim();
        let is_plain = url.strip_prefix("http://").is_some_and(is_loopback);
        if !url.starts_with("https://") && !is_plain {
            let message = "the URL does not begin with https:// (http:// is for this machine only)";
            return Err(WebhookError(message.to_owned()));
        }
        let client = WebClient::new(WebSettings {
            is_plain,
            ca_bundle,
            read_timeout: READ_TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| WebhookError(format!("cannot start threads: {error}")))?;
        Ok(Self {
            client: client.map_err(WebhookError)?,
            runtime,
            url: url.to_owned(),
            backoff,
        })
    }

    /// Posts a message, with the key that tells it from others.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub fn post(&self, key: &str, body: &str) -> Result<(), WebhookError> {
        self.runtime.block_on(async {
            let mut tries = 1;
            loop {
                let (why, wait) = match self.once(key, body).await {
                    Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
                    Ok(answer) => {
                        let why = format!("HTTP {}{}", answer.status, self.shown(&answer.body));
                        let is_passing = answer.status == 429 || answer.status >= 500;
                        if !is_passing {
                            return Err(WebhookError(why));
                        }
                        (why, answer.wait)
                    }
                    Err(why) => (self.without_url(&why), None),
                };
                if tries >= TRIES_MAX {
                    return Err(WebhookError(why));
                }
                let own = self.backoff * 2_u32.pow(tries - 1);
                tokio::time::sleep(wait.unwrap_or(own)).await;
                tries += 1;
            }
        })
    }

    async fn once(&self, key: &str, body: &str) -> Result<WebAnswer, String> {
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", key.to_owned()),
        ];
        self.client
            .send("POST", &self.url, &headers, body.to_owned())
            .await
    }

    /// The beginning of an answer.
    fn shown(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text: String = text.trim().chars().take(ANSWER_CHARS_SHOWN).collect();
        if text.is_empty() {
            return String::new();
        }
        format!(": {}", self.without_url(&text))
    }

    /// A text in which the URL does not stand.
    fn without_url(&self, text: &str) -> String {
        let after_host = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let path = after_host.split_once('/').map_or("", |(_, path)| path);
        let text = text.replace(&self.url, "…");
        if path.is_empty() {
            text
        } else {
            text.replace(path, "…")
        }
    }
}

/// Returns true if the host at the beginning of a URL's rest is this machine.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let made = |url: &str| Webhook::new(url, None, Duration::ZERO).is_ok();
        assert!(
            made("http://127.0.0.1:8080/x") && made("http://[::1]:1/") && made("http://localhost/")
        );
        assert!(made("https://hooks.example.com/services/T/B/secret"));
        for wrong in [
            "http://hooks.example.com/x",
            "http://127.0.0.1@evil.example/x",
            "http://localhost.evil.example/x",
            "ftp://127.0.0.1/",
            "",
        ] {
            assert!(!made(wrong), "{wrong}");
        }
    }

    #[test]
    fn errors_do_not_have_the_url() {
        let url = "https://hooks.example.com/services/T0/B0/secret";
        let webhook = Webhook::new(url, None, Duration::ZERO).unwrap();
        let told = webhook.without_url(&format!("cannot reach {url} (services/T0/B0/secret)"));
        assert!(!told.contains("secret"), "{told}");
    }
}
