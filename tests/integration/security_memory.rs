//! What a small file can cost (SECURITY.md): itself, and little memory.

use crate::digest_bucket::gzip;
use crate::needs;
use crate::security::with_one_chain;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command as Process;

/// Records up to a list in them: of ids, of a policy's statements, of policies.
const IDS: &str = r#"{"eventVersion":"1.11","eventSource":"athena.amazonaws.com","eventTime":"2026-07-01T10:00:00Z","eventName":"BatchGetQueryExecution","requestParameters":{"queryExecutionIds":["x""#;
const POLICY: &str = r#"{"eventVersion":"1.11","eventSource":"iam.amazonaws.com","eventTime":"2026-07-01T10:00:00Z","recipientAccountId":"444455556666","eventName":"PutRolePolicy","requestParameters":{"roleName":"b","policyDocument":"{\"Statement\":["#;
const ARNS: &str = r#"{"eventVersion":"1.11","eventSource":"sts.amazonaws.com","eventTime":"2026-07-01T10:00:00Z","eventName":"AssumeRole","requestParameters":{"policyArns":[{}"#;

/// A log file of equal records, each of which repeats an item.
fn dense(start: &str, item: &str, end: &str, items: usize, records: usize) -> Vec<u8> {
    let record = format!("{start}{}{end}", item.repeat(items));
    let records = vec![record.as_str(); records].join(",");
    gzip(format!("{{\"Records\":[{records}]}}").as_bytes())
}

/// Half a million events that are kept, and what the allocator holds back between threads.
const FILES_KILOBYTES_MAX: u64 = 1_250_000;

/// Whatever is small and hostile takes little memory, and costs nothing but itself.
#[test]
fn small_hostile_files_take_little_memory() {
    let Some(python) = needs::python("resource") else {
        return;
    };
    let folder = with_one_chain();
    let logs = folder.path().join("logs");
    for (name, start, item, end, items, records) in [
        ("ids-1", IDS, ",\"x\"", "]}}", 900_000, 60),
        ("ids-2", IDS, ",\"y\"", "]}}", 900_000, 60),
        // As large as is read, of lists as long as are read.
        ("lists-1", IDS, ",\"x\"", "]}}", 99, 26_000),
        ("lists-2", IDS, ",\"y\"", "]}}", 99, 26_000),
        ("arns-1", ARNS, ",\"a\"", "]}}", 99, 26_000),
        ("arns-2", ARNS, ",\"b\"", "]}}", 99, 26_000),
        ("policies", POLICY, "{},", "{}]}\"}}", 300_000, 60),
        ("arns", ARNS, ",{}", "]}}", 900_000, 60),
        ("tags", ARNS, "],\"tags\":[{}", "]}}", 1, 400_000),
    ] {
        let body = dense(start, item, end, items, records);
        assert!(body.len() < 3_000_000, "{name}: {}", body.len());
        fs::write(logs.join(format!("{name}.json.gz")), body).unwrap();
    }
    for command in ["chains", "findings"] {
        let mut args = vec![command, "--logs", "logs", "--format", "json"];
        args.extend([
            "--from",
            "2026-01-01",
            "--to",
            "2026-08-01",
            "--threads",
            "2",
        ]);
        let (peak, out) = peak_kilobytes(&python, folder.path(), &args);
        let told: Value = serde_json::from_slice(&out).unwrap();
        assert!(peak < FILES_KILOBYTES_MAX, "{command}: {peak} kB");
        if command == "chains" {
            let chains = told["chains"].as_array().unwrap();
            let is_own = |chain: &&Value| chain["path"] == "quick-role-chain";
            assert_eq!(chains.iter().filter(is_own).count(), 1);
            let rejects = told["coverage"]["rejects"]["by_reason"].to_string();
            assert!(rejects.contains("ids-1"), "{rejects}");
        }
    }
}

/// A grouped answer of Cost Explorer up to its groups.
const GROUPED: &str = r#"{"GroupDefinitions":[{"Type":"DIMENSION","Key":"LINKED_ACCOUNT"},{"Type":"DIMENSION","Key":"USAGE_TYPE"}],"ResultsByTime":[{"TimePeriod":{"Start":"2026-07-01","End":"2026-07-02"},"Groups":[{}"#;

/// Options, and the start, the item and the end of an export for each.
const EXPORTS: [(&str, &str, &str, &str); 17] = [
    ("--costs", GROUPED, ",{}", "]}]}"),
    ("--costs", "[{}", ",{}", "]"),
    ("--costs", "lineItem/UsageAccountId", ",", "\n"),
    ("--costs", "{\"ResultsByTime\":[{}", ",{}", "]}"),
    ("--executions", "[{}", ",{}", "]"),
    ("--executions", "{\"QueryExecutions\":[0", ",0", "]}"),
    ("--executions", "", "{}\n", ""),
    ("--data-sources", "{\"DataSources\":[{}", ",{}", "]}"),
    ("--data-sources", "[[]", ",[]", "]"),
    (
        "--previous",
        "{\"schema\":\"qs-audit/findings/v1\",\"x\":[{}",
        ",{}",
        "]}",
    ),
    (
        "--previous",
        "{\"schema\":\"qs-audit/findings/v1\",\"findings\":[{}",
        ",{}",
        "]}",
    ),
    ("--business-units", "{\"Accounts\":[{}", ",{}", "]}"),
    ("--business-units", "{\"Tags\":[{}", ",{}", "]}"),
    ("--business-units", "account_id,business_unit\n", "x\n", ""),
    ("--public-keys", "{\"PublicKeyList\":[{}", ",{}", "]}"),
    ("--signatures", "{\"a\":{}", ",\"a\":{}", "}"),
    ("--signatures", "{\"a\":{\"b\":\"\"", ",\"b\":\"\"", "}}"),
];

/// Exports of less than a megabyte that inflate to hundreds of megabytes.
#[test]
fn small_hostile_exports_take_little_memory() {
    let Some(python) = needs::python("resource") else {
        return;
    };
    let folder = with_one_chain();
    for (option, start, item, end) in EXPORTS {
        let file = folder.path().join("export.gz");
        for bytes in [60 << 20, 200 << 20] {
            let count = bytes / item.len();
            let mut text = String::with_capacity(bytes + 1000);
            text.push_str(start);
            for _ in 0..count {
                text.push_str(item);
            }
            text.push_str(end);
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            drop(text);
            let packed = encoder.finish().unwrap();
            assert!(packed.len() < 1_000_000, "{option}: {}", packed.len());
            fs::write(&file, packed).unwrap();
            let command = match option {
                "--public-keys" | "--signatures" => "verify",
                "--costs" | "--business-units" | "--executions" => "chargeback",
                _ => "findings",
            };
            let mut args = vec![command, option, "export.gz", "--logs", "logs", "-q"];
            args.extend([
                "--from",
                "2026-07-01",
                "--to",
                "2026-07-02",
                "--format",
                "json",
            ]);
            let (peak, _) = peak_kilobytes(&python, folder.path(), &args);
            assert!(peak < 1_000_000, "{option} {start}: {peak} kB of {bytes}");
        }
    }
}

/// What the kernel says of a child that has ended: its largest resident set.
const SCRIPT: &str = "import resource, subprocess, sys
ran = subprocess.run(sys.argv[1:], stdout=open('stdout', 'wb'), stderr=open('stderr', 'wb'))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, ran.returncode)";

/// The most memory that a run had, in kilobytes, and its standard output.
fn peak_kilobytes(python: &Path, folder: &Path, args: &[&str]) -> (u64, Vec<u8>) {
    let program = assert_cmd::cargo::cargo_bin("qs-audit");
    let mut python = Process::new(python);
    python.current_dir(folder).env_clear();
    python.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let ran = python
        .args(["-c", SCRIPT])
        .arg(program)
        .args(args)
        .output()
        .unwrap();
    let told = String::from_utf8(ran.stdout).unwrap();
    let said = fs::read_to_string(folder.join("stderr")).unwrap();
    let (peak, status) = told
        .trim()
        .split_once(' ')
        .unwrap_or_else(|| panic!("{said}"));
    assert!(!status.starts_with('-'), "{args:?} was killed: {said}");
    assert!(!said.contains("panicked"), "{args:?}: {said}");
    (
        peak.parse().unwrap(),
        fs::read(folder.join("stdout")).unwrap(),
    )
}
