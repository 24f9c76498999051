//! Nasty inputs for every parser, each with what must become of it
//! (`tests/data/nasty.json`): none panics, none takes memory without bound, and none is
//! passed over without a word.

use crate::cli::program;
use crate::digest_bucket::gzip;
use qs_audit::config::Settings;
use qs_audit::decode::{Decoder, SplitMode, Unpacker, quick_query_id};
use qs_audit::iam::policy::Policy;
use qs_audit::ingest::{
    BillReader, UnitsReader, plain, read_data_sources, read_executions, read_previous, read_report,
};
use qs_audit::integrity::{
    Digest, DigestName, LogFileName, PublicKeys, Signatures, read_signatures,
};
use qs_audit::model::bill::CostMetric;
use qs_audit::model::coverage::{Limits, Rejects};
use qs_audit::model::execution::Statistics;
use qs_audit::model::integrity::Contents;
use qs_audit::model::inventory::Inventory;
use qs_audit::model::relevance::RelevantSessions;
use qs_audit::model::window::TimeWindow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const EXPECTED: &str = "tests/data/nasty.json";

/// Inputs of any kind, small or made here.
#[expect(clippy::too_many_lines, reason = "a list")]
fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let record = r#"{"eventVersion":"1.11","eventSource":"sts.amazonaws.com","eventName":"AssumeRole","eventTime":"2026-07-01T10:00:00Z","eventID":"e"}"#;
    let sound = format!("{{\"Records\":[{record}]}}");
    let utf16 = |little: bool| -> Vec<u8> {
        let units = sound.encode_utf16();
        units
            .flat_map(|unit| {
                if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            })
            .collect()
    };
    let mut checksum = gzip(sound.as_bytes());
    let at = checksum.len() - 6;
    checksum[at] ^= 1;
    let mut claims = gzip(sound.as_bytes());
    let at = claims.len() - 4;
    claims[at..].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut method = gzip(sound.as_bytes());
    method[2] = 7;
    let cut = gzip(sound.as_bytes());
    vec![
        ("empty", Vec::new()),
        ("blank", text(" \r\n\t ")),
        ("byte-order-mark-alone", vec![0xef, 0xbb, 0xbf]),
        (
            "byte-order-mark-in-front",
            [&[0xef, 0xbb, 0xbf], sound.as_bytes()].concat(),
        ),
        ("null", text("null")),
        ("true", text("true")),
        ("number", text("0")),
        ("string", text("\"Records\"")),
        ("list", text("[]")),
        ("object", text("{}")),
        ("list-of-nothings", text("[null,0,\"\",[],{}]")),
        ("huge-number", text("{\"Records\":[1e999999]}")),
        ("minus-zero", text("[-0]")),
        ("not-a-number", text("[NaN,Infinity]")),
        ("leading-zeros", text("[007]")),
        ("deep-lists", "[".repeat(100_000).into_bytes()),
        ("deep-objects", "{\"a\":".repeat(100_000).into_bytes()),
        (
            "deep-and-closed",
            format!("{}{}", "[".repeat(500), "]".repeat(500)).into_bytes(),
        ),
        ("unclosed-string", text("{\"Records")),
        (
            "unclosed-list",
            text("{\"Records\":[{\"eventSource\":\"sts.amazonaws.com\"}"),
        ),
        ("trailing-comma", text("{\"Records\":[{},]}")),
        ("comments", text("/* x */ {} // y")),
        ("single-quotes", text("{'Records':[]}")),
        ("keys-without-quotes", text("{Records:[]}")),
        (
            "twice-the-same-key",
            text("{\"Records\":[],\"Records\":[{}],\"PublicKeyList\":[],\"PublicKeyList\":0}"),
        ),
        ("null-byte", text("{\"a\":\"\u{0}\"}")),
        ("escaped-null", text("{\"a\\u0000b\":\"\\u0000\"}")),
        ("lone-surrogate", text("{\"a\":\"\\ud800\"}")),
        ("reversed-surrogates", text("{\"a\":\"\\udc00\\ud800\"}")),
        ("bad-escape", text("{\"a\":\"\\x41\"}")),
        ("control-character", text("{\"a\":\"\u{1}\"}")),
        (
            "invalid-utf-8",
            vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'],
        ),
        ("overlong-utf-8", vec![b'"', 0xc0, 0xaf, b'"']),
        ("utf-16-little", utf16(true)),
        ("utf-16-big", utf16(false)),
        ("garbage-behind", format!("{sound} garbage").into_bytes()),
        ("two-documents", format!("{sound}\n{sound}").into_bytes()),
        ("html", text("<!doctype html><script>alert(1)</script>")),
        (
            "xml",
            text("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
        ),
        (
            "csv",
            text("account_id,business_unit\n444455556666,\"=cmd|' /C calc'!A0\"\n"),
        ),
        (
            "csv-odd-quotes",
            text("account_id,business_unit\n\"444455556666,x\n"),
        ),
        ("csv-ragged", text("account_id,business_unit\n1\n1,2,3,4\n")),
        ("sql", text("'; DROP TABLE chains; --")),
        ("path", text("../../../../etc/passwd")),
        (
            "long-string",
            format!("{{\"a\":\"{}\"}}", "x".repeat(2 << 20)).into_bytes(),
        ),
        (
            "long-key",
            format!("{{\"{}\":1}}", "k".repeat(2 << 20)).into_bytes(),
        ),
        ("many-keys", {
            let keys: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
            format!("{{{}}}", keys.join(",")).into_bytes()
        }),
        ("only-commas", ",".repeat(10_000).into_bytes()),
        ("only-quotes", "\"".repeat(10_001).into_bytes()),
        ("only-backslashes", "\\".repeat(10_001).into_bytes()),
        ("gzip-of-nothing", gzip(b"")),
        ("gzip-of-sound", gzip(sound.as_bytes())),
        ("gzip-of-gzip", gzip(&gzip(sound.as_bytes()))),
        ("gzip-twice", [gzip(sound.as_bytes()), gzip(b" ")].concat()),
        ("gzip-header-alone", cut[..10].to_vec()),
        ("gzip-cut", cut[..cut.len() / 2].to_vec()),
        ("gzip-without-trailer", cut[..cut.len() - 8].to_vec()),
        ("gzip-wrong-checksum", checksum),
        ("gzip-claims-four-gigabytes", claims),
        ("gzip-other-method", method),
        (
            "gzip-trailing-zeros",
            [gzip(sound.as_bytes()), vec![0; 100]].concat(),
        ),
        (
            "gzip-trailing-junk",
            [gzip(sound.as_bytes()), b"junk".to_vec()].concat(),
        ),
        ("gzip-bomb", gzip(&vec![b' '; 8 << 20])),
        ("zip", text("PK\u{3}\u{4}")),
        ("zstd", vec![0x28, 0xb5, 0x2f, 0xfd, 0]),
        ("parquet-alone", text("PAR1PAR1")),
        (
            "parquet-claims-much",
            [&b"PAR1"[..], &[0x15; 64], &u32::MAX.to_le_bytes(), b"PAR1"].concat(),
        ),
        ("sqlite", text("SQLite format 3\u{0}")),
        ("sound", sound.into_bytes()),
    ]
}

fn reasons(rejects: &Rejects) -> String {
    let all = rejects
        .iter()
        .map(|(reason, count, _)| format!("{} {}", count, reason.as_str()));
    all.collect::<Vec<_>>().join(", ")
}

/// An object may inflate to this much here: the bomb is larger.
fn limits() -> Limits {
    Limits {
        object_bytes_max: 4 << 20,
        ..Limits::DEFAULT
    }
}

fn as_log(body: &[u8]) -> String {
    let read = |reading| {
        let mut decoder = Decoder::new(TimeWindow::ALL, limits(), reading);
        decoder.object(0, &"nasty".into(), body, &RelevantSessions::default());
        let coverage = decoder.finish().coverage;
        assert!(coverage.adds_up());
        let told = format!(
            "{} kept, {} not relevant, {} rejected of {}; {}",
            coverage.records_kept,
            coverage.records_not_relevant,
            coverage.records_rejected,
            coverage.records,
            reasons(&coverage.rejects)
        );
        (coverage, told)
    };
    let (fast, told) = read(SplitMode::Fast);
    let (plain, told_plain) = read(SplitMode::Plain);
    // The fast reading does not look into records that do not matter.
    let passed = plain.records_rejected - fast.records_rejected;
    assert_eq!(fast.records_kept, plain.records_kept);
    assert_eq!(
        fast.records_not_relevant,
        plain.records_not_relevant + passed
    );
    assert!(passed > 0 || told == told_plain, "{told_plain}");
    told
}

fn as_contents(body: &[u8]) -> String {
    match Unpacker::new(limits()).contents(body) {
        Contents::Hash(_) => "has a hash".to_owned(),
        other => format!("{other:?}"),
    }
}

fn outcome<T, E: std::fmt::Display>(result: Result<T, E>, taken: impl Fn(T) -> String) -> String {
    match result {
        Ok(value) => format!("taken: {}", taken(value)),
        // Messages of parsers name places; the kind is what counts.
        Err(error) => format!(
            "refused: {}",
            error.to_string().lines().next().unwrap_or_default()
        ),
    }
}

fn as_digest(body: &[u8]) -> String {
    outcome(Digest::read(body), |digest| {
        format!("{} log files", digest.log_files.len())
    })
}

fn as_keys(body: &[u8]) -> String {
    let mut keys = PublicKeys::default();
    outcome(keys.read(body), |()| {
        if keys.is_empty() {
            "none".into()
        } else {
            "some".into()
        }
    })
}

fn as_signatures(body: &[u8]) -> String {
    let mut signatures = Signatures::new();
    let read = read_signatures(body, &mut signatures);
    outcome(read, |()| signatures.len().to_string())
}

fn as_executions(body: &[u8]) -> String {
    outcome(plain(body), |text| {
        let mut statistics = Statistics::default();
        read_executions("nasty", &text, quick_query_id, &mut statistics);
        format!(
            "{} executions; {}",
            statistics.told(),
            reasons(&statistics.rejects)
        )
    })
}

fn as_bill(body: &[u8]) -> String {
    let mut reader = BillReader::new(CostMetric::Unblended, TimeWindow::ALL, BTreeSet::new());
    let read = reader.read("nasty", body);
    outcome(read.map(|()| reader.finish()), |bill| {
        format!(
            "{} lines; {}",
            bill.lines.len(),
            reasons(&bill.coverage.rejects)
        )
    })
}

fn as_units(body: &[u8]) -> String {
    let mut reader = UnitsReader::new(None, None);
    let read = reader.read("nasty", body);
    outcome(
        read.map(|()| reader.finish()),
        |qs_audit::ingest::ReadUnits { units, rejects, .. }| {
            format!("{} units; {}", units.len(), reasons(&rejects))
        },
    )
}

fn as_data_sources(body: &[u8]) -> String {
    let mut inventory = Inventory::default();
    read_data_sources("nasty", body, &mut inventory);
    format!(
        "{} sources; {}",
        inventory.data_sources.len(),
        reasons(&inventory.rejects)
    )
}

fn as_earlier_findings(body: &[u8]) -> String {
    let findings = outcome(read_previous(body), |known| {
        known.findings.len().to_string()
    });
    let report = outcome(read_report(body), |known| {
        known.found.findings.len().to_string()
    });
    format!("{findings} | {report}")
}

fn as_policy(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    outcome(Policy::parse(&text), |policy| {
        format!(
            "{} statements, {} reached",
            policy.statements.len(),
            policy.reach("sts:AssumeRole").len()
        )
    })
}

fn as_configuration(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    outcome(Settings::parse(&text, Path::new("qs-audit.toml")), |_| {
        "settings".to_owned()
    })
}

fn as_names(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    format!(
        "{:?} {:?}",
        DigestName::of(&text).is_some(),
        LogFileName::of(&text).is_some()
    )
}

type Parser = fn(&[u8]) -> String;

const PARSERS: [(&str, Parser); 13] = [
    ("log", as_log),
    ("contents", as_contents),
    ("digest", as_digest),
    ("public-keys", as_keys),
    ("signatures", as_signatures),
    ("executions", as_executions),
    ("bill", as_bill),
    ("units", as_units),
    ("data-sources", as_data_sources),
    ("earlier-findings", as_earlier_findings),
    ("policy", as_policy),
    ("configuration", as_configuration),
    ("names", as_names),
];

/// Inputs that are nasty for one parser: nearly right.
#[expect(clippy::too_many_lines, reason = "a list")]
fn nearly_right() -> Vec<(&'static str, &'static str, String)> {
    let policy =
        |statement: &str| format!("{{\"Version\":\"2012-10-17\",\"Statement\":{statement}}}");
    let digest = |member: &str| {
        format!(
            "{{\"digestPublicKeyFingerprint\":\"f\",\"digestS3Bucket\":\"b\",\"digestS3Object\":\"o\",\
             \"previousDigestSignature\":null,\"digestEndTime\":\"2026-07-01T11:00:31Z\",\
             \"digestStartTime\":\"2026-07-01T10:00:31Z\",\"logFiles\":[]{member}}}"
        )
    };
    let mut all = Vec::new();
    for (name, statement) in [
        ("no-statement", "null"),
        ("statement-of-text", "\"Allow\""),
        (
            "effect-of-another-case",
            "{\"Effect\":\"allow\",\"Action\":\"*\",\"Resource\":\"*\"}",
        ),
        ("no-effect", "{\"Action\":\"*\",\"Resource\":\"*\"}"),
        (
            "action-and-not-action",
            "{\"Effect\":\"Allow\",\"Action\":\"*\",\"NotAction\":\"*\",\"Resource\":\"*\"}",
        ),
        (
            "action-of-numbers",
            "{\"Effect\":\"Allow\",\"Action\":[1],\"Resource\":\"*\"}",
        ),
        (
            "condition-of-text",
            "{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":\"x\"}",
        ),
        (
            "stars",
            "{\"Effect\":\"Allow\",\"Action\":\"sts:*********A*s*s*u*m*e*\",\"Resource\":\"*\"}",
        ),
        (
            "principal-of-numbers",
            "{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":1},\"Action\":\"*\"}",
        ),
        (
            "empty-lists",
            "{\"Effect\":\"Deny\",\"Action\":[],\"Resource\":[]}",
        ),
    ] {
        all.push(("policy", name, policy(statement)));
    }
    for (name, member) in [
        ("sound", ""),
        (
            "previous-without-bucket",
            ",\"previousDigestS3Object\":\"p\"",
        ),
        (
            "previous-of-a-number",
            ",\"previousDigestS3Object\":1,\"previousDigestS3Bucket\":\"b\"",
        ),
        (
            "hash-of-sixty-three",
            ",\"previousDigestS3Object\":\"p\",\"previousDigestS3Bucket\":\"b\",\"previousDigestHashValue\":\"abc\"",
        ),
        (
            "log-file-without-hash",
            ",\"logFiles\":[{\"s3Bucket\":\"b\",\"s3Object\":\"o\"}]",
        ),
        ("log-files-of-text", ",\"logFiles\":\"none\""),
        ("end-of-a-number", ",\"digestEndTime\":0"),
        (
            "end-far-away",
            ",\"digestEndTime\":\"+999999-01-01T00:00:00Z\"",
        ),
        ("no-required-member", ",\"digestS3Bucket\":null"),
    ] {
        all.push(("digest", name, digest(member)));
    }
    for (name, text) in [
        ("unknown-key", "[hub]\naccount = 1"),
        ("account-of-a-number", "[hub]\naccount_id = 111122223333"),
        ("account-too-short", "[hub]\naccount_id = \"1\""),
        (
            "role-that-is-none",
            "[hub]\naccount_id = \"111122223333\"\nrun_as_roles = [\"x\"]",
        ),
        (
            "logs-with-two-places",
            "[[logs]]\npath = \"a\"\ns3 = \"s3://b\"",
        ),
        (
            "twice-the-same-table",
            "[hub]\naccount_id = \"111122223333\"\n[hub]\naccount_id = \"111122223333\"",
        ),
        (
            "price-below-nothing",
            "[pricing]\nusd_per_tb = { us-east-1 = \"-5\" }",
        ),
        ("rule-that-is-none", "[rules.no-such-rule]\nenabled = false"),
        (
            "date-that-is-none",
            "[[suppressions]]\nrule = \"*\"\nsubject = \"*\"\nreason = \"r\"\nexpires = 2026-02-30",
        ),
        ("keys-of-a-text", "[verify]\npublic_keys = \"keys.json\""),
        ("unknown-key-of-verify", "[verify]\npublic_key = []"),
    ] {
        all.push(("configuration", name, text.to_owned()));
    }
    let folder = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/07/01/";
    for (name, text) in [
        (
            "digest",
            format!(
                "{folder}111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260701T100031Z.json.gz"
            ),
        ),
        (
            "trail-of-separators",
            format!(
                "{folder}111122223333_CloudTrail-Digest_us-east-1______us-east-1_20260701T100031Z.json.gz"
            ),
        ),
        (
            "no-trail",
            format!(
                "{folder}111122223333_CloudTrail-Digest_us-east-1_us-east-1_20260701T100031Z.json.gz"
            ),
        ),
        (
            "month-thirteen",
            format!(
                "{folder}111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261301T100031Z.json.gz"
            ),
        ),
        (
            "letters-of-two-bytes",
            format!(
                "{folder}111122223333_CloudTrail-Digest_us-east-1_té_us-east-1_2026é701T100031Z.json.gz"
            ),
        ),
        ("slashes", "/".repeat(1000)),
    ] {
        all.push(("names", name, text));
    }
    for (name, text) in [
        (
            "cost-explorer-amount",
            "{\"ResultsByTime\":[{\"TimePeriod\":{\"Start\":\"2026-07-01\",\"End\":\"2026-07-02\"},\"Groups\":[{\"Keys\":[\"444455556666\",\"USE1-DataScannedInTB\"],\"Metrics\":{\"UnblendedCost\":{\"Amount\":\"1e400\",\"Unit\":\"USD\"}}}]}],\"GroupDefinitions\":[{\"Type\":\"DIMENSION\",\"Key\":\"LINKED_ACCOUNT\"},{\"Type\":\"DIMENSION\",\"Key\":\"USAGE_TYPE\"}]}",
        ),
        (
            "cost-explorer-period-of-ages",
            "{\"ResultsByTime\":[{\"TimePeriod\":{\"Start\":\"0001-01-01\",\"End\":\"9999-12-31\"},\"Groups\":[]}],\"GroupDefinitions\":[{\"Type\":\"DIMENSION\",\"Key\":\"LINKED_ACCOUNT\"},{\"Type\":\"DIMENSION\",\"Key\":\"USAGE_TYPE\"}]}",
        ),
        (
            "report-without-columns",
            "line_item_usage_account_id\n444455556666\n",
        ),
    ] {
        all.push(("bill", name, text.to_owned()));
    }
    all
}

#[test]
fn every_nasty_input_ends_as_it_must() {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (name, body) in inputs() {
        for (parser, parse) in PARSERS {
            found.insert(format!("{parser}/{name}"), parse(&body));
        }
    }
    let parsers: BTreeMap<&str, Parser> = PARSERS.into_iter().collect();
    for (parser, name, text) in nearly_right() {
        let known = found.insert(
            format!("{parser}/nearly-{name}"),
            parsers[parser](text.as_bytes()),
        );
        assert_eq!(known, None, "{name}");
    }
    assert!(found.len() >= 200, "{}", found.len());
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap();
        fs::write(EXPECTED, text + "\n").unwrap();
    }
    let expected: BTreeMap<String, String> =
        serde_json::from_str(&fs::read_to_string(EXPECTED).unwrap()).unwrap();
    for (name, outcome) in &found {
        assert_eq!(expected.get(name), Some(outcome), "{name}");
    }
    assert_eq!(expected.len(), found.len());
    // What is neither taken nor empty is refused with a reason.
    for (name, outcome) in &expected {
        assert!(!outcome.ends_with("refused: "), "{name}");
    }
}

/// A bomb, endless records and an endless string, in a process that may have little
/// memory: named, not fatal.
#[cfg(unix)]
#[test]
fn memory_stays_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, body: &[u8]| fs::write(folder.path().join(name), body).unwrap();
    let zeros = vec![0_u8; 1 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..600 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    write("bomb.json.gz", &encoder.finish().unwrap());
    let record = "{\"eventVersion\":\"1.11\",\"eventSource\":\"ec2.amazonaws.com\",\"x\":1},";
    let endless = format!("{{\"Records\":[{}", record.repeat(1_500_000));
    write("endless-records.json.gz", &gzip(endless.as_bytes()));
    write(
        "endless-string.json",
        format!("{{\"Records\":[{{\"a\":\"{}", "x".repeat(80 << 20)).as_bytes(),
    );
    write(
        "endless-nesting.json",
        "[{\"a\":".repeat(8 << 20).as_bytes(),
    );
    let program = assert_cmd::cargo::cargo_bin("qs-audit");
    let mut shell = assert_cmd::Command::new("sh");
    shell.env_clear().current_dir(folder.path());
    // In kilobytes: the limit of two objects inflated at once, and of what is stored.
    let line = format!(
        "ulimit -v 2000000 && exec {} chains --logs . --from 2020-01-01 --threads 2 --format json",
        program.display()
    );
    let answer = shell.args(["-c", &line]).output().unwrap();
    let told = String::from_utf8_lossy(&answer.stderr);
    let document: serde_json::Value =
        serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{told}"));
    let rejects = document["coverage"]["rejects"]["by_reason"].to_string();
    for name in [
        "bomb",
        "endless-records",
        "endless-string",
        "endless-nesting",
    ] {
        assert!(rejects.contains(name), "{name}: {rejects}");
    }
    let records = &document["coverage"]["records"];
    assert!(
        records["not_relevant"].as_u64().unwrap() >= 1_499_999,
        "{records}"
    );
}

#[test]
fn nothing_nasty_ends_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("AWSLogs");
    fs::create_dir(&logs).unwrap();
    for (name, body) in inputs() {
        fs::write(logs.join(format!("{name}.json.gz")), body).unwrap();
    }
    for command in ["chains", "findings", "verify"] {
        let mut run = program();
        run.current_dir(folder.path());
        run.args([
            command,
            "--logs",
            "AWSLogs",
            "--from",
            "2020-01-01",
            "--format",
            "json",
        ]);
        let answer = run.output().unwrap();
        let told = String::from_utf8_lossy(&answer.stderr);
        assert!(!told.contains("panicked"), "{told}");
        assert!(
            matches!(answer.status.code(), Some(0 | 3 | 10)),
            "{command}: {told}"
        );
        assert!(
            serde_json::from_slice::<serde_json::Value>(&answer.stdout).is_ok(),
            "{told}"
        );
    }
}
