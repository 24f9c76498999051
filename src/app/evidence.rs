//! The evidence of one chain in a folder, for a ticket: raw events, the chain, its findings, what digests
//! say, and the hashes of all of these.

use super::failure::Failure;
use crate::local::{new_private_file, new_private_folder};
use crate::model::audit::Audit;
use crate::model::chain::Chain;
use crate::model::finding::PreviousFinding;
use crate::model::integrity::{Integrity, hash_of};
use crate::output::json::findings::write_known;
use crate::output::json::v1::{self, RecordShape};
use crate::output::json::verification::write_status;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The list of hashes, as `sha256sum --check` takes it.
const HASHES: &str = "SHA256SUMS";

/// The evidence of a chain.
pub struct ChainEvidence<'a> {
    /// The run.
    pub audit: &'a Audit,
    /// The chain.
    pub chain: &'a Chain,
    /// Its events as they were logged.
    pub events: &'a [Value],
    /// Its findings, as far as they are remembered.
    pub findings: &'a [&'a PreviousFinding],
}

/// Writes the evidence into a folder, which is made, for its owner alone; returns the names of the files.
///
/// # Errors
///
/// When the folder is there and not empty, or cannot be written.
pub fn write(evidence: &ChainEvidence<'_>, folder: &Path) -> Result<Vec<&'static str>, Failure> {
    prepare(folder)?;
    let mut events = Vec::new();
    for event in evidence.events {
        writeln!(events, "{event}")?;
    }
    let mut chain = Vec::new();
    v1::write_json(
        evidence.audit,
        &[evidence.chain],
        RecordShape::Chains,
        &mut chain,
    )?;
    let mut findings = Vec::new();
    write_known(evidence.findings, &mut findings)?;
    let mut digests = Vec::new();
    let integrity = evidence.chain.integrity.map(Integrity::as_str);
    write_status(
        evidence.audit.verification.as_ref(),
        integrity,
        &mut digests,
    )?;
    let files: [(&str, &[u8]); 4] = [
        ("chain.json", &chain),
        ("digests.json", &digests),
        ("events.jsonl", &events),
        ("findings.json", &findings),
    ];
    let mut hashes = String::new();
    for (name, bytes) in files {
        put(folder, name, bytes)?;
        let _ = writeln!(hashes, "{}  {name}", hex::encode(hash_of(bytes)));
    }
    put(folder, HASHES, hashes.as_bytes())?;
    let names = files.iter().map(|(name, _)| *name);
    Ok(names.chain([HASHES]).collect())
}

fn prepare(folder: &Path) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::usage(format!(
            "cannot write the evidence to {}: {why}",
            folder.display()
        ))
        .hint("--evidence takes a folder that does not exist yet, or is empty")
    };
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("it is not empty".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            new_private_folder(folder).map_err(|error| refused(error.to_string()))
        }
        Err(error) => Err(refused(error.to_string())),
    }
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    let cannot =
        |error: io::Error| Failure::internal(format!("cannot write {}: {error}", path.display()));
    let mut file = new_private_file(&path).map_err(cannot)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(cannot)
}
