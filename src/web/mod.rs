//! HTTP to servers that are no service of AWS, on the HTTP stack of its SDK: engines and webhooks.

mod client;
mod webhook;

pub use client::{WebAnswer, WebClient, WebSettings};
pub use webhook::{Webhook, WebhookError};
