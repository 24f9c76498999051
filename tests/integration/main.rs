//! One binary for all integration tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "aws")]
mod account_reports;
mod athena;
#[cfg(feature = "aws")]
mod aws_cli;
#[cfg(feature = "aws")]
mod aws_services;
mod bills;
mod browser;
mod cases;
mod chargeback;
mod cli;
#[cfg(feature = "aws")]
mod collect_aws;
mod common;
mod conservation;
#[cfg(feature = "aws")]
mod crash;
mod day_records;
mod decode;
mod devtools;
mod digest_bucket;
mod documents;
#[cfg(feature = "aws")]
mod engine;
mod event_list;
mod facade;
mod findings;
mod focus;
mod forms;
mod hostile;
mod language;
mod memory;
mod money;
#[cfg(feature = "aws")]
mod moto;
mod nasty;
mod needs;
#[cfg(feature = "aws")]
mod notify;
mod oracle;
mod outcomes;
mod queries;
mod reads;
mod reads_forged;
mod records;
mod regressions;
#[cfg(feature = "aws")]
mod replay;
mod report;
mod roads;
mod roads_forged;
mod rules;
#[cfg(feature = "aws")]
mod s3;
#[cfg(feature = "aws")]
mod s3_bills;
#[cfg(feature = "aws")]
mod s3_crowded;
#[cfg(feature = "aws")]
mod s3_server;
mod samples;
mod scaffold;
mod schema;
mod search;
mod security;
#[cfg(unix)]
mod security_files;
#[cfg(target_os = "linux")]
mod security_memory;
mod setup;
mod slices;
mod small_logs;
mod spikes;
mod spill;
mod stitch;
mod store;
mod tidy;
mod verify;
