//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chargeback;
mod cli;
mod common;
mod decode;
mod money;
mod oracle;
mod queries;
mod regressions;
mod samples;
mod stitch;
mod tidy;
