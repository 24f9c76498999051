//! Digest chains: what is verified, what each fault is called, and what chains and
//! findings say of the files that they rest on.

use crate::cli::{output, program};
use crate::digest_bucket::{
    BUCKET, Bucket, Chain, Object, Signer, digest_key, gzip, log_key, log_text, sha256_hex,
    with_digests,
};
use crate::needs;
use crate::schema;
use assert_cmd::Command;
use proptest::prelude::*;
use qs_audit::cli::Exit;
use qs_audit::demo;
use qs_audit::integrity::{PublicKeys, Signatures, read_signatures};
use qs_audit::model::integrity::{FaultKind, Integrity, Verification};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::pipeline::{self, Plan, Unwatched, VerificationInputs};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const ACCOUNT: &str = "444455556666";
const REGION: &str = "eu-central-1";
const NOW: &str = "2026-07-03T12:00:00Z";

fn at(text: &str) -> UtcSecond {
    UtcSecond::parse(text).unwrap()
}

/// The end of the first digest of most tests.
fn first() -> UtcSecond {
    at("2026-07-01T01:00:31Z")
}

fn chain(hours: i64, files: i64) -> Chain<'static> {
    Chain {
        account: ACCOUNT,
        region: REGION,
        first: first(),
        hours,
        files,
        backfill: false,
    }
}

fn made(hours: i64, files: i64) -> (Signer, Bucket) {
    let (signer, mut bucket) = (Signer::new(), Bucket::default());
    chain(hours, files).put(&signer, &mut bucket);
    (signer, bucket)
}

/// The hour's digest.
fn digest(hour: i64) -> String {
    digest_key(ACCOUNT, REGION, first().plus(hour * 3600), false)
}

/// A copy of a bucket, with keys and (if wanted) signatures next to it.
fn copied(signer: &Signer, bucket: &Bucket) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    bucket.write_copy(folder.path());
    let write = |name: &str, value: Value| fs::write(folder.path().join(name), value.to_string());
    write("keys.json", signer.public_keys()).unwrap();
    write("signatures.json", bucket.signatures()).unwrap();
    folder
}

fn verify(folder: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder);
    command.args([
        "verify",
        "--logs",
        "AWSLogs",
        "--now",
        NOW,
        "--from",
        "2026-07-01",
    ]);
    command.args(more);
    command
}

const WITH_ALL: [&str; 4] = [
    "--public-keys",
    "keys.json",
    "--signatures",
    "signatures.json",
];

/// The document of `--format json`, and the lines that people see of faults.
fn verified(folder: &Path, more: &[&str], exit: Exit) -> (Value, Vec<String>) {
    let (text, _) = output(verify(folder, more).args(["--format", "json"]), exit);
    let document: Value = serde_json::from_str(&text).unwrap();
    let (text, _) = output(&mut verify(folder, more), exit);
    let is_fault = |line: &&str| line.contains("INVALID: ") || line.contains(" between ");
    let lines = text.lines().filter(is_fault).map(str::to_owned);
    (document["verification"].clone(), lines.collect())
}

fn counts(verification: &Value, kind: &str) -> [u64; 3] {
    let of = &verification["total"][kind];
    ["valid", "invalid", "unchecked"].map(|name| of[name].as_u64().unwrap())
}

/// What a fault is called, of a bucket with all that is needed to check it.
fn faults_of(signer: &Signer, bucket: &Bucket) -> Vec<String> {
    let folder = copied(signer, bucket);
    let (document, lines) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(document["is_faulty"], true);
    lines
}

fn digest_line(key: &str, words: &str) -> String {
    format!("Digest file\ts3://{BUCKET}/{key}\tINVALID: {words}")
}

fn log_line(key: &str, words: &str) -> String {
    format!("Log file\ts3://{BUCKET}/{key}\tINVALID: {words}")
}

#[test]
fn a_sound_bucket_is_valid_to_the_last_file() {
    let (signer, bucket) = made(30, 3);
    let folder = copied(&signer, &bucket);
    let (document, lines) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(counts(&document, "digests"), [30, 0, 0]);
    assert_eq!(counts(&document, "log_files"), [78, 0, 0]);
    assert_eq!(document["total"]["unreferenced"], 0);
    assert_eq!(document["uncovered"], json!([]));
    let (text, _) = output(&mut verify(folder.path(), &WITH_ALL), Exit::Clean);
    assert!(
        text.contains("30/30 digest files valid, 78/78 log files valid"),
        "{text}"
    );
    output(
        verify(folder.path(), &WITH_ALL).arg("--strict"),
        Exit::Clean,
    );
}

#[test]
fn the_signed_vector_is_valid_with_keys_of_both_forms() {
    let Some(vector) = needs::folder_beside("digest-vector") else {
        return;
    };
    let of = |keys: &str, more: &[&str], exit| {
        let mut command = program();
        command.current_dir(&vector);
        command.args([
            "verify",
            "--logs",
            "AWSLogs",
            "--format",
            "json",
            "--from",
            "2026-07-01",
        ]);
        command.args(["--now", "2026-07-02", "--public-keys", keys]);
        command.args(more);
        let (text, _) = output(&mut command, exit);
        serde_json::from_str::<Value>(&text).unwrap()["verification"].clone()
    };
    let object_metadata = ["--signatures", "object-metadata.json"];
    for keys in ["public-keys.json", "public-key-spki.json"] {
        let all = of(keys, &object_metadata, Exit::Clean);
        assert_eq!(counts(&all, "digests"), [3, 0, 0], "{keys}");
        assert_eq!(counts(&all, "log_files"), [2, 0, 0], "{keys}");
        // Of the newest alone the signature is not known then.
        let bare = of(keys, &["--strict"], Exit::Incomplete);
        assert_eq!(counts(&bare, "digests"), [2, 0, 1], "{keys}");
        assert_eq!(counts(&bare, "log_files"), [2, 0, 0], "{keys}");
    }
}

#[test]
fn without_keys_nothing_is_proven_and_what_disagrees_is_still_found() {
    let (signer, mut bucket) = made(5, 2);
    let folder = copied(&signer, &bucket);
    let (document, _) = verified(folder.path(), &[], Exit::Clean);
    assert_eq!(counts(&document, "digests"), [0, 0, 5]);
    assert_eq!(counts(&document, "log_files"), [0, 0, 10]);
    output(
        verify(folder.path(), &["--strict"]).arg("-q"),
        Exit::Incomplete,
    );
    // The next digest has its hash.
    bucket.rewrite(&digest(2), |mut text| {
        text.push(b'\n');
        text
    });
    let folder = copied(&signer, &bucket);
    let (_, lines) = verified(folder.path(), &[], Exit::Findings);
    assert_eq!(lines, [digest_line(&digest(2), "hash value doesn't match")]);
}

#[test]
fn each_fault_of_a_log_file_has_the_words_of_the_aws_cli() {
    let (signer, sound) = made(4, 3);
    let logs = sound.keys("/CloudTrail/");
    let log = &logs[4];
    let with = |change: &dyn Fn(&mut Bucket)| {
        let mut bucket = sound.clone();
        change(&mut bucket);
        faults_of(&signer, &bucket)
    };
    let body = |change: &dyn Fn(&mut Vec<u8>)| {
        with(&|bucket| change(&mut bucket.0.get_mut(log).unwrap().body))
    };
    let one = |words: &str| vec![log_line(log, words)];
    let mismatch = one("hash value doesn't match");
    let trailing = one("unexpected data after end of compressed stream");
    assert_eq!(
        with(&|bucket| bucket.rewrite(log, |text| [text, b" ".to_vec()].concat())),
        mismatch
    );
    assert_eq!(with(&|bucket| drop(bucket.0.remove(log))), one("not found"));
    assert_eq!(body(&|body| body.truncate(body.len() / 2)), mismatch);
    assert_eq!(body(&|body| body.clear()), mismatch);
    assert_eq!(body(&|body| *body = b"{}".to_vec()), one("invalid format"));
    assert_eq!(
        body(&|body| *body.last_mut().unwrap() ^= 1),
        one("invalid format")
    );
    assert_eq!(body(&|body| body.extend(b"\0")), trailing);
    assert_eq!(body(&|body| body.extend(body.clone())), trailing);
}

#[test]
fn each_fault_of_a_digest_has_the_words_of_the_aws_cli() {
    let (signer, sound) = made(6, 1);
    let key = digest(3);
    let with = |change: &dyn Fn(&mut Bucket)| {
        let mut bucket = sound.clone();
        change(&mut bucket);
        faults_of(&signer, &bucket)
    };
    let one = |words: &str| vec![digest_line(&key, words)];
    let bad_signature = one("signature verification failed");
    let object_metadata = |name: &'static str, value: Option<&'static str>| {
        with(&move |bucket| {
            let metadata = &mut bucket.0.get_mut(&digest(3)).unwrap().metadata;
            match value {
                Some(value) => metadata.insert(name.to_owned(), value.to_owned()),
                None => metadata.remove(name),
            };
        })
    };
    assert_eq!(
        with(&|bucket| drop(bucket.0.remove(&key))),
        one("not found")
    );
    assert_eq!(object_metadata("signature", None), bad_signature);
    assert_eq!(object_metadata("signature", Some("00ff")), bad_signature);
    assert_eq!(object_metadata("signature", Some("no hex")), bad_signature);
    assert_eq!(object_metadata("signature-algorithm", None), bad_signature);
    let text = |from: &'static str, to: &'static str| {
        with(&move |bucket| {
            bucket.rewrite(&digest(3), |text| {
                let text = String::from_utf8(text).unwrap();
                assert!(text.contains(from));
                text.replacen(from, to, 1).into_bytes()
            });
        })
    };
    assert_eq!(
        text("\"SHA256withRSA\"", "\"SHA256withRSA\" "),
        bad_signature
    );
    assert_eq!(text("\"logFiles\"", "\"logfiles\""), one("invalid format"));
    assert_eq!(
        text("digestStartTime", "digestBeginTime"),
        one("invalid format")
    );
    assert_eq!(
        text("0a1b2c3d", "ffffffff"),
        one(
            "public key not found in region us-east-1 for fingerprint ffffffff4e5f60718293a4b5c6d7e8f9"
        )
    );
    let not_gzip = with(&|bucket| bucket.0.get_mut(&key).unwrap().body = b"{}".to_vec());
    assert_eq!(not_gzip, one("invalid format"));
    let moved = "has been moved from its original location";
    assert_eq!(
        text(
            "org-trail_us-east-1_20260701T04",
            "org-trail_us-east-1_20260701T05"
        ),
        one(moved)
    );
}

#[test]
fn a_key_that_cannot_be_read_is_told_from_a_signature_that_is_wrong() {
    let (signer, bucket) = made(1, 1);
    let folder = copied(&signer, &bucket);
    let mut keys = signer.public_keys();
    keys["PublicKeyList"][0]["Value"] = json!("AAAA");
    fs::write(folder.path().join("keys.json"), keys.to_string()).unwrap();
    let (_, lines) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    let words = "Unable to load PKCS #1 key with fingerprint 0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    assert_eq!(lines, [digest_line(&digest(0), words)]);
}

#[test]
fn digests_that_are_missing_in_a_row_are_one_missing_and_a_time_without_any() {
    let (signer, mut bucket) = made(9, 1);
    for hour in 3..=5 {
        bucket.0.remove(&digest(hour)).unwrap();
    }
    let folder = copied(&signer, &bucket);
    let (document, lines) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(
        lines,
        [
            digest_line(&digest(5), "not found"),
            format!(
                "Digest files are missing between {} and {} ({ACCOUNT} in {REGION})",
                first().plus(2 * 3600),
                first().plus(5 * 3600)
            ),
        ]
    );
    assert_eq!(document["uncovered"][0]["why"], "digests-missing");
    // Their log files are not in no digest: their digests are not there.
    assert_eq!(document["total"]["unreferenced"], 0);
    assert_eq!(counts(&document, "digests"), [6, 1, 0]);
    assert_eq!(document["unchecked_count"], 3);
}

#[test]
fn a_removed_newest_digest_cannot_be_seen_and_this_is_said() {
    let (signer, mut bucket) = made(6, 0);
    bucket.0.remove(&digest(5)).unwrap();
    let folder = copied(&signer, &bucket);
    let (document, _) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    let limits = document["limits"].to_string();
    assert!(
        limits.contains("a removed newest digest file cannot be detected"),
        "{limits}"
    );
    // With log files that it named, it can: they wait for too long.
    let (signer, mut bucket) = made(6, 1);
    bucket.0.remove(&digest(5)).unwrap();
    bucket.0.remove(&digest(4)).unwrap();
    bucket.0.remove(&digest(3)).unwrap();
    let lines = faults_of(&signer, &bucket);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with("no digest file lists it"), "{lines:?}");
}

#[test]
fn log_files_in_no_digest_are_faults_unless_their_digest_is_not_due() {
    let (signer, sound) = made(6, 1);
    let put = |seconds: i64| {
        let mut bucket = sound.clone();
        let when = first().plus(5 * 3600 + seconds);
        let key = log_key(ACCOUNT, REGION, when, "XXXXXXXXXXXXXXXX");
        let body = gzip(&log_text(ACCOUNT, REGION, when, 9));
        let object = Object {
            body,
            ..Object::default()
        };
        bucket.0.insert(key.clone(), object);
        (key, bucket)
    };
    // In an hour whose digest is there, and says nothing of it.
    let (key, bucket) = put(-3 * 3600);
    let folder = copied(&signer, &bucket);
    let (document, lines) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains(&key) && lines[0].ends_with("no digest file lists it"),
        "{lines:?}"
    );
    assert_eq!(document["total"]["unreferenced"], 1);
    // Behind the last digest: it is named an hour later, and up to a quarter for delivery.
    let (_, bucket) = put(600);
    let folder = copied(&signer, &bucket);
    let (document, _) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert_eq!(document["total"]["awaiting_digest"], 1);
    // The same, and then something new at the limit, and behind it.
    for (later, exit) in [(600 + 4440, Exit::Clean), (600 + 4500, Exit::Findings)] {
        let (_, mut bucket) = put(600);
        let when = first().plus(5 * 3600 + later);
        let body = gzip(&log_text(ACCOUNT, REGION, when, 10));
        let key = log_key(ACCOUNT, REGION, when, "YYYYYYYYYYYYYYYY");
        bucket.0.insert(
            key,
            Object {
                body,
                ..Object::default()
            },
        );
        let folder = copied(&signer, &bucket);
        let (document, _) = verified(folder.path(), &WITH_ALL, exit);
        let waiting = if exit == Exit::Clean { 2 } else { 1 };
        assert_eq!(document["total"]["awaiting_digest"], waiting, "{later}");
    }
}

#[test]
fn logs_without_any_digest_are_one_statement_and_no_fault() {
    let (signer, mut bucket) = made(6, 1);
    for key in bucket.keys("CloudTrail-Digest") {
        bucket.0.remove(&key);
    }
    let folder = copied(&signer, &bucket);
    let (document, faults) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert_eq!(document["total"]["unreferenced"], 0);
    assert!(faults.is_empty(), "{faults:?}");
    let strict = [&WITH_ALL[..], &["--strict"]].concat();
    let (text, _) = output(&mut verify(folder.path(), &strict), Exit::Incomplete);
    let statement = "no digest files found: is log file validation enabled for this trail?";
    assert_eq!(text.matches(statement).count(), 1, "{text}");
}

#[test]
fn digests_that_other_days_have_are_missing() {
    let (signer, mut bucket) = made(6, 1);
    for key in bucket.keys("CloudTrail-Digest") {
        if key != digest(0) {
            bucket.0.remove(&key);
        }
    }
    let folder = copied(&signer, &bucket);
    let (document, _) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(document["is_faulty"], true);
}

/// Moves each file of a copy to where `place` says.
fn rearranged(folder: &Path, place: impl Fn(&Path) -> std::path::PathBuf) {
    for file in crate::common::files_below(&folder.join("AWSLogs")) {
        let target = place(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(&file, target).unwrap();
    }
}

#[test]
fn copies_of_one_folder_are_verified_by_their_names() {
    let (signer, bucket) = made(4, 1);
    let folder = copied(&signer, &bucket);
    let flat = folder.path().join("AWSLogs");
    rearranged(folder.path(), |file| flat.join(file.file_name().unwrap()));
    let (document, faults) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(counts(&document, "log_files"), [4, 0, 0]);
}

#[test]
fn decompressed_copies_are_verified_by_their_text() {
    let (signer, bucket) = made(4, 1);
    for with_digests in [false, true] {
        let folder = copied(&signer, &bucket);
        for file in crate::common::files_below(&folder.path().join("AWSLogs")) {
            let is_digest = file.to_string_lossy().contains("CloudTrail-Digest");
            if is_digest && !with_digests {
                continue;
            }
            let mut text = Vec::new();
            let body = fs::read(&file).unwrap();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*body), &mut text)
                .unwrap();
            fs::write(file.with_extension(""), text).unwrap();
            fs::remove_file(file).unwrap();
        }
        let (document, faults) = verified(folder.path(), &WITH_ALL, Exit::Clean);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(counts(&document, "log_files"), [4, 0, 0]);
    }
}

#[test]
fn a_second_download_is_a_copy_and_a_changed_one_is_a_fault() {
    let (signer, bucket) = made(4, 1);
    let folder = copied(&signer, &bucket);
    let key = &bucket.keys("/CloudTrail/")[1];
    let file = folder.path().join(key);
    let copy = file.with_file_name(format!(
        "{} (1).json.gz",
        file.file_name()
            .unwrap()
            .to_string_lossy()
            .trim_end_matches(".json.gz")
    ));
    fs::copy(&file, &copy).unwrap();
    let (_, faults) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert!(faults.is_empty(), "{faults:?}");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, b"{\"Records\":[]}").unwrap();
    fs::write(&copy, encoder.finish().unwrap()).unwrap();
    let (_, faults) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn a_chain_that_begins_anew_leaves_a_gap_that_is_told() {
    let (signer, mut bucket) = made(3, 1);
    let again = Chain {
        first: first().plus(6 * 3600),
        ..chain(3, 1)
    };
    again.put(&signer, &mut bucket);
    let folder = copied(&signer, &bucket);
    let (document, lines) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert_eq!(
        lines,
        [format!(
            "No log files were delivered by CloudTrail between {} and {} ({ACCOUNT} in {REGION})",
            first().plus(2 * 3600),
            first().plus(5 * 3600)
        )]
    );
    assert_eq!(counts(&document, "digests"), [6, 0, 0]);
}

#[test]
fn digests_made_afterwards_are_a_chain_of_their_own() {
    let (signer, mut bucket) = made(4, 1);
    let late = Chain {
        backfill: true,
        ..chain(3, 1)
    };
    late.put(&signer, &mut bucket);
    let folder = copied(&signer, &bucket);
    let (document, _) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert_eq!(counts(&document, "digests"), [4, 0, 0]);
    assert_eq!(counts(&document, "backfill_digests"), [3, 0, 0]);
    assert_eq!(counts(&document, "log_files"), [7, 0, 0]);
    let key = digest_key(ACCOUNT, REGION, first().plus(3600), true);
    let metadata = &mut bucket.0.get_mut(&key).unwrap().metadata;
    metadata.remove("backfill-generation-timestamp").unwrap();
    let lines = faults_of(&signer, &bucket);
    let words = digest_line(&key, "invalid format");
    assert_eq!(lines, [format!("(backfill) {words}")]);
}

#[test]
fn a_digest_that_was_put_between_two_is_found_though_it_is_signed() {
    let (signer, mut bucket) = made(6, 1);
    let mut other = bucket.digest(&digest(3));
    let end = first().plus(3 * 3600 + 1800);
    let key = digest_key(ACCOUNT, REGION, end, false);
    other["digestS3Object"] = json!(key);
    other["digestEndTime"] = json!(end);
    signer.put(&mut bucket, &other);
    assert_eq!(
        faults_of(&signer, &bucket),
        [digest_line(&key, "no later digest file refers to it")]
    );
}

#[test]
fn a_digest_that_is_signed_anew_does_not_fit_its_neighbour() {
    let (signer, mut bucket) = made(6, 1);
    let mut other = bucket.digest(&digest(3));
    other["logFiles"] = json!([]);
    signer.put(&mut bucket, &other);
    // Its signature is right. Digest 4 says that it was another.
    let lines = faults_of(&signer, &bucket);
    let words = "hash value or signature of the previous digest doesn't match";
    assert!(lines.contains(&digest_line(&digest(4), words)), "{lines:?}");
}

#[test]
fn damaged_keys_and_signatures_are_refused_with_what_they_should_be() {
    let (signer, bucket) = made(1, 1);
    let folder = copied(&signer, &bucket);
    for (option, text, says) in [
        ("--public-keys", "", "no public keys"),
        ("--public-keys", "{\"a\":", "not JSON"),
        ("--public-keys", "[]", "no public keys"),
        ("--signatures", "[]", "no signatures"),
        ("--signatures", "{\"a\": {}}", "no signatures"),
        ("--signatures", "<html>", "not JSON"),
    ] {
        fs::write(folder.path().join("wrong.json"), text).unwrap();
        let (_, stderr) = output(
            &mut verify(folder.path(), &[option, "wrong.json"]),
            Exit::Usage,
        );
        assert!(
            stderr.contains(says) && stderr.contains("hint: "),
            "{stderr}"
        );
    }
    let (_, stderr) = output(
        &mut verify(folder.path(), &["--public-keys", "absent"]),
        Exit::Usage,
    );
    assert!(stderr.contains("absent"), "{stderr}");
    let (_, stderr) = output(&mut verify(folder.path(), &["--store", "x"]), Exit::Usage);
    assert!(stderr.contains("unexpected argument"), "{stderr}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    let mut empty = program();
    empty.current_dir(folder.path());
    empty.args(["verify", "--logs", "empty"]);
    let (_, stderr) = output(&mut empty, Exit::NoLogs);
    assert!(
        stderr.contains("no digest files and no log files"),
        "{stderr}"
    );
}

#[test]
fn every_format_has_the_faults() {
    let (signer, mut bucket) = made(4, 2);
    let log = bucket.keys("/CloudTrail/")[1].clone();
    bucket.0.remove(&log);
    let folder = copied(&signer, &bucket);
    let with = |format: &str| {
        let mut command = verify(folder.path(), &WITH_ALL);
        output(command.args(["--format", format]), Exit::Findings).0
    };
    let csv = with("csv");
    assert_eq!(csv.lines().count(), 2);
    assert!(
        csv.starts_with("account_id,region,trail,at,file,object,fault,message\n"),
        "{csv}"
    );
    assert!(csv.contains(&log) && csv.contains("not-found"), "{csv}");
    let line: Value = serde_json::from_str(&with("jsonl")).unwrap();
    assert_eq!(line["schema"], "qs-audit/verification-fault/v1");
    assert_eq!(line["fault"]["fault"], "not-found");
    for format in ["parquet", "xlsx"] {
        let mut command = verify(folder.path(), &WITH_ALL);
        command.args(["--format", format, "-o", "out"]);
        output(&mut command, Exit::Findings);
        assert!(fs::read(folder.path().join("out")).unwrap().len() > 100);
    }
}

/// A bucket read in-process.
fn verification(signer: &Signer, bucket: &Bucket, threads: usize) -> Verification {
    let mut keys = PublicKeys::default();
    keys.read(signer.public_keys().to_string().as_bytes())
        .unwrap();
    verified_with(bucket, keys, None, threads)
}

fn verified_with(
    bucket: &Bucket,
    keys: PublicKeys,
    key_source: Option<&dyn qs_audit::ports::KeySource>,
    threads: usize,
) -> Verification {
    let mut signatures = Signatures::default();
    read_signatures(bucket.signatures().to_string().as_bytes(), &mut signatures).unwrap();
    let is_digest = |key: &str| key.contains("CloudTrail-Digest");
    let part = |digests: bool| {
        let own = bucket.0.iter().filter(|(key, _)| is_digest(key) == digests);
        crate::common::Memory::new(
            own.map(|(key, object)| (format!("s3://{BUCKET}/{key}"), object.body.clone())),
        )
    };
    let (digests, logs) = (part(true), part(false));
    let evidence = VerificationInputs {
        digests: &digests,
        keys,
        key_source,
        signatures: &signatures,
        roots: &[],
        now: at(NOW),
    };
    let plan = Plan {
        window: TimeWindow::ALL,
        threads,
        ..Plan::default()
    };
    pipeline::verify(&plan, &logs, &evidence, &Unwatched).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No byte of any object can be changed without a fault that names the object.
    #[test]
    fn no_byte_can_be_changed_unseen(object: prop::sample::Index, byte: prop::sample::Index, bit in 0..8_u32) {
        let signer = Signer::new();
        let bucket = sound_once();
        let mut keys: Vec<&String> = bucket.0.keys().collect();
        keys.sort();
        let key = keys[object.index(keys.len())].clone();
        let mut changed = bucket.clone();
        let body = &mut changed.0.get_mut(&key).unwrap().body;
        let before = crate::digest_bucket::gunzip(body);
        let at = byte.index(body.len());
        body[at] ^= 1_u8 << bit;
        let found = verification(&signer, &changed, 1);
        // Some bits of gzip's header (its time, its system) are no part of the text.
        let mut same = qs_audit::decode::Unpacker::new(qs_audit::model::coverage::Limits::DEFAULT);
        let text = same.digest_text(&changed.0[&key].body).map(<[u8]>::to_vec);
        if text == Some(before) {
            return Ok(());
        }
        let names_it = |object: &str| object.ends_with(&key);
        prop_assert!(found.faults.iter().any(|fault| names_it(&fault.object)), "{key} {at}: {found:?}");
    }

    /// What is taken away is missed, unless it is the newest digest.
    #[test]
    fn nothing_can_be_removed_unseen(object: prop::sample::Index) {
        let signer = Signer::new();
        let bucket = sound_once();
        let newest = digest(5);
        let keys: Vec<&String> = bucket.0.keys().filter(|key| **key != newest).collect();
        let key = keys[object.index(keys.len())].clone();
        let mut changed = bucket.clone();
        changed.0.remove(&key);
        let found = verification(&signer, &changed, 2);
        let object = format!("s3://{BUCKET}/{key}");
        let fault = found.faults.iter().find(|fault| *fault.object == *object);
        prop_assert_eq!(fault.map(|fault| &fault.kind), Some(&FaultKind::NotFound));
    }
}

fn sound_once() -> &'static Bucket {
    static BUCKET: std::sync::OnceLock<Bucket> = std::sync::OnceLock::new();
    BUCKET.get_or_init(|| made(6, 2).1)
}

#[test]
fn threads_do_not_show() {
    let (signer, mut bucket) = made(40, 3);
    for key in bucket.keys("T0").into_iter().step_by(5) {
        bucket.0.remove(&key);
    }
    let one = verification(&signer, &bucket, 1);
    assert!(one.is_faulty());
    for threads in [2, 3, 8] {
        assert_eq!(verification(&signer, &bucket, threads), one, "{threads}");
    }
}

/// The demo's sample organization with digests for every account, Region and hour.
fn organization() -> (Signer, Bucket) {
    let signer = Signer::new();
    let logs = demo::generate(&demo::DemoPlan::sample()).logs;
    let bucket = with_digests(&signer, &logs);
    (signer, bucket)
}

/// The log file of a consumer that has most in it.
fn largest(bucket: &Bucket) -> String {
    let keys = bucket.keys("444455556666/CloudTrail/").into_iter();
    keys.max_by_key(|key| bucket.0[key].body.len()).unwrap()
}

fn read(folder: &Path, command: &str, more: &[&str], exit: Exit) -> Value {
    let mut run = program();
    run.current_dir(folder);
    run.args([
        command,
        "--logs",
        "AWSLogs",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-03",
    ]);
    run.args(["--now", "2026-11-03", "--format", "json", "--verify"])
        .args(WITH_ALL)
        .args(more);
    serde_json::from_str(&output(&mut run, exit).0).unwrap()
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: sound, then altered, then without keys"
)]
fn chains_and_findings_say_what_they_rest_on() {
    let (signer, sound) = organization();
    let folder = copied(&signer, &sound);
    let chains = read(folder.path(), "chains", &[], Exit::Clean);
    let all = chains["chains"].as_array().unwrap();
    assert!(all.len() > 10);
    for chain in all {
        assert_eq!(chain["integrity"], "verified", "{chain}");
    }
    assert_eq!(chains["verification"]["is_faulty"], false);
    let findings = read(
        folder.path(),
        "findings",
        &["--baseline", "0d"],
        Exit::Clean,
    );
    let of_events = findings["findings"].as_array().unwrap().iter();
    let of_events = of_events.filter(|finding| finding["event_count"].as_u64().unwrap() > 0);
    assert!(of_events.clone().count() > 2);
    for finding in of_events {
        assert_eq!(finding["integrity"], "verified", "{finding}");
    }
    // One record of one file is changed: what rests on it has failed, and nothing else.
    let consumer = largest(&sound);
    let mut changed = sound.clone();
    changed.rewrite(&consumer, |text| [text, b"\n".to_vec()].concat());
    let folder = copied(&signer, &changed);
    let after = read(folder.path(), "chains", &[], Exit::Clean);
    let mut failed = 0;
    for (before, after) in all.iter().zip(after["chains"].as_array().unwrap()) {
        let mut expected = before.clone();
        if after["integrity"] == "failed" {
            failed += 1;
            expected["integrity"] = json!("failed");
        }
        assert_eq!(*after, expected);
    }
    assert!(failed > 0 && failed < all.len(), "{failed}");
    let findings = read(
        folder.path(),
        "findings",
        &["--baseline", "0d"],
        Exit::Clean,
    );
    let tampering = findings["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| {
            finding["rule"] == "audit-trail-tampering"
                && finding["subject"]["target"]
                    .as_str()
                    .unwrap()
                    .starts_with("log files of")
        });
    let tampering = tampering.unwrap();
    assert_eq!(tampering["integrity"], "failed");
    assert!(
        tampering["evidence"]["objects"][0]
            .as_str()
            .unwrap()
            .contains(&consumer)
    );
    // Without keys nothing is verified, and nothing failed that was not seen to differ.
    let mut bare = program();
    bare.current_dir(folder.path());
    bare.args([
        "chains",
        "--logs",
        "AWSLogs",
        "--from",
        "2026-11-01",
        "--verify",
    ]);
    bare.args(["--format", "json", "--now", "2026-11-03"]);
    let bare: Value = serde_json::from_str(&output(&mut bare, Exit::Clean).0).unwrap();
    for chain in bare["chains"].as_array().unwrap() {
        assert_ne!(chain["integrity"], "verified");
    }
}

#[test]
fn verifying_changes_nothing_else_of_a_run() {
    let (signer, bucket) = organization();
    let folder = copied(&signer, &bucket);
    for command in ["chains", "findings"] {
        let mut plain = program();
        plain.current_dir(folder.path());
        plain.args([
            command,
            "--logs",
            "AWSLogs",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-03",
        ]);
        plain.args(["--now", "2026-11-03", "--format", "json"]);
        let plain: Value = serde_json::from_str(&output(&mut plain, Exit::Clean).0).unwrap();
        let mut verified = read(folder.path(), command, &[], Exit::Clean);
        verified["verification"] = Value::Null;
        for one in verified[command].as_array_mut().unwrap() {
            one["integrity"] = Value::Null;
        }
        assert_eq!(verified, plain, "{command}");
    }
}

#[test]
fn what_a_verified_file_says_counts_before_what_others_say() {
    let (signer, mut bucket) = organization();
    let key = largest(&bucket);
    let text = crate::digest_bucket::gunzip(&bucket.0[&key].body);
    // The same events with other Regions, in a file that nobody signed, named to be last.
    let forged = String::from_utf8(text)
        .unwrap()
        .replace("us-east-1", "zz-east-9");
    let last = key
        .replace(".json.gz", "")
        .rsplit_once('_')
        .unwrap()
        .0
        .to_owned();
    let name = format!("{last}_ZZZZZZZZZZZZZZZZ.json.gz");
    let object = Object {
        body: gzip(forged.as_bytes()),
        ..Object::default()
    };
    let plain = copied(&signer, &bucket);
    let sound = read(plain.path(), "chains", &[], Exit::Clean);
    bucket.0.insert(name, object);
    let folder = copied(&signer, &bucket);
    let chains = read(folder.path(), "chains", &[], Exit::Clean);
    assert_eq!(chains["chains"], sound["chains"]);
    assert_eq!(chains["verification"]["total"]["unreferenced"], 1);
}

#[test]
fn a_report_says_what_is_not_as_it_was_delivered() {
    let (signer, mut bucket) = organization();
    let key = largest(&bucket);
    bucket.0.remove(&key);
    let folder = copied(&signer, &bucket);
    let mut report = program();
    report.current_dir(folder.path());
    report.args([
        "report",
        "--logs",
        "AWSLogs",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-03",
    ]);
    report
        .args(["--now", "2026-11-03", "-o", "out", "--verify"])
        .args(WITH_ALL);
    output(&mut report, Exit::Clean);
    let text = fs::read_to_string(folder.path().join("out/report.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let unseen = document["coverage_gaps"].as_array().unwrap().iter();
    let mut unseen = unseen.filter(|one| one["code"] == "not-as-delivered");
    assert!(
        unseen.next().unwrap()["text"]
            .as_str()
            .unwrap()
            .contains("not found")
    );
    assert_eq!(document["findings"]["verification"]["is_faulty"], true);
    schema::validate(&document);
    let page = fs::read_to_string(folder.path().join("out/index.html")).unwrap();
    assert!(page.contains("verified log files"));
}

#[test]
fn a_silent_day_is_told_from_files_that_were_taken_away() {
    let time = |from: &str, to: &str| TimeWindow {
        from: Some(at(from)),
        to: Some(at(to)),
    };
    let (signer, sound) = made(60, 1);
    let day = time("2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z");
    let integrity =
        |bucket: &Bucket| verification(&signer, bucket, 1).integrity_of(ACCOUNT, REGION, day);
    assert_eq!(integrity(&sound), Integrity::Verified);
    let mut taken = sound.clone();
    taken
        .0
        .remove(&taken.keys("/CloudTrail/eu-central-1/2026/07/02/")[3].clone());
    assert_eq!(integrity(&taken), Integrity::Failed);
    assert_eq!(
        verification(&signer, &sound, 1).integrity_of("1", REGION, day),
        Integrity::Unverified
    );
}

#[test]
fn options_of_verification_need_it() {
    let (signer, bucket) = made(1, 1);
    let folder = copied(&signer, &bucket);
    let mut command = program();
    command.current_dir(folder.path());
    command.args(["chains", "--logs", "AWSLogs", "--public-keys", "keys.json"]);
    let (_, stderr) = output(&mut command, Exit::Usage);
    assert!(stderr.contains("--public-keys needs --verify"), "{stderr}");
    assert_eq!(sha256_hex(b"").len(), 64);
}

/// Who is asked for keys, and cannot be.
struct NobodyThere;

impl qs_audit::ports::KeySource for NobodyThere {
    fn public_keys(
        &self,
        region: &str,
        _: UtcSecond,
        _: UtcSecond,
    ) -> Result<Vec<qs_audit::model::integrity::PublicKey>, qs_audit::ports::SourceError> {
        Err(qs_audit::ports::SourceError {
            message: format!("{region} is closed"),
            is_absent: false,
        })
    }
}

#[test]
fn keys_that_cannot_be_had_leave_digests_unchecked_and_not_invalid() {
    let (_, bucket) = made(4, 1);
    let found = verified_with(&bucket, PublicKeys::default(), Some(&NobodyThere), 1);
    assert!(!found.is_faulty());
    assert_eq!(found.total().digests.unchecked, 4);
    let why: Vec<&str> = found.unchecked.iter().map(|one| &*one.why).collect();
    assert!(
        why.iter().any(|why| why.contains("eu-central-1 is closed")),
        "{why:?}"
    );
}

/// A digest that nobody signed, put there by the one who may write to the bucket.
fn plant_digest(bucket: &mut Bucket, key: &str, change: impl FnOnce(&mut Value)) {
    let mut forged = bucket.digest(&digest(2));
    forged["digestS3Object"] = json!(key);
    change(&mut forged);
    let mut object = bucket.0[&digest(2)].clone();
    object.body = gzip(forged.to_string().as_bytes());
    bucket.0.insert(key.to_owned(), object);
}

fn plant_log(bucket: &mut Bucket, key: &str) {
    let body = gzip(&log_text(ACCOUNT, REGION, first(), 77));
    let object = Object {
        body,
        ..Object::default()
    };
    bucket.0.insert(key.to_owned(), object);
}

fn is_unreferenced(found: &Verification, key: &str) -> bool {
    let mut faults = found.faults.iter();
    faults.any(|fault| fault.object.ends_with(key) && fault.kind == FaultKind::Unreferenced)
}

#[test]
fn a_planted_digest_vouches_for_nothing_and_excuses_nothing() {
    let (signer, sound) = made(12, 1);
    let log = log_key(
        ACCOUNT,
        REGION,
        first().plus(5 * 3600 + 1200),
        "FORGEDFORGEDFORG",
    );
    // In a folder of the window, with a name that no window has.
    let day = digest(2).rsplit_once('/').unwrap().0.to_owned();
    let old = format!(
        "{day}/{ACCOUNT}_CloudTrail-Digest_{REGION}_org-trail_us-east-1_19990101T000000Z.json.gz"
    );
    let between = digest_key(ACCOUNT, REGION, first().plus(6 * 3600 + 60), false);
    for key in [old, between] {
        let mut bucket = sound.clone();
        plant_log(&mut bucket, &log);
        plant_digest(&mut bucket, &key, |forged| {
            forged["digestStartTime"] = json!("2000-01-01T00:00:00Z");
            forged["digestEndTime"] = json!("2100-01-01T00:00:00Z");
            forged["logFiles"] = json!([{
                "s3Bucket": BUCKET, "s3Object": log,
                "hashValue": sha256_hex(&log_text(ACCOUNT, REGION, first(), 77)),
            }]);
        });
        let found = verification(&signer, &bucket, 1);
        assert!(is_unreferenced(&found, &log), "{key}: {found:?}");
        assert!(
            found
                .faults
                .iter()
                .any(|fault| fault.object.ends_with(&key)),
            "{key}"
        );
    }
}

#[test]
fn a_digest_that_cannot_be_read_does_not_hide_what_was_before_it() {
    let (signer, mut bucket) = made(12, 0);
    for hour in 4..8 {
        bucket.0.remove(&digest(hour));
    }
    let bomb = gzip(&vec![b' '; qs_audit::decode::DIGEST_BYTES_MAX + 1]);
    bucket.0.get_mut(&digest(8)).unwrap().body = bomb;
    let lines = faults_of(&signer, &bucket);
    assert_eq!(lines[0], digest_line(&digest(8), "invalid format"));
    assert!(
        lines[1].starts_with("Digest files are missing between"),
        "{lines:?}"
    );
}

#[test]
fn log_files_with_odd_names_are_judged_by_their_folder() {
    let (signer, sound) = made(12, 1);
    let folder = sound.keys("/CloudTrail/")[0]
        .rsplit_once('/')
        .unwrap()
        .0
        .to_owned();
    for name in [
        "x.json.gz",
        "444455556666_CloudTrail_eu-central-1_20200101T0000Z_X.json.gz",
    ] {
        let mut bucket = sound.clone();
        let key = format!("{folder}/{name}");
        plant_log(&mut bucket, &key);
        assert!(
            is_unreferenced(&verification(&signer, &bucket, 1), &key),
            "{name}"
        );
    }
    let mut bucket = sound.clone();
    plant_log(&mut bucket, &format!("{folder}/below/x.json.gz"));
    let found = verification(&signer, &bucket, 1);
    assert_eq!(found.unchecked_count(), 1, "{found:?}");
}

#[test]
fn copies_in_another_folder_of_the_bucket_are_no_faults() {
    let (signer, sound) = made(12, 1);
    let mut bucket = sound.clone();
    for (key, object) in &sound.0 {
        bucket.0.insert(format!("backup/{key}"), object.clone());
    }
    let found = verification(&signer, &bucket, 1);
    assert!(!found.is_faulty(), "{found:?}");
    assert_eq!(found.total().digests.valid, 12);
}

#[test]
fn a_chain_that_ends_too_soon_is_said_to() {
    let (signer, mut bucket) = made(12, 1);
    let other = Chain {
        account: "555566667777",
        ..chain(4, 1)
    };
    other.put(&signer, &mut bucket);
    let found = verification(&signer, &bucket, 1);
    assert!(!found.is_faulty());
    let why = &found.unchecked[0].why;
    assert!(
        why.starts_with("no digest file covers the time after 2026-07-01T04:00:31Z"),
        "{why}"
    );
}

#[test]
fn a_forged_addendum_takes_no_event_away() {
    let (signer, mut bucket) = organization();
    let plain = copied(&signer, &bucket);
    let sound = read(plain.path(), "chains", &[], Exit::Clean);
    let key = largest(&bucket);
    let text = crate::digest_bucket::gunzip(&bucket.0[&key].body);
    let document: Value = serde_json::from_slice(&text).unwrap();
    let records = document["Records"].as_array().unwrap();
    let is_hop = |record: &&Value| record["eventName"] == "AssumeRole";
    let hops: Vec<&Value> = records.iter().filter(is_hop).collect();
    assert!(hops.len() > 2);
    let mut forged = Vec::new();
    for (one, other) in hops.iter().zip(hops.iter().cycle().skip(1)) {
        let mut record = (*one).clone();
        record["addendum"] = json!({"reason": "UPDATED_DATA", "originalEventID": other["eventID"]});
        forged.push(record);
    }
    let name = key.replace(".json.gz", "Z.json.gz");
    let body = gzip(json!({ "Records": forged }).to_string().as_bytes());
    bucket.0.insert(
        name,
        Object {
            body,
            ..Object::default()
        },
    );
    let folder = copied(&signer, &bucket);
    let chains = read(folder.path(), "chains", &[], Exit::Clean);
    assert_eq!(chains["chains"], sound["chains"]);
}

#[test]
fn a_file_that_was_wrapped_again_in_the_bucket_is_not_as_delivered() {
    let (signer, mut bucket) = made(3, 1);
    let key = bucket.keys("/CloudTrail/")[1].clone();
    let body = &mut bucket.0.get_mut(&key).unwrap().body;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, body).unwrap();
    *body = encoder.finish().unwrap();
    let found = verification(&signer, &bucket, 1);
    assert!(
        found
            .faults
            .iter()
            .any(|fault| fault.object.ends_with(&*key)),
        "{:?}",
        found.faults
    );
}

/// The verification of a run that also reads what the calls in the logs tell of digests.
fn verified_with_calls(folder: &Path) -> Value {
    let mut run = program();
    run.current_dir(folder);
    run.args(["findings", "--logs", "AWSLogs", "--from", "2026-07-01"]);
    run.args(["--now", NOW, "--format", "json", "--verify"]);
    let (text, _) = output(run.args(WITH_ALL), Exit::Clean);
    let document: Value = serde_json::from_str(&text).unwrap();
    document["verification"].clone()
}

#[test]
fn a_setting_that_is_off_says_nothing_of_earlier_digests() {
    let (signer, mut bucket) = made(6, 1);
    for key in bucket.keys("CloudTrail-Digest") {
        bucket.0.remove(&key);
    }
    let update = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/ann", "accountId": ACCOUNT},
        "eventTime": "2026-07-01T00:30:00Z",
        "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "UpdateTrail",
        "awsRegion": REGION,
        "eventID": "00000000-0000-4000-8000-00000000aaaa",
        "recipientAccountId": ACCOUNT,
        "requestParameters": {"name": "org-trail", "enableLogFileValidation": false},
    });
    let key = bucket.keys("/CloudTrail/")[0].clone();
    bucket.rewrite(&key, |_| {
        json!({"Records": [update]}).to_string().into_bytes()
    });
    let folder = copied(&signer, &bucket);
    let found = verified_with_calls(folder.path());
    assert_eq!(found["total"]["unreferenced"], 0);
    assert_eq!(found["is_faulty"], false);
    let (alone, _) = verified(folder.path(), &WITH_ALL, Exit::Clean);
    assert_eq!(alone["total"], found["total"]);
}

#[test]
fn digests_that_a_call_deleted_are_missing_and_not_never_written() {
    let (signer, mut bucket) = made(6, 1);
    let deleted = bucket.keys("CloudTrail-Digest");
    for key in &deleted {
        bucket.0.remove(key);
    }
    let call = json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/ann", "accountId": ACCOUNT},
        "eventTime": "2026-07-01T00:30:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "DeleteObject",
        "awsRegion": REGION,
        "eventID": "00000000-0000-4000-8000-00000000aaaa",
        "recipientAccountId": ACCOUNT,
        "requestParameters": {"bucketName": BUCKET, "key": deleted[0]},
    });
    let key = bucket.keys("/CloudTrail/")[0].clone();
    bucket.rewrite(&key, |_| {
        json!({"Records": [call]}).to_string().into_bytes()
    });
    let folder = copied(&signer, &bucket);
    let found = verified_with_calls(folder.path());
    assert_eq!(found["is_faulty"], true);
    let (alone, _) = verified(folder.path(), &WITH_ALL, Exit::Findings);
    assert_eq!(alone["total"], found["total"]);
}
