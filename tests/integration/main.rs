//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod common;
mod decode;
mod oracle;
mod regressions;
mod samples;
mod stitch;
mod tidy;
