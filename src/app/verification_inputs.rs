//! Inputs of verification: digests, public keys, signatures.

use super::context::RunContext;
use super::export_files::NamedInputs;
use super::failure::Failure;
use super::places;
use super::sources;
use crate::config::LogLocation;
use crate::ingest::plain;
use crate::integrity::{PublicKeys, Signatures, read_signatures};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use crate::pipeline::VerificationInputs;
use crate::ports::{KeySource, Sources};
use std::path::PathBuf;

/// Files that log files are verified against, instead of the configured ones.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Public keys of CloudTrail.
    pub public_keys: Vec<PathBuf>,
    /// Signatures of digests.
    pub signatures: Vec<PathBuf>,
}

impl VerifyOptions {
    /// Returns the first of the options that was given.
    #[must_use]
    pub fn first(&self) -> Option<&'static str> {
        if !self.public_keys.is_empty() {
            return Some("--public-keys");
        }
        (!self.signatures.is_empty()).then_some("--signatures")
    }
}

/// Returns the locations of the log files to verify, as whole paths, by which digests name them.
///
/// # Errors
///
/// When `asking`, a command or an option, is used with a store: it keeps no log files.
pub(super) fn locations(context: &RunContext, asking: &str) -> Result<Vec<LogLocation>, Failure> {
    if context.options.store.is_some() {
        return Err(Failure::usage(format!(
            "{asking} reads log files, which the store does not have"
        ))
        .hint("omit --store; name the log files with --logs or [[logs]]"));
    }
    Ok(places::canonical(sources::locations(context)?))
}

/// Digests that were listed, and what they are held against.
pub(super) struct Verifying {
    pub(super) digests: Sources,
    keys: PublicKeys,
    key_source: Option<Box<dyn KeySource>>,
    signatures: Signatures,
    roots: Vec<String>,
}

impl Verifying {
    /// Reads keys and signatures, as asked or else as configured, and lists the digests
    /// of a window.
    pub(super) fn open(
        context: &RunContext,
        locations: &[LogLocation],
        window: &TimeWindow,
        asked: &VerifyOptions,
    ) -> Result<Self, Failure> {
        let keys = public_keys(
            context,
            &NamedInputs::of(
                "--public-keys",
                &asked.public_keys,
                "[verify] public_keys",
                &context.settings.public_keys,
            ),
        )?;
        let signatures = signatures(
            context,
            &NamedInputs::of(
                "--signatures",
                &asked.signatures,
                "[verify] signatures",
                &context.settings.signatures,
            ),
        )?;
        let asks_aws = keys.is_empty() && places::has_s3(locations);
        Ok(Self {
            key_source: asks_aws
                .then(|| sources::key_source(locations))
                .transpose()?,
            digests: sources::digests(context, locations, window)?,
            keys,
            signatures,
            roots: locations.iter().flat_map(places::roots).collect(),
        })
    }

    /// Returns the inputs of verification, as the pipeline takes them.
    pub(super) fn evidence(&self, now: UtcSecond) -> VerificationInputs<'_> {
        VerificationInputs {
            digests: &self.digests,
            keys: self.keys.clone(),
            key_source: self.key_source.as_deref(),
            signatures: &self.signatures,
            roots: &self.roots,
            now,
        }
    }
}

fn public_keys(context: &RunContext, given: &NamedInputs) -> Result<PublicKeys, Failure> {
    const HINT: &str = "`aws cloudtrail list-public-keys --start-time ... --end-time ...` prints them, once in each Region";
    let mut keys = PublicKeys::default();
    for_each_text(context, given, HINT, |text| {
        keys.read(text).map_err(|error| error.to_string())
    })?;
    Ok(keys)
}

fn signatures(context: &RunContext, given: &NamedInputs) -> Result<Signatures, Failure> {
    const HINT: &str = "`aws s3api head-object` prints the metadata of a digest file; docs/verify.md has a script for all \
                        of them";
    let mut signatures = Signatures::default();
    for_each_text(context, given, HINT, |text| {
        read_signatures(text, &mut signatures).map_err(|error| error.to_string())
    })?;
    Ok(signatures)
}

/// Reads files that were given, plain or gzip.
fn for_each_text(
    context: &RunContext,
    given: &NamedInputs,
    hint: &str,
    mut read: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), Failure> {
    for file in given.files(context)? {
        let outcome = file
            .read()
            .map_err(|error| error.to_string())
            .and_then(|bytes| read(&plain(&bytes).map_err(|error| error.to_string())?));
        outcome.map_err(|why| {
            Failure::usage(format!("{} {}: {why}", given.name, file.name)).hint(hint)
        })?;
    }
    Ok(())
}
