//! Nothing is lost and nothing is silent: the whole program over organizations whose
//! files were lost, doubled, shuffled, split, corrupted and cut.

use crate::cli::{output, program};
use crate::digest_bucket::{gunzip, gzip};
use proptest::prelude::*;
use qs_audit::cli::Exit;
use qs_audit::decode::{Decoder, SplitMode};
use qs_audit::demo::{self, DemoPlan};
use qs_audit::model::coverage::Limits;
use qs_audit::model::relevance::RelevantSessions;
use qs_audit::model::window::TimeWindow;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Lost,
    /// Delivered again under another name.
    Doubled,
    /// Its records in another order.
    Shuffled,
    /// Its records in two files.
    Split,
    /// One record is no JSON any more.
    RecordBroken,
    /// The text ends in a record.
    TextCut,
    /// The gzip data ends early.
    GzipCut,
    /// The gzip data fails its checksum.
    GzipCorrupt,
    /// Nothing is in it.
    Emptied,
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop::sample::select(vec![
        Fate::Kept,
        Fate::Kept,
        Fate::Kept,
        Fate::Kept,
        Fate::Lost,
        Fate::Doubled,
        Fate::Shuffled,
        Fate::Split,
        Fate::RecordBroken,
        Fate::TextCut,
        Fate::GzipCut,
        Fate::GzipCorrupt,
        Fate::Emptied,
    ])
}

/// Files by path, and the records of each that are whole.
#[derive(Debug, Default)]
struct Files {
    damaged: BTreeMap<String, Vec<u8>>,
    whole: BTreeMap<String, Vec<String>>,
    /// Files of which something has to be rejected.
    faulty: Vec<String>,
}

fn records_of(text: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(text).unwrap();
    let value: BTreeMap<String, Vec<Box<serde_json::value::RawValue>>> =
        serde_json::from_str(text).unwrap();
    value["Records"]
        .iter()
        .map(|record| record.get().to_owned())
        .collect()
}

fn document(records: &[String]) -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes()
}

/// The records that are whole at the start of a text that was cut: read by another
/// parser, one after the other.
fn whole_records(text: &[u8]) -> Vec<String> {
    let valid = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).unwrap(),
    };
    let mut rest = valid.strip_prefix("{\"Records\":[").unwrap_or_default();
    let mut records = Vec::new();
    loop {
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match stream.next() {
            Some(Ok(Value::Object(_))) => {
                let end = stream.byte_offset();
                records.push(rest[..end].to_owned());
                rest = rest[end..].trim_start_matches(',');
            }
            _ => return records,
        }
    }
}

/// Inflates as far as it goes, by another inflater's stream.
fn inflated(body: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::read::GzDecoder::new(body);
    let (mut text, mut part) = (Vec::new(), [0; 512]);
    while let Ok(count @ 1..) = std::io::Read::read(&mut decoder, &mut part) {
        text.extend_from_slice(&part[..count]);
    }
    text
}

impl Files {
    fn meet(&mut self, key: &str, body: &[u8], fate: Fate, at: usize) {
        let text = gunzip(body);
        let records = records_of(&text);
        let part = at % records.len().max(1);
        let other = key.replace(".json.gz", "AGAIN.json.gz");
        let mut put = |key: &str, body: Vec<u8>, whole: Vec<String>, is_faulty: bool| {
            self.damaged.insert(key.to_owned(), body);
            self.whole.insert(key.to_owned(), whole);
            if is_faulty {
                self.faulty.push(key.to_owned());
            }
        };
        match fate {
            Fate::Kept => put(key, body.to_vec(), records, false),
            Fate::Lost => {}
            Fate::Doubled => {
                put(key, body.to_vec(), records.clone(), false);
                put(&other, body.to_vec(), records, false);
            }
            Fate::Shuffled => {
                let mut shuffled = records;
                fastrand::Rng::with_seed(at as u64).shuffle(&mut shuffled);
                put(key, gzip(&document(&shuffled)), shuffled, false);
            }
            Fate::Split => {
                let (one, two) = records.split_at(part);
                put(key, gzip(&document(one)), one.to_vec(), false);
                put(&other, gzip(&document(two)), two.to_vec(), false);
            }
            Fate::RecordBroken => {
                let mut broken = records.clone();
                broken[part] = broken[part].replacen("\":", "\";", 1);
                let mut whole = records;
                whole.remove(part);
                put(key, gzip(&document(&broken)), whole, true);
            }
            Fate::TextCut => {
                let end = 1 + at % (text.len() - 2);
                let whole = whole_records(&text[..end]);
                put(key, gzip(&text[..end]), whole, true);
            }
            Fate::GzipCut => {
                let end = 12 + at % (body.len() - 20);
                let whole = whole_records(&inflated(&body[..end]));
                put(key, body[..end].to_vec(), whole, true);
            }
            Fate::GzipCorrupt => {
                let mut corrupt = body.to_vec();
                let checksum = corrupt.len() - 8 + at % 4;
                corrupt[checksum] ^= 0x10;
                put(key, corrupt, Vec::new(), true);
            }
            Fate::Emptied => put(key, Vec::new(), Vec::new(), true),
        }
    }
}

fn write(root: &Path, files: impl Iterator<Item = (String, Vec<u8>)>) {
    for (key, body) in files {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    }
    fs::create_dir_all(root.join("AWSLogs")).unwrap();
}

/// The document of `chains`, with its objects and records.
fn chains(root: &Path, threads: &str) -> Value {
    let mut command = program();
    command.current_dir(root);
    command.args([
        "chains",
        "--logs",
        "AWSLogs",
        "--from",
        "2020-01-01",
        "--path",
        "any",
    ]);
    command.args(["--format", "json", "--threads", threads]);
    let answer = command.output().unwrap();
    let status = answer.status.code().unwrap();
    let (none, clean) = (Exit::NoLogs.code(), Exit::Clean.code());
    assert!(
        status == i32::from(clean) || status == i32::from(none),
        "{answer:?}"
    );
    serde_json::from_slice(&answer.stdout).unwrap()
}

fn number(value: &Value, path: &str) -> u64 {
    value
        .pointer(path)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{path} in {value}"))
}

/// The queries of a chain, by id.
fn query_ids(chain: &Value) -> Vec<&str> {
    let queries = chain["queries"].as_array().unwrap().iter();
    queries
        .filter_map(|query| query["query_execution_id"].as_str())
        .collect()
}

/// A link that was proven on part of the data is the same on all of it.
fn proven_links_hold(part: &Value, all: &Value) -> Result<(), TestCaseError> {
    let by_id: BTreeMap<&str, &Value> = all["chains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chain| (chain["chain_id"].as_str().unwrap(), chain))
        .collect();
    for chain in part["chains"].as_array().unwrap() {
        if chain["confidence"] != "proven" || chain["path"] == "direct" {
            continue;
        }
        let ids = query_ids(chain);
        let same = by_id.get(chain["chain_id"].as_str().unwrap()).copied();
        let same = same.or_else(|| {
            let mut all = by_id.values().copied();
            all.find(|other| ids.iter().any(|id| query_ids(other).contains(id)))
        });
        // The first hop alone is a chain of its own until the second one is read.
        let Some(same) = same else {
            prop_assert!(chain["consumer_session"].is_null(), "{chain}");
            continue;
        };
        for id in &ids {
            prop_assert!(query_ids(same).contains(id), "{id}: {chain}\n{same}");
        }
        for path in [
            "/run_as_session/access_key_id",
            "/run_as_session/role_arn",
            "/consumer_session/access_key_id",
            "/consumer_session/role_session_name",
            "/data_source_arn",
        ] {
            let (one, other) = (chain.pointer(path), same.pointer(path));
            let one = one.filter(|value| !value.is_null());
            prop_assert!(one.is_none() || one == other, "{path}: {chain}\n{same}");
        }
    }
    Ok(())
}

/// Each object by itself: what a run over all of them has to add up to.
fn by_themselves(files: &Files) -> Result<(u64, u64), TestCaseError> {
    let (mut records, mut rejects) = (0, 0);
    for (key, body) in &files.damaged {
        let mut decoder = Decoder::new(TimeWindow::ALL, Limits::DEFAULT, SplitMode::Plain);
        decoder.object(0, &key.as_str().into(), body, &RelevantSessions::default());
        let coverage = decoder.finish().coverage;
        prop_assert!(coverage.adds_up());
        let is_faulty = files.faulty.contains(key);
        prop_assert_eq!(coverage.rejects.total() > 0, is_faulty, "{}", key);
        let named = coverage
            .rejects
            .iter()
            .flat_map(|(_, _, examples)| examples);
        for reject in named {
            prop_assert_eq!(&*reject.object, key.as_str());
        }
        records += coverage.records;
        rejects += coverage.rejects.total();
    }
    Ok((records, rejects))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_adds_up_and_what_is_damaged_costs_only_itself(
        seed in 0_u64..1000,
        fates in prop::collection::vec((any_fate(), any::<usize>()), 8..40),
        threads in 1_u8..4,
    ) {
        let organization = demo::generate(&DemoPlan {
            days: 1, consumers: 2, chains_per_day: 5, noise_per_day: 6, odd_one_in: 2,
            // The first session of a chain of three is another one where a file is lost.
            minutes_per_file: 240, rare_per_day: 0, ..DemoPlan::demo(seed)
        });
        let mut files = Files::default();
        for (file, (fate, at)) in organization.logs.iter().zip(fates.iter().cycle()) {
            files.meet(&file.key, &file.body, *fate, *at);
        }
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [damaged, undamaged, all] = folders.each_ref().map(tempfile::TempDir::path);
        write(damaged, files.damaged.clone().into_iter());
        let whole = files.whole.iter().map(|(key, records)| (key.clone(), gzip(&document(records))));
        write(undamaged, whole);
        write(all, organization.logs.iter().map(|file| (file.key.clone(), file.body.clone())));

        let found = chains(damaged, &threads.to_string());
        // Everything is counted, and everything rejected is named.
        let coverage = &found["coverage"];
        let of = |path: &str| number(coverage, path);
        prop_assert_eq!(
            of("/records/read"),
            of("/records/kept") + of("/records/not_relevant") + of("/records/rejected")
        );
        let objects = of("/objects/read") + of("/objects/failed");
        prop_assert_eq!(objects, files.damaged.len() as u64);
        let (records, rejects) = by_themselves(&files)?;
        prop_assert_eq!(of("/records/read"), records);
        prop_assert_eq!(of("/rejects/total"), rejects);
        prop_assert!(rejects >= files.faulty.len() as u64);

        // The undamaged part alone gives the same.
        let alone = chains(undamaged, "1");
        prop_assert_eq!(&found["chains"], &alone["chains"]);
        prop_assert_eq!(number(&alone, "/coverage/rejects/total"), 0);
        // More data never turns a proven link into another one.
        proven_links_hold(&found, &chains(all, "2"))?;
    }
}

#[test]
fn a_strict_run_over_anything_damaged_says_incomplete() {
    let organization = demo::generate(&DemoPlan::sample());
    let mut files = Files::default();
    for (number, file) in organization.logs.iter().enumerate() {
        let fate = if number == 3 {
            Fate::GzipCut
        } else {
            Fate::Kept
        };
        files.meet(&file.key, &file.body, fate, 100);
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files.damaged.clone().into_iter());
    let mut command = program();
    command.current_dir(folder.path());
    command.args([
        "chains",
        "--logs",
        "AWSLogs",
        "--from",
        "2026-11-01",
        "--strict",
    ]);
    let (_, stderr) = output(&mut command, Exit::Incomplete);
    assert!(stderr.contains(&files.faulty[0]), "{stderr}");
}

/// Each thread has one file open: with fewer than that files are named as unread, and
/// never lost in silence.
#[cfg(unix)]
#[test]
fn too_few_open_files_lose_nothing_in_silence() {
    let organization = demo::generate(&DemoPlan::sample());
    let folder = tempfile::tempdir().unwrap();
    demo::write_to(folder.path(), &organization.logs).unwrap();
    let program = assert_cmd::cargo::cargo_bin("qs-audit");
    let run = |files: u32| {
        let mut shell = assert_cmd::Command::new("sh");
        shell.env_clear().current_dir(folder.path());
        let chains = "chains --logs AWSLogs --from 2026-11-01 --format json --threads 4";
        let line = format!("ulimit -n {files} && exec {} {chains}", program.display());
        let answer = shell.args(["-c", &line]).output().unwrap();
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(!told.contains("panicked"), "{files}: {told}");
        let document: Option<Value> = serde_json::from_slice(&answer.stdout).ok();
        (answer.status.code(), document, told)
    };
    let whole = run(256).1.unwrap();
    let is_whole = |files: u32| run(files).1.is_some_and(|found| found == whole);
    // Standard input, output and error, folders, one file for each thread, and a few that
    // the machine's libraries open.
    let limit = (4..64).find(|files| is_whole(*files)).unwrap();
    assert!(limit <= 3 + 10 + 4 + 8, "{limit}");
    assert!(is_whole(limit + 1));
    let (status, document, told) = run(limit - 1);
    let is_named = document
        .as_ref()
        .is_some_and(|found| number(found, "/coverage/rejects/total") > 0);
    assert!(is_named || status != Some(0), "{status:?} {told}");
}
