//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;
mod chargeback;
mod cli;
mod common;
mod decode;
mod findings;
mod hostile;
mod money;
mod oracle;
mod queries;
mod regressions;
mod report;
mod rules;
#[cfg(feature = "aws")]
mod s3;
#[cfg(feature = "aws")]
mod s3_server;
mod samples;
mod spikes;
mod stitch;
mod tidy;
